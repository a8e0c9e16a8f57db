"""Checkpoints of trials that have not ended, a file each; the driver alone reads and writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dsn.durable import write_folder
from dsn.errors import InvalidInput
from pipeline.workspace.layout import Workspace

_TRIAL_ID = re.compile(r"[0-9a-f]{16}")

# Left by a writer that was killed (dsn.durable).
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.\w+\.tmp")


class Checkpoints:
    """The newest checkpoint of each trial, as bytes that only ``pipeline.trial.training`` understands.

    A file is whole or absent, whatever interrupts the writer. Every method may raise OSError, a full disk for one; the
    checkpoint before is then still there.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.checkpoints

    def write(self, trial_id: str, content: bytes) -> None:
        """In place of the one before."""
        path = self._path(trial_id)
        write_folder(path.parent, {path.name: content})

    def read(self, trial_id: str) -> bytes | None:
        """None if there is none. It may be damaged all the same: whoever goes on from it finds out."""
        try:
            return self._path(trial_id).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, trial_id: str) -> None:
        """Once the trial has ended; nothing happens if there is none."""
        self._path(trial_id).unlink(missing_ok=True)

    def keep_only(self, trial_ids: Iterable[str]) -> None:
        """Remove those of all other trials, and what a killed writer left. What is nothing of ours stays."""
        kept = set(trial_ids)
        try:
            found = list(self._folder.iterdir())
        except FileNotFoundError:
            return
        for path in found:
            of_another = _TRIAL_ID.fullmatch(path.name) and path.name not in kept
            if (of_another or _UNFINISHED.fullmatch(path.name)) and (path.is_file() or path.is_symlink()):
                path.unlink(missing_ok=True)

    def _path(self, trial_id: str) -> Path:
        """An id is no path: it cannot lead out of the folder."""
        if not _TRIAL_ID.fullmatch(trial_id):
            raise InvalidInput("must be 16 hexadecimal digits", key="trial", value=trial_id)
        return self._folder / trial_id
