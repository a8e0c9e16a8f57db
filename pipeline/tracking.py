"""MLflow as a projection of the ledger: a parent run a study, a child run a trial. The only file that imports mlflow.

Run as a process (``python -m pipeline.tracking WORKSPACE STUDY``): it projects what the ledgers hold, follows the
study's ledger until its standard input closes, projects the rest and ends. Everything is idempotent: a run is found
again by its tags, points are sent with the times at which they were recorded, and MLflow takes the same point twice as
once. So it may be killed at any moment and started again, or run on an empty store to rebuild it.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from pipeline.ledger import TrialState, ledger_file, read_records, read_states
from pipeline.outcome import HISTORY
from pipeline.planning import TrialSpec
from pipeline.record import StudyRecord, load_record
from pipeline.workspace import Workspace

FOLLOW_EVERY = 0.2
"""Seconds between two looks at the ledger."""

States = Mapping[str, TrialState]

KIND, STUDY, TRIAL = "kind", "study", "trial_id"

# Without it MLflow opens the experiment in its view for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

_METRICS_A_CALL = 1000
_LONGEST_TAG = 5000
_RUNS_A_PAGE = 1000


class Projection:
    """A study's runs in one MLflow store. Times are those of the ledger, so that a rebuilt store equals the first."""

    def __init__(self, client: MlflowClient, workspace: Workspace, record: StudyRecord, states: States) -> None:
        self._client = client
        self._workspace = workspace
        self._record = record
        self._trials = {trial.trial_id: trial for trial in record.trials}
        self._experiment = self._ensured_experiment()
        self._parent = self._ensured_parent(min(self._times(states), default=time.time()))
        self._runs = {run.data.tags[TRIAL]: run for run in self._found(f"tags.{KIND} = 'trial'")}

    def apply(self, record: Mapping[str, Any]) -> None:
        """Bring a trial's run to what a record of the ledger says; those of other studies' trials are passed over."""
        trial = self._trials.get(record["trial"])
        if trial is None:
            return
        if record["event"] == "started":
            self._start(trial, record)
        else:
            self._finish(trial, record)

    def settle(self, states: States) -> None:
        """Leave no run RUNNING of a trial that is not, publish the report, and close the parent."""
        for trial_id, run in self._runs.items():
            state = states.get(trial_id, TrialState(status="pending"))
            if run.info.status == "RUNNING" and state.status in ("pending", "running"):
                self._end(run, "KILLED", time.time())
        report = self._workspace.report(self._record.name)
        if report.is_dir():
            self._client.log_artifacts(self._parent.info.run_id, str(report), "report")
        counts = self._record.counts(states)
        for status, count in counts.items():
            self._client.set_tag(self._parent.info.run_id, f"trials.{status}", str(count))
        complete = counts["done"] + counts["pruned"] + counts["failed"] == len(self._record.trials)
        status = ("FAILED" if counts["failed"] else "FINISHED") if complete else "KILLED"
        self._end(self._parent, status, max(self._times(states), default=time.time()))

    def _times(self, states: States) -> list[float]:
        """When the study's trials last began or ended."""
        records = [states[trial_id].record for trial_id in self._trials if trial_id in states]
        return [
            time for record in records if record for time in (record.get("started", record["time"]), record["time"])
        ]

    def _ensured_experiment(self) -> str:
        name = self._record.name
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            if experiment.lifecycle_stage == "deleted":
                self._client.restore_experiment(experiment.experiment_id)
            return str(experiment.experiment_id)
        local = self._record.tracking.uri is None
        location = (self._workspace.tracking_artifacts / name).as_uri() if local else None
        return str(self._client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS))

    def _ensured_parent(self, began: float) -> Run:
        found = self._found(f"tags.{KIND} = 'study'")
        note = "\n\n".join(text for text in (self._record.question, self._record.reproduces) if text)
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            parent = found[0]
        else:
            tags = {KIND: "study", STUDY: self._record.name, MLFLOW_RUN_NOTE: note}
            parent = self._client.create_run(
                self._experiment, _milliseconds(began), tags, run_name=f"study {self._record.name}"
            )
        self._client.set_tag(parent.info.run_id, "trials.planned", str(len(self._record.trials)))
        self._client.log_text(parent.info.run_id, self._record.source, "study.yaml")
        return parent

    def _found(self, condition: str) -> list[Run]:
        """This study's runs that fulfil the condition, the oldest first."""
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"{condition} and tags.{STUDY} = '{self._record.name}'",
                max_results=_RUNS_A_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def _start(self, trial: TrialSpec, record: Mapping[str, Any]) -> Run:
        run = self._runs.get(trial.trial_id)
        if run is None:
            run = self._client.create_run(
                self._experiment,
                start_time=_milliseconds(record.get("started", record["time"])),
                tags=self._tags(trial),
                run_name=trial.title,
            )
            self._runs[trial.trial_id] = run
        elif run.info.status not in ("RUNNING", "FINISHED"):
            self._client.update_run(run.info.run_id, status="RUNNING")
            run.info._status = RunStatus.to_string(RunStatus.RUNNING)
        return run

    def _finish(self, trial: TrialSpec, record: Mapping[str, Any]) -> None:
        run = self._start(trial, record)
        if run.info.status == "FINISHED":
            return
        folder = self._workspace.trial(trial.trial_id)
        run_id = run.info.run_id
        metrics = self._final_metrics(record) + self._curve(folder, record)
        error = record.get("error") or {}
        tags = dict(record["provenance"]) | {f"error.{key}": value for key, value in error.items()}
        params = _parameters(trial)
        for first in range(0, len(metrics), _METRICS_A_CALL):
            self._client.log_batch(run_id, metrics=metrics[first : first + _METRICS_A_CALL])
        self._client.log_batch(
            run_id,
            params=[Param(key, value) for key, value in params.items()],
            tags=[RunTag(key, str(value)[:_LONGEST_TAG]) for key, value in tags.items()],
        )
        for name in record["artifacts"]:
            self._client.log_artifact(run_id, str(folder / name))
        # Last: a run that is not ended is projected again from the start.
        self._end(run, "FINISHED" if record["event"] == "done" else "FAILED", record["time"])

    def _end(self, run: Run, status: str, when: float) -> None:
        self._client.set_terminated(run.info.run_id, status, end_time=_milliseconds(when))
        run.info._status = status

    def _tags(self, trial: TrialSpec) -> dict[str, str]:
        arms = [cell.arm for cell in self._record.cells if cell.trial_id == trial.trial_id]
        return {
            KIND: "trial",
            STUDY: self._record.name,
            TRIAL: trial.trial_id,
            "arm": "; ".join(dict.fromkeys(arms)),
            "dataset": trial.config.data.name,
            "seed": str(trial.seed),
            MLFLOW_PARENT_RUN_ID: self._parent.info.run_id,
            MLFLOW_RUN_NAME: trial.title,
        }

    def _final_metrics(self, record: Mapping[str, Any]) -> list[Metric]:
        when = _milliseconds(record["time"])
        return [Metric(name, float(value), when, 0) for name, value in record["metrics"].items()]

    def _curve(self, folder: Path, record: Mapping[str, Any]) -> list[Metric]:
        """A bounded number of points of the learning curve, spread evenly, the last among them."""
        points = self._record.tracking.curve_points
        if HISTORY not in record["artifacts"] or points == 0:
            return []
        history = pd.read_parquet(folder / HISTORY)
        times = record["started"] + history["seconds"].cumsum()
        stride = -(-len(history) // points)
        chosen = range(len(history) - 1, -1, -stride)
        return [
            Metric(f"curve/{name}", float(history[name][row]), _milliseconds(times[row]), int(history["epoch"][row]))
            for row in reversed(chosen)
            for name in ("train_loss", "train_accuracy")
        ]


def _parameters(trial: TrialSpec) -> dict[str, str]:
    """The configuration under dotted names. Without the data's path: MLflow's parameters never change, folders move."""
    blocks = trial.config.to_dict()
    flat = {f"{room}.{key}": str(value) for room, block in blocks.items() for key, value in block.items()}
    del flat["data.path"]
    return flat | {"seed": str(trial.seed)}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def project(workspace: Workspace, study: str) -> None:
    """Bring MLflow up to date with the ledgers, following the study's own until standard input closes."""
    record = load_record(workspace, study)
    uri = record.tracking.uri or workspace.tracking_uri
    with _alone(workspace.study(study) / "tracking.lock"):
        with _alone(workspace.root / "mlflow.lock"):
            # Two processes that create or migrate one SQLite store at the same time break it.
            # Where to follow from is noted before the ledgers are read: what comes in between is projected twice.
            _, offset = read_records(ledger_file(workspace, study))
            states = read_states(workspace)
            projection = Projection(MlflowClient(uri), workspace, record, states)
        for state in states.values():
            if state.record is not None:
                projection.apply(state.record)
        for events in _followed(ledger_file(workspace, study), offset):
            for event in events:
                projection.apply(event)
        projection.settle(read_states(workspace))


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
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    project(Workspace(root=Path(sys.argv[1])), sys.argv[2])
