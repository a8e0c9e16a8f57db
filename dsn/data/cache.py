"""Descriptions of data sets kept in a JSON file, so that planning 85 sets does not read 85 sets.

An entry holds for files of the same path, size and time of last change. A cache can always be thrown away: a file that
is missing or damaged, or of another version, counts as empty.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dsn.data.description import Description, PartSummary
from dsn.data.files import Identity
from dsn.durable import write_atomic

_VERSION = 2
"""Raise when the same files would be described differently."""


class DescriptionCache:
    """Descriptions by source and files. Nothing is written before ``save``."""

    def __init__(self, path: Path) -> None:
        """Read the cache file ``path``, if there is one."""
        self._path = path
        self._entries = _entries(path)
        self._changed = False

    def get(self, source: str, identity: Identity) -> Description | None:
        """What is known of these files; None if nothing is, or if they have changed since."""
        entry = self._entries.get(_key(source, identity))
        try:
            if entry is None or entry["files"] != _plain(identity):
                return None
            parts = {role: _part(entry[role]) for role in ("train", "test")}
            return Description(content_hash=_text(entry["content_hash"]), **parts)
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, source: str, identity: Identity, description: Description) -> None:
        """Remember ``description``.

        ``identity`` must be from before the files were read, or a change made meanwhile would go unnoticed.
        """
        self._entries[_key(source, identity)] = {"files": _plain(identity), **asdict(description)}
        self._changed = True

    def save(self) -> None:
        """Write the file, if anything changed.

        A reader sees the old file or the new one, never a part; of two writers the last one wins.
        """
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, json.dumps({"version": _VERSION, "entries": self._entries}))
        self._changed = False


def _entries(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = document["entries"] if document["version"] == _VERSION else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _key(source: str, identity: Identity) -> str:
    # Without size and time, so that a file that changed replaces its entry.
    return json.dumps([source, *(path for _, path, _, _ in identity)])


def _plain(identity: Identity) -> list[list[str | int]]:
    return [list(file) for file in identity]


def _part(entry: dict[str, Any]) -> PartSummary:
    n, channels, length = (_count(entry[key]) for key in ("n", "channels", "length"))
    labels = tuple(_text(label) for label in entry["labels"])
    return PartSummary(n=n, channels=channels, length=length, labels=labels)


def _count(value: object) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value
