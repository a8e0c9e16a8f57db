"""Putting a bundle's study into a workspace. What comes from elsewhere is not trusted: nothing is taken that a bundle
does not hold, and nothing is changed before all of it has been looked at."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import FiniteFloat, NonNegativeInt, ValidationError

from dsn.durable import write_atomic
from dsn.errors import InvalidInput
from pipeline.analysis.published import parse_published
from pipeline.bundle.contents import MEMBER, TRIAL_ID, VERSIONS, against_member, lines_member, record_member
from pipeline.study.validation import adapter
from pipeline.trial.outcome import ARTIFACTS
from pipeline.workspace.layout import AGAINST, Workspace
from pipeline.workspace.ledger import as_lines, ledger_file, parse_lines, read_states
from pipeline.workspace.lifecycle import TrialState, lifted
from pipeline.workspace.lock import driver_lock
from pipeline.workspace.record import StudyRecord, parse_record, record_file, record_text

MOST_TIMES = 200
"""A bundle unpacks to no more than so many times its own size. Those of real studies unpack to some ten times; what is
made to fill disks, to a thousand."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came into a workspace.

    Attributes:
        study: its name.
        kept: how many of its trials the workspace had done already; they stayed as they were there.
        report: name of each file of the bundle's own report -> SHA-256 of its content.
        versions: of the program and the libraries that wrote that report.
    """

    study: str
    kept: int
    report: Mapping[str, str]
    versions: Mapping[str, str]

    def differing(self, folder: Path) -> list[str]:
        """The files of a report in ``folder`` that are not, to the byte, those of the bundle's."""
        written = {path.name: _digest(path.read_bytes()) for path in folder.iterdir()}
        return sorted(
            name for name in written.keys() | self.report.keys() if written.get(name) != self.report.get(name)
        )


@dataclass(frozen=True, kw_only=True)
class _Error:
    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """What is relied on in a line of a ledger."""

    event: Literal["started", "lost", "reopened", "done", "failed"]
    trial: str
    time: FiniteFloat
    generation: NonNegativeInt = 0
    started: FiniteFloat = 0.0
    metrics: dict[str, FiniteFloat] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    error: _Error | None = None


def read_bundle(path: Path, workspace: Workspace) -> Imported:
    """Put a bundle's study into a workspace. Trials that are done there stay as they are.

    Raises:
        InvalidInput: it is no bundle, or not wholly one; the workspace has a study of that name. Nothing is changed.
        Locked: a study of the workspace is being run.
        OSError: something cannot be read or written.
    """
    with _opened(path) as archive:
        bundle = _Bundle(archive, path)
        name = bundle.record.name
        with driver_lock(workspace, name):
            if workspace.study(name).exists():
                raise InvalidInput("is in this workspace already; name another", key="study", value=name)
            known = read_states(workspace)
            ours = {trial for trial, state in known.items() if state.status == "done"}
            bundle.place(workspace, ours, known)
        return Imported(study=name, kept=len(ours & bundle.trials), report=bundle.report(), versions=bundle.versions)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # The last is what zipfile raises for a compression that it does not have.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InvalidInput(f"is damaged, or no zip file: {error}", place=str(path)) from error


class _Bundle:
    """An archive that has been looked at: all of its files are what they should be."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        self._entries = self._known_entries()
        study = self._only_study()
        self._require_bounded()
        content = archive.read(lines_member(study))
        self.record: StudyRecord = parse_record(archive.read(record_member(study)), f"{path}: study.json")
        self.trials = {trial.trial_id for trial in self.record.trials}
        self._lines = parse_lines(content, f"{path}: ledger.jsonl")
        self.versions = self._parsed_versions()
        self._against = archive.read(against_member(study)) if against_member(study) in self._entries else None
        if self._against is not None:
            parse_published(self._against, f"{path}: {AGAINST}")
        if self.record.name != study or not self._trials_fit() or not self._lines_fit(content):
            raise self._refused("is no bundle: its files are not of one study")

    def place(self, workspace: Workspace, ours: set[str], known: Mapping[str, TrialState]) -> None:
        """Unpack beside where the files belong, then move them there; the study itself last, so that it is whole once
        it is seen. Trials in ``ours`` are left out; what counts is no less than what is ``known`` of others."""
        wanted = [name for name, found in self._entries.items() if found["trial"] and found["trial"] not in ours]
        space = shutil.disk_usage(workspace.root).free
        if sum(self._archive.getinfo(name).file_size for name in wanted) > space:
            raise self._refused(f"does not fit on the disk of {workspace.root}, which has {space} bytes left")
        with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".import-") as folder:
            staged, name = Workspace(root=Path(folder)), self.record.name
            for member in wanted:
                self._unpack(member, staged.root / member)
            staged.study(name).mkdir(parents=True)
            record_file(staged, name).write_text(record_text(self.record), encoding="utf-8")
            lines = [line for line in self._lines if line["trial"] not in ours]
            ledger_file(staged, name).write_bytes(as_lines(lifted(lines, known)))
            os.sync()
            for trial_id in sorted({self._entries[member]["trial"] for member in wanted}):
                # What lies there is of a trial that no ledger calls done.
                shutil.rmtree(workspace.trial(trial_id), ignore_errors=True)
                workspace.trial(trial_id).parent.mkdir(exist_ok=True)
                staged.trial(trial_id).rename(workspace.trial(trial_id))
            self._place_against(workspace.report(name) / AGAINST)
            workspace.ledgers.mkdir(exist_ok=True)
            staged.study(name).rename(workspace.study(name))

    def _place_against(self, target: Path) -> None:
        """Where the report that is about to be written looks for it; an earlier study's of this name is not its own."""
        if self._against is None:
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, self._against)

    def report(self) -> dict[str, str]:
        """Name and SHA-256 of each file of its report."""
        found = {match["report"]: name for name, match in self._entries.items() if match["report"]}
        return {report: _digest(self._archive.read(name)) for report, name in found.items()}

    def _unpack(self, member: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)

    def _known_entries(self) -> dict[str, re.Match[str]]:
        """Its files by name: plain ones, unencrypted, none twice, and all of those that a bundle may have."""
        found: dict[str, re.Match[str]] = {}
        for entry in self._archive.infolist():
            match = re.fullmatch(MEMBER, entry.filename)
            plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG) and not entry.flag_bits & 1
            if match is None or not plain or entry.filename in found:
                raise self._refused("holds what no bundle does", value=entry.filename)
            found[entry.filename] = match
        return found

    def _only_study(self) -> str:
        named = {match[group] for match in self._entries.values() for group in ("study", "reported") if match[group]}
        study = next(iter(named), "")
        if len(named) != 1 or not {record_member(study), lines_member(study), VERSIONS} <= self._entries.keys():
            raise self._refused("is no bundle: it has not the plan and the results of one study")
        return str(study)

    def _require_bounded(self) -> None:
        size = sum(entry.file_size for entry in self._archive.infolist())
        if size > MOST_TIMES * self._path.stat().st_size:
            raise self._refused(f"would unpack to {size} bytes, more than {MOST_TIMES} times its size")

    def _trials_fit(self) -> bool:
        """Names of folders are ids, and those of this study's trials."""
        placed = {match["trial"] for match in self._entries.values() if match["trial"]}
        return placed <= self.trials and all(re.fullmatch(TRIAL_ID, trial) for trial in self.trials)

    def _lines_fit(self, content: bytes) -> bool:
        try:
            lines = [adapter(_Line).validate_json(line, strict=True) for line in content.splitlines()]
        except ValidationError as error:
            where, problem = error.errors()[0]["loc"], error.errors()[0]["msg"]
            raise self._refused(f"ledger.jsonl: {'.'.join(map(str, where))}: {problem}") from error
        return (
            {line.trial for line in lines} <= self.trials
            and {name for line in lines for name in line.artifacts} <= set(ARTIFACTS)
            and all((line.error is not None) == (line.event in ("failed", "lost")) for line in lines)
        )

    def _parsed_versions(self) -> dict[str, str]:
        try:
            return adapter(dict[str, str]).validate_json(self._archive.read(VERSIONS))
        except ValidationError as error:
            raise self._refused(f"{VERSIONS} is not what it should be") from error

    def _refused(self, problem: str, **details: Any) -> InvalidInput:
        return InvalidInput(problem, place=str(self._path), **details)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
