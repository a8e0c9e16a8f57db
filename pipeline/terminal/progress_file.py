"""A run's snapshot in its study's folder, for other terminals. Only a view: the ledger is the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from pydantic import ValidationError

from pipeline.study.validation import adapter
from pipeline.terminal.progress import Phase, Snapshot
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import driven_study

EVERY = 1.0
"""Seconds between two writings, unless a new phase begins."""

_FILE = "progress.json"


class ProgressFile:
    """The writing end: of the driver, which holds the workspace's lock. A file that cannot be written stops no run.

    Args:
        workspace: of the run.
        study: its name.
        say: takes a line.
    """

    def __init__(self, workspace: Workspace, study: str, say: Callable[[str], None]) -> None:
        self._path = workspace.study(study) / _FILE
        self._say = say
        self._written: tuple[Phase, float] | None = None
        self._failed = False

    def write(self, snapshot: Snapshot) -> None:
        """Replace the file, if it is time."""
        if self._written and self._written[0] == snapshot.phase and 0 <= snapshot.time - self._written[1] < EVERY:
            return
        self._written = (snapshot.phase, snapshot.time)
        # Whole or not at all, for readers; not synced to the disk, as nobody needs it after a power cut.
        new = self._path.with_suffix(".tmp")
        with self._only_a_view():
            new.write_text(json.dumps(asdict(snapshot)), encoding="utf-8")
            new.replace(self._path)

    def remove(self) -> None:
        """What lies here is of an earlier run."""
        with self._only_a_view():
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _only_a_view(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Said once. When results cannot be written either, the ledger will say so, and stop the run.
            if not self._failed:
                self._say(f"dsn: `dsn status` will not see how far running trials are: {error}")
            self._failed = True


def read_progress(workspace: Workspace, study: str) -> Snapshot | None:
    """The last snapshot of the run that goes on now; None if none does, or it has not written yet.

    What a killed driver left behind is not shown: nobody holds its lock any more.
    """
    return last_progress(workspace, study) if driven_study(workspace) == study else None


def last_progress(workspace: Workspace, study: str) -> Snapshot | None:
    """The last snapshot of the last run, whether or not it goes on."""
    try:
        return adapter(Snapshot).validate_json((workspace.study(study) / _FILE).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return None  # another version of this program wrote it; the ledger can be read all the same
