"""The files that a data set is read from: by role, so that a hash does not depend on where they lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from dsn.errors import InvalidData

SourceFiles = Mapping[str, Path]
"""Path by role (``train``, ``test``, ``both``), in an order that each source fixes."""

Identity = tuple[tuple[str, str, int, int], ...]
"""(role, absolute path, size in bytes, time of last change in ns) of every file."""

_CHUNK = 1 << 20


def content_hash(files: SourceFiles) -> str:
    """SHA-256, hex, over role, size and bytes of every file: the same data elsewhere has the same hash."""
    digest = hashlib.sha256()
    for role, path in files.items():
        try:
            with path.open("rb") as file:
                digest.update(f"{role}:{os.fstat(file.fileno()).st_size}:".encode())
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise _unreadable(path, error) from error
    return digest.hexdigest()


def identify(files: SourceFiles) -> Identity:
    """What tells cheaply whether a file has changed since it was last read."""
    return tuple(_identify(role, path) for role, path in files.items())


def _identify(role: str, path: Path) -> tuple[str, str, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return role, str(path.absolute()), status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> InvalidData:
    return InvalidData(f"cannot be read: {error.strerror or error}", place=str(path))


def shown(files: SourceFiles) -> str:
    """The paths, for an error message."""
    return " and ".join(str(path) for path in files.values())
