"""The durable record of every trial's life, and the truth on resume.

One append-only file of JSON lines a study, synced to disk at every line, written by the one driver that holds the
workspace's lock (``pipeline.lock``). A trial that is done in one study's ledger is done for all studies that contain
it.

Events: ``started`` (a worker has begun), ``done`` (with its results) and ``failed`` (with its error). Whatever a crash
leaves behind can be read: a last line without its end was never acknowledged, and is cut off by the next writer.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydantic_core import from_json

from dsn.durable import sync_folder
from dsn.errors import InvalidInput
from pipeline.lock import driven_study
from pipeline.workspace import Workspace

Status = Literal["pending", "running", "done", "pruned", "failed"]
STATUSES: tuple[Status, ...] = ("done", "pruned", "failed", "running", "pending")

EVENTS = ("started", "lost", "done", "failed")

_FILE = "ledger.jsonl"

_NUMBER = rb"[0-9.e+-]+"
_HEAD = re.compile(
    rb'\{"event":"(started|lost|done|failed)","trial":"([0-9a-f]+)","time":(%b)(?:,"started":(%b))?[,}]'
    % (_NUMBER, _NUMBER)
)
"""How ``Ledger.append`` begins a line. What begins in another way is read as JSON."""


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """What the ledgers say of one trial. ``record`` is its last event; None while it has none."""

    status: Status
    record: Mapping[str, Any] | None = None


class Ledger:
    """The writing end of a study's ledger. Whoever opens it must hold the workspace's lock (``pipeline.lock``)."""

    def __init__(self, workspace: Workspace, study: str) -> None:
        folder = workspace.study(study)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = _open_for_appending(folder / _FILE)

    def append(self, event: str, trial_id: str, **details: Any) -> None:
        """Write one event; when this returns it is on disk. A write that fails leaves no part of the line behind."""
        line = as_lines([{"event": event, "trial": trial_id, "time": time.time(), **details}])
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            written = os.write(self._file, line)
            if written < len(line):
                raise OSError(f"only {written} of {len(line)} bytes could be written to the ledger")
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def as_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as a ledger has them: ASCII, numbers alone where there are numbers."""
    return b"".join(json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n" for record in records)


def _open_for_appending(path: Path) -> int:
    """Open, and cut off a torn last line: its writer died before it could act on it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    size = os.lseek(file, 0, os.SEEK_END)
    if size and os.pread(file, 1, size - 1) != b"\n":
        content = os.pread(file, size, 0)
        os.ftruncate(file, content.rfind(b"\n") + 1)
        os.fsync(file)
    sync_folder(path.parent)
    return file


def read_records(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The complete lines of a ledger file from byte ``offset``, and the offset after them."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], offset
    end = content.rfind(b"\n") + 1
    return parse_lines(content[:end], str(path)), offset + end


def parse_lines(lines: bytes, place: str) -> list[dict[str, Any]]:
    """What ``as_lines`` wrote.

    Raises:
        InvalidInput: it did not; with ``place``.
    """
    return [_record(line, place) for line in lines.splitlines()]


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = _parsed(line)
    except (ValueError, RecursionError) as error:
        # Not what a crash leaves: the disk, or an editor.
        raise InvalidInput("holds a line that is no record", value=line, place=place) from error
    if not isinstance(record, dict) or record.get("event") not in EVENTS:
        problem = "holds a record that this version does not know"
        raise InvalidInput(problem, value=line, place=place, choices=EVENTS)
    return record


def _parsed(line: bytes) -> Any:
    """JSON at twice the speed of ``json``, which is asked where a text holds half of a surrogate pair: a file's name
    may."""
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line)


def ledger_file(workspace: Workspace, study: str) -> Path:
    """The file that ``study``'s driver appends to."""
    return workspace.study(study) / _FILE


def read_states(workspace: Workspace) -> dict[str, TrialState]:
    """The state of every trial that any ledger of the workspace mentions."""
    driven = driven_study(workspace)
    ledgers = ((path, read_records(path)[0]) for path in _ledger_files(workspace))
    return prevailing(
        itertools.chain.from_iterable(states_of(lines, driven=path.parent.name == driven) for path, lines in ledgers)
    )


def read_times(workspace: Workspace) -> dict[str, TrialState]:
    """As ``read_states``, of records that have ``event, trial, time`` and ``started`` alone: for hundreds of thousands
    of trials."""
    driven = driven_study(workspace)
    ledgers = ((path, _heads(path)) for path in _ledger_files(workspace))
    return prevailing(
        itertools.chain.from_iterable(states_of(heads, driven=path.parent.name == driven) for path, heads in ledgers)
    )


def _heads(path: Path) -> Iterator[dict[str, Any]]:
    content = path.read_bytes()
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        found = _HEAD.match(line)
        if found is None:
            yield _record(line, str(path))
            continue
        event, trial, when, started = found.groups()
        head = {"event": event.decode(), "trial": trial.decode(), "time": float(when)}
        yield head if started is None else head | {"started": float(started)}


def prevailing(known: Iterable[tuple[str, TrialState]]) -> dict[str, TrialState]:
    """Of each trial the state that counts: what one study knows of a shared trial outweighs what another does not."""
    states: dict[str, TrialState] = {}
    for identity, state in known:
        other = states.get(identity)
        if other is None or _rank(state) >= _rank(other):
            states[identity] = state
    return states


def decisive_lines(workspace: Workspace, trial_ids: Collection[str]) -> list[dict[str, Any]]:
    """What the ledgers say of these trials: of each, all lines of the one ledger that its state comes from. A ledger of
    these lines alone says the same of them as all ledgers together."""
    ledgers = [read_records(path)[0] for path in _ledger_files(workspace)]
    deciding: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for number, lines in enumerate(ledgers):
        for identity, state in states_of(lines, driven=False):
            if _rank(state) >= ranks.get(identity, 0):
                deciding[identity], ranks[identity] = number, _rank(state)
    return [
        line
        for number, lines in enumerate(ledgers)
        for line in lines
        if line["trial"] in trial_ids and deciding[line["trial"]] == number
    ]


def _ledger_files(workspace: Workspace) -> list[Path]:
    return sorted(workspace.ledgers.glob(f"*/{_FILE}"))


def states_of(records: Iterable[Mapping[str, Any]], *, driven: bool) -> Iterator[tuple[str, TrialState]]:
    """The state of each trial in the lines of one ledger; ``driven`` says whether its study is being run."""
    last: dict[str, Mapping[str, Any]] = {}
    for record in records:
        if last.get(record["trial"], {}).get("event") != "done":
            last[record["trial"]] = record
    for identity, record in last.items():
        yield identity, TrialState(status=_status(record["event"], driven), record=record)


def _status(event: str, driven: bool) -> Status:
    if event == "started":
        return "running" if driven else "pending"
    if event == "lost":
        return "pending"
    return "done" if event == "done" else "failed"


def _rank(state: TrialState) -> int:
    """Done, then running, then the rest."""
    return {"done": 3, "pruned": 3, "running": 2, "failed": 1, "pending": 0}[state.status]
