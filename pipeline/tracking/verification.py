"""``dsn sync --verify``: MLflow compared with the ledger, run by run, to each tag, parameter, point and artifact.

What is missing is sent again. MLflow takes nothing back: where a run has what contradicts the ledger, it is deleted
(MLflow keeps it, for a person to restore), and the trial gets a new one. What somebody has added to a run, tags and
files, stays; metrics do not, as they are read back as the trial's.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pipeline.planning.plan import TrialSpec
from pipeline.tracking.content import Point, StudyContent
from pipeline.tracking.datasets import datasets_of
from pipeline.tracking.histories import RUNS_A_CALL, Comparable, known_histories
from pipeline.tracking.layout import LINES, REPORT, TRIAL
from pipeline.tracking.writer import FAILURES, found_runs
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import as_lines, decisive_lines, read_states
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import StudyRecord

_SAY_EVERY = 5.0

_AT_ONCE = 4
"""Artifacts that are fetched at a time."""

_STUDY = ""
"""In the place of a trial's id: the study's own run."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that MLflow has otherwise than the ledger.

    Attributes:
        trial: its id; empty for the study's own run.
        what: ``run``, ``status``, ``end``, ``data sets``, or a tag, parameter, metric or artifact with its name.
        found: in words.
    """

    trial: str
    what: str
    found: str


@dataclass(kw_only=True)
class Findings:
    """What a comparison has seen.

    Attributes:
        runs: compared; ``points`` and ``artifacts`` likewise.
        differences: all of them.
        again: trials whose runs are to be sent once more.
        refuted: ids of runs that have what no trial's run should have, and are to be deleted.
    """

    runs: int = 0
    points: int = 0
    artifacts: int = 0
    differences: list[Difference] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    refuted: set[str] = field(default_factory=set)


def compare(client: MlflowClient, workspace: Workspace, record: StudyRecord, say: Callable[[str], None]) -> Findings:
    """What MLflow has of a study that is not being run, against what it is to have. Changes nothing.

    Raises:
        mlflow's own exceptions: the store does not work.
    """
    return _Comparison(client, workspace, record).made(say)


class _Comparison:
    def __init__(self, client: MlflowClient, workspace: Workspace, record: StudyRecord) -> None:
        self._client = client
        self._workspace = workspace
        self._record = record
        self._content = StudyContent(workspace, record)
        self._states = read_states(workspace)
        self._trials = {trial.trial_id: trial for trial in record.trials}
        self._uses = {use.config: use for use in record.data}
        self._findings = Findings()
        self._known: Mapping[tuple[str, str], set[Comparable]] = {}
        self._parent = ""

    def made(self, say: Callable[[str], None]) -> Findings:
        parents, runs = self._found("study"), self._by_trial()
        self._compare_parent(parents[0] if parents else None)
        told = time.monotonic()
        trial_ids = [*self._trials, *(runs.keys() - self._trials.keys())]
        for number, trial_id in enumerate(trial_ids):
            if number % RUNS_A_CALL == 0:
                together = trial_ids[number : number + RUNS_A_CALL]
                self._known = known_histories(
                    self._client, [run for each in together for run in runs.get(each, [])[:1]]
                )
            if time.monotonic() > told + _SAY_EVERY:
                say(f"compared {number} of {len(self._trials)} trials with MLflow")
                told = time.monotonic()
            self._compare_trial(trial_id, runs.get(trial_id, []))
        return self._findings

    def _found(self, kind: str) -> list[Run]:
        experiment = self._client.get_experiment_by_name(self._record.name)
        if experiment is None or experiment.lifecycle_stage != "active":
            return []
        return found_runs(self._client, experiment.experiment_id, self._record.name, kind)

    def _by_trial(self) -> dict[str, list[Run]]:
        runs: dict[str, list[Run]] = {}
        for run in self._found("trial"):
            runs.setdefault(run.data.tags[TRIAL], []).append(run)
        return runs

    def _differs(self, trial: str, what: str, found: str) -> None:
        self._findings.differences.append(Difference(trial=trial, what=what, found=found))
        self._findings.again.add(trial)

    def _compare_parent(self, run: Run | None) -> None:
        if run is None:
            self._differs(_STUDY, "run", "missing")
            return
        self._findings.runs += 1
        self._parent = run.info.run_id
        states = {name: _settled(state) for name, state in self._states.items()}
        status, tags = self._content.parent_end(states)
        self._compare_values(_STUDY, "status", {"": status}, {"": run.info.status})
        self._compare_values(_STUDY, "tag", tags, run.data.tags)
        lines = as_lines(decisive_lines(self._workspace, self._trials))
        report = self._workspace.report(self._record.name)
        files: dict[str, Path | bytes] = {
            f"{REPORT}/{path.relative_to(report).as_posix()}": path for path in report.rglob("*") if path.is_file()
        }
        self._compare_artifacts(_STUDY, run, self._content.parent_files() | {LINES: lines} | files)

    def _compare_trial(self, trial_id: str, runs: list[Run]) -> None:
        trial, state = self._trials.get(trial_id), self._states.get(trial_id)
        ended = trial is not None and state is not None and state.status in ("done", "pruned", "failed")
        if ended and not runs:
            self._differs(trial_id, "run", "missing")
        for copy in runs[1:]:
            self._differs(trial_id, "run", f"one more, {copy.info.run_id}")
            self._findings.refuted.add(copy.info.run_id)
        for run in runs[:1]:
            self._findings.runs += 1
            if ended:
                assert trial is not None
                assert state is not None
                assert state.record is not None
                self._compare_run(trial, run, state.record)
            elif run.info.status == "RUNNING" or (run.info.status == "FINISHED" and trial is not None):
                # Nothing runs, and of a trial that the study has no more, the run stays as it was.
                self._differs(trial_id, "status", f"{run.info.status}, and the trial is pending")
                if state is None or state.record is None:
                    self._findings.refuted.add(run.info.run_id)

    def _compare_run(self, trial: TrialSpec, run: Run, line: Mapping[str, Any]) -> None:
        name, content = trial.trial_id, self._content.of(trial, line)
        self._compare_values(name, "status", {"": content.status}, {"": run.info.status})
        ended = max(content.ended, run.info.start_time)
        self._compare_values(name, "end", {"": str(ended)}, {"": str(run.info.end_time)})
        tags = {**self._content.names(trial, self._parent, line), **content.tags}
        self._compare_values(name, "tag", tags, run.data.tags)
        self._compare_values(name, "parameter", content.params, run.data.params)
        if any(run.data.params.get(key, value) != value for key, value in content.params.items()):
            self._findings.refuted.add(run.info.run_id)
        self._compare_points(name, run, content.points)
        self._compare_artifacts(name, run, content.artifacts)
        use = self._uses.get(trial.config.data)
        wanted = {each["digest"] for each in datasets_of(use).values()} if use else set()
        found = {each.dataset.digest for each in (run.inputs.dataset_inputs if run.inputs else ())}
        if not wanted <= found:
            self._differs(name, "data sets", "missing")

    def _compare_values(self, trial: str, kind: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
        """An empty value may as well be absent."""
        for key, value in wanted.items():
            there = found.get(key, "")
            if there != value:
                self._differs(trial, f"{kind} {key}".strip(), repr(there[:80]) if key in found else "missing")

    def _compare_points(self, trial: str, run: Run, points: Iterable[Point]) -> None:
        wanted: dict[str, set[Comparable]] = {}
        for point in points:
            wanted.setdefault(point.key, set()).add(point.comparable())
        for key in sorted(wanted.keys() | run.data.metrics.keys()):
            self._findings.points += len(wanted.get(key, ()))
            if key in wanted and wanted[key] == self._known.get((run.info.run_id, key)):
                continue
            history = self._client.get_metric_history(run.info.run_id, key)
            found = {Point(each.key, each.value, each.timestamp, each.step).comparable() for each in history}
            missing, surplus = wanted.get(key, set()) - found, found - wanted.get(key, set())
            if missing:
                self._differs(trial, f"metric {key}", f"{len(missing)} of {len(wanted[key])} points missing")
            if surplus:
                self._differs(trial, f"metric {key}", f"{len(surplus)} points that the ledger has not")
                self._findings.refuted.add(run.info.run_id)

    def _compare_artifacts(self, trial: str, run: Run, wanted: Mapping[str, Path | bytes]) -> None:
        # Asked itself: MlflowClient asks the server again for each artifact where those of the run are.
        kept = get_artifact_repository(run.info.artifact_uri, self._client.tracking_uri)
        rooms = {str(PurePosixPath(name).parent) for name in wanted}
        there = {file.path for room in rooms for file in kept.list_artifacts(None if room == "." else room)}
        self._findings.artifacts += len(wanted)
        fetched = [name for name in wanted if name in there]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            digests = dict(zip(fetched, pool.map(partial(_digest_in, kept), fetched), strict=True))
        for name, source in wanted.items():
            if name not in there:
                self._differs(trial, f"artifact {name}", "missing")
            elif digests[name] != _digest_of(source):
                self._differs(trial, f"artifact {name}", "of another content")


def _settled(state: TrialState) -> TrialState:
    return TrialState(status="pending", record=state.record) if state.status == "running" else state


def _digest_in(kept: ArtifactRepository, artifact: str) -> str | None:
    """SHA-256 of an artifact; None if it cannot be fetched, though it is listed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _digest_of(Path(kept.download_artifacts(artifact, folder)))  # type: ignore[no-untyped-call]
        except FAILURES:
            return None


def _digest_of(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def delete(client: MlflowClient, runs: Iterable[str]) -> None:
    """As MLflow does: it keeps them, and shows them no more."""
    for run_id in runs:
        client.delete_run(run_id)


def differences_in(findings: Findings) -> Iterator[dict[str, str]]:
    """As plain values."""
    for each in findings.differences:
        yield {"trial": each.trial, "what": each.what, "found": each.found}
