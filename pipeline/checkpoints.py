"""The newest checkpoint of each trial that has not ended, in the workspace."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dsn.durable import write_folder
from pipeline.workspace import Workspace


class Checkpoints:
    """Files named by trial ids."""

    def __init__(self, workspace: Workspace) -> None:
        self._folder: Path = workspace.root / "checkpoints"

    def write(self, trial_id: str, content: bytes) -> None:
        """Replace the trial's checkpoint; durable when this returns."""
        write_folder(self._folder, {trial_id: content})

    def read(self, trial_id: str) -> bytes | None:
        """The trial's newest one, if there is any."""
        try:
            return (self._folder / trial_id).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, trial_id: str) -> None:
        """The trial has ended."""
        (self._folder / trial_id).unlink(missing_ok=True)

    def keep_only(self, trial_ids: Collection[str]) -> None:
        """Remove those of all other trials."""
        for file in self._folder.glob("*"):
            if file.name not in trial_ids:
                file.unlink(missing_ok=True)
