"""The one process that writes a study to MLflow: it follows the ledger until its standard input closes.

What the ledgers hold is projected first; then what comes; then, when the driver has ended in whatever way, the rest. A
store that is away is tried again with growing pauses while lines wait in the outbox.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.study.tracking_uri import filled_in, sqlite_file
from pipeline.tracking.outbox import Line, Outbox, StoreAway
from pipeline.tracking.verification import compare, delete, differences_in
from pipeline.tracking.writer import FAILURES, HalfMade, Projection, connected
from pipeline.wording import counted
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import ledger_file, read_records, read_states
from pipeline.workspace.record import StudyRecord, load_record

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLLOW_EVERY = 0.2
"""Seconds between two looks at the ledger."""

PATIENCE = 20.0
"""Seconds without progress after which the process gives up, once nothing more is to come."""

_BESIDE = ("", "-journal", "-wal", "-shm")
"""Ends of the names of the files that are one database of SQLite."""


class Unprojected(Exception):
    """Trials that MLflow does not show as the ledger has them, with what stood in the way of each."""

    def __init__(self, missing: Mapping[str, str], planned: int, why_away: str = "") -> None:
        if not missing:
            super().__init__(f"the study's own run: {why_away}")
            return
        reasons: dict[str, list[str]] = {}
        for trial_id, reason in missing.items():
            reasons.setdefault(reason, []).append(trial_id)
        told = "; ".join(f"{_named(trial_ids)}: {reason}" for reason, trial_ids in reasons.items())
        super().__init__(f"{len(missing)} of {counted(planned, 'trial')}: {told}")


class StoreReplaced(Exception):
    """The database's file is not the one that MLflow has open. It keeps what it opened as long as the process lives."""


class _GuardedProjection:
    """A projection to a database file that must still be the one that was opened."""

    def __init__(self, projection: Projection, file: _OpenFile) -> None:
        self._projection = projection
        self._file = file

    def apply(self, line: Line) -> None:
        self._file.require_same()
        self._projection.apply(line)

    def count(self, lines: Mapping[str, Line]) -> None:
        self._file.require_same()
        self._projection.count(lines)

    def settle(self) -> None:
        self._file.require_same()
        self._projection.settle()
        self._file.require_same()


class _OpenFile:
    """Which file a path named when it was first opened; nothing, for a store that is no file."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def note(self) -> None:
        """Called when MLflow has opened it."""
        self.require_same()
        self._identity = self._found()

    def require_same(self) -> None:
        if self._identity is not None and self._found() != self._identity:
            raise StoreReplaced

    def _found(self) -> tuple[int, int] | None:
        try:
            state = Path(self._path).stat() if self._path else None
        except FileNotFoundError:
            return None
        return (state.st_dev, state.st_ino) if state else None


def project(workspace: Workspace, study: str) -> None:
    """Bring MLflow up to date with the ledgers, following the study's own until standard input closes.

    Raises:
        Unprojected: some trials could not be shown; all others were.
        StoreReplaced: the process is to be started again.
        InvalidInput: a person must mend the store, or its address.
    """
    record = load_record(workspace, study)
    with _writing(workspace, study):
        _project(workspace, record)


def verify(workspace: Workspace, study: str) -> dict[str, Any]:
    """Compare MLflow with the ledgers, mend what differs, and compare again.

    Returns:
        ``runs``, ``points`` and ``artifacts``: how many were compared in the end; ``differences``: what was found, each
        with ``trial`` (empty for the study's own run), ``what`` and ``found``; ``left``: of these, what is still so.

    Raises:
        Unprojected, StoreReplaced, InvalidInput: as ``project``; or the store does not work.
    """
    record = load_record(workspace, study)
    with _writing(workspace, study):
        try:
            client = _opened(workspace, record)
            first = last = compare(client, workspace, record, say)
            if first.differences:
                delete(client, first.refuted)
                _project(workspace, record, first.again)
                last = compare(client, workspace, record, say)
        except (StoreAway, *FAILURES) as error:
            raise Unprojected({}, len(record.trials), str(error)) from error
    return {
        "study": study,
        **{name: getattr(last, name) for name in ("runs", "points", "artifacts")},
        "differences": list(differences_in(first)),
        "left": list(differences_in(last)),
    }


def _project(workspace: Workspace, record: StudyRecord, again: Collection[str] = ()) -> None:
    """``again``: trials whose runs are sent once more, whatever these seem to have."""
    # Where to follow from is noted before the ledgers are read: what comes in between is projected twice.
    _, offset = read_records(ledger_file(workspace, record.name))
    outbox = _outbox(workspace, record, again)
    for lines in _followed(ledger_file(workspace, record.name), offset):
        outbox.put(lines)
        outbox.send()
    settled = _settled(outbox)
    missing = outbox.missing()
    if missing or not settled:
        raise Unprojected(missing, len(record.trials), outbox.why_away)


def _settled(outbox: Outbox) -> bool:
    """Whether the store took all that it will take, and closed what was open, before patience ended."""
    outbox.hurry()
    while not (outbox.send() and outbox.settle()):
        if outbox.stuck_for() > PATIENCE:
            return False
        time.sleep(FOLLOW_EVERY)
    return True


def _outbox(workspace: Workspace, record: StudyRecord, again: Collection[str]) -> Outbox:
    uri = workspace.tracking_uri if record.tracking.uri is None else filled_in(record.tracking.uri)
    file = _OpenFile(sqlite_file(uri))

    def connect() -> _GuardedProjection:
        file.require_same()
        client = _opened(workspace, record)
        file.note()
        return _GuardedProjection(Projection(client, workspace, record, read_states(workspace), again), file)

    outbox = Outbox(connect, say)
    planned = {trial.trial_id for trial in record.trials}
    states = read_states(workspace).items()
    outbox.put(state.record for trial_id, state in states if trial_id in planned and state.record is not None)
    return outbox


def _opened(workspace: Workspace, record: StudyRecord) -> MlflowClient:
    """As ``connected``; a database of the workspace that was never finished is moved out of the way."""
    # Two processes that create or migrate one SQLite store at the same time break it.
    with _alone(workspace.root / "mlflow.lock"):
        try:
            return connected(workspace, record)
        except HalfMade:
            _move_aside(Path(sqlite_file(workspace.tracking_uri) or ""))
            raise StoreReplaced from None


def say(text: str) -> None:
    """To whoever reads the process's log, or waits for ``dsn sync``."""
    print(text, file=sys.stderr, flush=True)


def _move_aside(database: Path) -> None:
    number = next(n for n in range(1, 10_000) if not database.with_name(f"{database.name}.broken-{n}").exists())
    for end in _BESIDE:
        part = database.with_name(f"{database.name}{end}")
        if part.exists():
            part.rename(database.with_name(f"{database.name}.broken-{number}{end}"))
    say(f"{database} was cut off while it was made: it is now {database.name}.broken-{number}, and is written anew")


def _followed(path: Path, offset: int) -> Iterator[list[dict[str, Any]]]:
    """New complete records of a file as they come, until standard input is closed; then the last ones."""
    while True:
        closed = _input_closed(FOLLOW_EVERY)
        records, offset = read_records(path, offset)
        yield records
        if closed:
            return


def _input_closed(wait: float) -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], wait)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


@contextmanager
def _writing(workspace: Workspace, study: str) -> Iterator[None]:
    """While no other process writes the study to MLflow; says for whom it waits."""
    with _alone(workspace.study(study) / "tracking.lock"):
        yield


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"waiting for {file.read() or 'another process'}, which writes to MLflow")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def _named(trial_ids: list[str]) -> str:
    return f"trial {trial_ids[0]}" + (f" and {len(trial_ids) - 1} more" if len(trial_ids) > 1 else "")
