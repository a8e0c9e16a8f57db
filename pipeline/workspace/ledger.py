"""The durable record of every trial's life, and the truth on resume.

One append-only file of JSON lines a study, synced to disk at every line, written by the one driver that holds the
workspace's lock (``pipeline.workspace.lock``). A trial that is done in one study's ledger is done for all studies that
contain it.

What lines mean is said in ``pipeline.workspace.lifecycle``. Whatever a crash leaves behind can be read: a last line
without its end was never acknowledged, and is cut off by the next writer.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic_core import from_json

from dsn.durable import sync_folder
from dsn.errors import InvalidInput
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lifecycle import EVENTS, TrialState, generation_of, prevailing, prevails, states_of
from pipeline.workspace.lock import driven_study

_FILE = "ledger.jsonl"

_NUMBER = rb"[0-9.e+-]+"
_HEAD = re.compile(
    rb'\{"event":"(%b)","trial":"([0-9a-f]+)"(?:,"generation":([0-9]+))?,"time":(%b)(?:,"started":(%b))?[,}]'
    % ("|".join(EVENTS).encode(), _NUMBER, _NUMBER)
)
"""How ``Ledger.append`` begins a line. What begins in another way is read as JSON."""

_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_PROVENANCE = re.compile(rb'"provenance":(\{(?:%b:%b,?)*\})' % (_TEXT, _TEXT))
"""In a line. Nothing within a text looks so: there the quotes are escaped."""

TIMED_BY = ("engine", "threads", "device", "resumed_from")
"""Of provenance, what the time that a trial took depends on."""


class Ledger:
    """The writing end of a study's ledger. Whoever opens it must hold the workspace's lock (``workspace.lock``)."""

    def __init__(self, workspace: Workspace, study: str) -> None:
        folder = workspace.study(study)
        folder.mkdir(parents=True, exist_ok=True)
        self._generations = _generations(workspace)
        self._path = folder / _FILE
        self._file = _open_for_appending(self._path)

    def append(self, event: str, trial_id: str, **details: Any) -> None:
        """Write one event; when this returns it is on disk. A write that fails leaves no part of the line behind.

        A line carries the generation of its trial, the highest that any ledger of the workspace knows; ``reopened``
        begins the next one.

        Raises:
            OSError: the disk is full, say; with the ledger's path.
        """
        self._write([self._line(event, trial_id, details)])

    def reopen(self, reasons: Mapping[str, str]) -> None:
        """``reopened`` for each trial id, with why; none of them if the write fails."""
        self._write([self._line("reopened", trial_id, {"why": why}) for trial_id, why in reasons.items()])

    def generation(self, trial_id: str) -> int:
        """Which of a trial's lives is written of now."""
        return self._generations.get(trial_id, 0)

    def _line(self, event: str, trial_id: str, details: Mapping[str, Any]) -> dict[str, Any]:
        assert event in EVENTS, event
        generation = self.generation(trial_id) + (event == "reopened")
        life = {"generation": generation} if generation else {}
        # As _HEAD has it, whatever the order of the details.
        began = {"started": details["started"]} if "started" in details else {}
        return {"event": event, "trial": trial_id, **life, "time": time.time(), **began, **details}

    def _write(self, lines: list[dict[str, Any]]) -> None:
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write_all(self._file, as_lines(lines))
            os.fdatasync(self._file)
        except OSError as error:
            error.filename = str(self._path)  # of a write to a descriptor the system names none
            os.ftruncate(self._file, end)
            raise
        self._generations |= {line["trial"]: line["generation"] for line in lines if line["event"] == "reopened"}

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


def _write_all(file: int, content: bytes) -> None:
    """A disk that fills takes the first part of a line and says nothing; asked to take the rest, it says why not."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


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
    if not isinstance(record, dict) or record.get("event") not in EVENTS or not isinstance(generation_of(record), int):
        problem = "holds a record that this version does not know"
        raise InvalidInput(problem, value=line, place=place, choices=tuple(EVENTS))
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
    """As ``read_states``, of records that have ``event, trial, generation, time, started`` and what ``TIMED_BY`` names
    of ``provenance`` alone, but for those of failures, which are whole: for hundreds of thousands of trials. Of two
    ledgers that claim the same by other lines, it may take the other's times."""
    driven = driven_study(workspace)
    ledgers = ((path, _heads(path.read_bytes(), path)) for path in _ledger_files(workspace))
    return prevailing(
        itertools.chain.from_iterable(states_of(heads, driven=path.parent.name == driven) for path, heads in ledgers)
    )


def _heads(content: bytes, path: Path) -> Iterator[dict[str, Any]]:
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        found = _HEAD.match(line)
        if found is None or found[1] == b"failed":
            yield _record(line, str(path))
            continue
        event, trial, generation, when, started = found.groups()
        head: dict[str, Any] = {"event": event.decode(), "trial": trial.decode(), "time": float(when)}
        if generation is not None:
            head["generation"] = int(generation)
        if started is not None:
            head["started"] = float(started)
        told = _PROVENANCE.search(line) if event == b"done" else None
        if told is not None:
            try:
                head["provenance"] = _timed_by(told[1])
            except ValueError:
                _record(line, str(path))  # says what is wrong with it
        yield head


@lru_cache(maxsize=256)
def _timed_by(provenance: bytes) -> Mapping[str, str]:
    """One object for all trials of a run that say the same: memory is what there are hundreds of thousands of."""
    found = _parsed(provenance)
    return {name: found[name] for name in TIMED_BY if name in found}


def _generations(workspace: Workspace) -> dict[str, int]:
    """The highest of each trial that has been reopened."""
    found: dict[str, int] = {}
    for path in _ledger_files(workspace):
        content = path.read_bytes()
        # Most ledgers have none, and some have hundreds of thousands of lines.
        if b'"generation":' in content:
            for head in _heads(content, path):
                found[head["trial"]] = max(generation_of(head), found.get(head["trial"], 0))
    return {trial_id: generation for trial_id, generation in found.items() if generation}


def decisive_lines(workspace: Workspace, trial_ids: Collection[str]) -> list[dict[str, Any]]:
    """What the ledgers say of these trials: of each, all lines of the one ledger that its state comes from. A ledger of
    these lines alone says the same of them as all ledgers together."""
    ledgers = [read_records(path)[0] for path in _ledger_files(workspace)]
    deciding: dict[str, tuple[int, TrialState]] = {}
    for number, lines in enumerate(ledgers):
        for identity, state in states_of(lines, driven=False):
            if identity not in deciding or prevails(state, deciding[identity][1]):
                deciding[identity] = number, state
    return [
        line
        for number, lines in enumerate(ledgers)
        for line in lines
        if line["trial"] in trial_ids and deciding[line["trial"]][0] == number
    ]


def _ledger_files(workspace: Workspace) -> list[Path]:
    return sorted(workspace.ledgers.glob(f"*/{_FILE}"))
