"""MLflow as a projection of the ledger: a parent run a study, a child run a trial.

Run as a process (``python -m pipeline.tracking WORKSPACE STUDY``) it projects what the ledgers hold, follows the
study's ledger until its standard input closes, projects the rest and ends. Everything is idempotent: a run is found
again by its tags, points are sent with the times at which they were recorded, and MLflow takes the same point twice as
once. So it may be killed at any moment and started again, or run on an empty store to rebuild it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
)

from pipeline.ledger import TrialState, as_lines, decisive_lines, ledger_file, read_records, read_states
from pipeline.outcome import HISTORY
from pipeline.planning import DataUse, TrialSpec
from pipeline.record import StudyRecord, load_record, record_text
from pipeline.tracking.datasets import datasets_of
from pipeline.tracking.layout import (
    ARM,
    CURVE,
    DATASET,
    EVENT,
    KIND,
    LINES,
    LONG_EVENT,
    LONGEST_TAG,
    RECORD,
    REPORT,
    SEED,
    STUDY,
    TRIAL,
    arm_tags,
    event_text,
)
from pipeline.tracking.notes import error_note, report_note, study_note
from pipeline.tracking.views import is_changed, left_over, views_of
from pipeline.tracking_store import OUTDATED_SCHEMA, filled_in, outdated
from pipeline.wording import encodable
from pipeline.workspace import AGAINST, ARTIFACTS, Workspace

FOLLOW_EVERY = 0.2
"""Seconds between two looks at the ledger."""

States = Mapping[str, TrialState]

CURVES = ("train_loss", "train_accuracy", "test_accuracy")
"""Columns of the history that are shown as curves; an earlier version recorded no test accuracy by epoch."""

# Without it MLflow opens the experiment in its view for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

_ERROR = ("kind", "message", "traceback")
_PAUSES = (0, 1, 5)
_METRICS_A_CALL = 800
"""MLflow takes a thousand of metrics, parameters and tags together."""

_RUNS_A_PAGE = 1000


class Projection:
    """A study's runs in one MLflow store. Times are those of the ledger, so that a rebuilt store equals the first."""

    def __init__(self, client: MlflowClient, workspace: Workspace, record: StudyRecord, states: States) -> None:
        self._client = client
        self._workspace = workspace
        self._record = record
        self._trials = {trial.trial_id: trial for trial in record.trials}
        self._arms = arm_tags(record.cells)
        self._inputs = {use.config: _inputs(use) for use in record.data}
        began = min(self._times(states), default=time.time())
        self._experiment = self._ensured_experiment(began)
        self._parent = self._ensured_parent(began)
        self._runs = {run.data.tags[TRIAL]: run for run in self._found(f"tags.{KIND} = 'trial'")}
        self._with_inputs = {name for name, run in self._runs.items() if run.inputs and run.inputs.dataset_inputs}

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
        """When nothing runs any more: leave no run RUNNING, publish the ledgers' lines and the report, and close the
        parent.

        The driver may still hold its lock, so that the ledgers call a trial running that it has stopped.
        """
        states = {
            identity: replace(state, status="pending") if state.status == "running" else state
            for identity, state in states.items()
        }
        for trial_id, run in self._runs.items():
            state = states.get(trial_id, TrialState(status="pending"))
            if run.info.status == "RUNNING" and state.status == "pending":
                # The last that is known of it, so that every projection of a ledger says the same.
                self._end(run, "KILLED", state.record["time"] if state.record else time.time())
        lines = as_lines(decisive_lines(self._workspace, self._trials))
        self._client.log_text(self._parent.info.run_id, lines.decode(), LINES)
        report = self._workspace.report(self._record.name)
        if report.is_dir():
            self._log_report(report)
        counts = self._record.counts(states)
        for status, count in counts.items():
            self._client.set_tag(self._parent.info.run_id, f"trials.{status}", str(count))
        complete = counts["done"] + counts["pruned"] + counts["failed"] == len(self._record.trials)
        status = ("FAILED" if counts["failed"] else "FINISHED") if complete else "KILLED"
        self._end(self._parent, status, max(self._times(states), default=time.time()))

    def _log_report(self, folder: Path) -> None:
        run_id, beside = self._parent.info.run_id, f"{REPORT}/{AGAINST}"
        self._client.log_artifacts(run_id, str(folder), REPORT)
        logged = {file.path for file in self._client.list_artifacts(run_id, REPORT)}
        if beside in logged and not (folder / AGAINST).exists():
            # A store removes nothing: what an earlier report was set beside would come back from there.
            self._client.log_text(run_id, "", beside)
        note = report_note(folder / "report.md")
        if note is not None:
            self._client.set_tag(run_id, MLFLOW_RUN_NOTE, encodable(note))

    def _times(self, states: States) -> list[float]:
        """When the study's trials last began or ended."""
        records = [states[trial_id].record for trial_id in self._trials if trial_id in states]
        ends = [record["time"] for record in records if record]
        return ends + [record["started"] for record in records if record and "started" in record]

    def _ensured_experiment(self, began: float) -> str:
        name = self._record.name
        experiment = self._client.get_experiment_by_name(name)
        views = views_of(self._record, began)
        tags = _EXPERIMENT_TAGS | {MLFLOW_RUN_NOTE: study_note(self._record)} | views
        if experiment is None:
            location = self._artifact_location(name)
            return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        for key, text in tags.items():
            found = experiment.tags.get(key, "")
            if found != text and not is_changed(key, found):
                self._client.set_experiment_tag(experiment.experiment_id, key, text)
        for key in left_over(views, experiment.tags):
            self._client.delete_experiment_tag(experiment.experiment_id, key)
        return str(experiment.experiment_id)

    def _artifact_location(self, name: str) -> str | None:
        """None where a server decides; beside a database file, as MLflow's own choice is the folder that one is in."""
        if self._record.tracking.uri is None:
            return (self._workspace.tracking_artifacts / name).as_uri()
        uri = filled_in(self._record.tracking.uri)
        if not uri.startswith("sqlite"):
            return None
        return (Path(uri.partition(":///")[2]).resolve().parent / ARTIFACTS / name).as_uri()

    def _ensured_parent(self, began: float) -> Run:
        found = self._found(f"tags.{KIND} = 'study'")
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            parent = found[0]
        else:
            tags = {KIND: "study", STUDY: self._record.name, MLFLOW_RUN_NOTE: study_note(self._record)}
            parent = self._client.create_run(
                self._experiment, _milliseconds(began), tags, run_name=f"study {self._record.name}"
            )
        self._client.set_tag(parent.info.run_id, "trials.planned", str(len(self._record.trials)))
        self._client.log_text(parent.info.run_id, self._record.source, "study.yaml")
        self._client.log_text(parent.info.run_id, record_text(self._record), RECORD)
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
            return run
        # An edited study may have given the trial's arms other names.
        self._log(run, self._tags(trial))
        if run.info.status not in ("RUNNING", "FINISHED"):
            self._client.update_run(run.info.run_id, status="RUNNING")
            run.info._status = "RUNNING"
        return run

    def _finish(self, trial: TrialSpec, record: Mapping[str, Any]) -> None:
        run = self._start(trial, record)
        text = event_text(record)
        kept = text if len(text) <= LONGEST_TAG else LONG_EVENT
        # A run of an earlier version, which kept less of the line, is projected again.
        inputs = self._inputs.get(trial.config.data, [])
        whole = EVENT in run.data.tags and (not inputs or trial.trial_id in self._with_inputs)
        if run.info.status == "FINISHED" and whole:
            return
        folder = self._workspace.trial(trial.trial_id)
        run_id = run.info.run_id
        error = record.get("error") or {}
        told = dict(record["provenance"]) | {f"error.{key}": error.get(key, "") for key in _ERROR}
        told |= {MLFLOW_RUN_NOTE: error_note(error), EVENT: kept}
        # Parameters never change in MLflow. A trial that is now asked for by another arm may differ in settings that
        # it does not read; the first ones stay.
        params = [Param(key, value) for key, value in _parameters(trial).items() if key not in run.data.params]
        self._log(run, told, params, self._final_metrics(record) + self._curve(folder, record))
        if inputs:
            self._client.log_inputs(run_id, inputs)
            self._with_inputs.add(trial.trial_id)
        if kept != text:
            self._client.log_text(run_id, text, LONG_EVENT)
        for name in record["artifacts"]:
            # A bundle may have come without its networks.
            if (folder / name).exists():
                self._client.log_artifact(run_id, str(folder / name))
        # Last: a run that is not ended is projected again from the start.
        self._end(run, "FINISHED" if record["event"] == "done" else "FAILED", record["time"])

    def _log(
        self, run: Run, tags: Mapping[str, str], params: Sequence[Param] = (), metrics: Sequence[Metric] = ()
    ) -> None:
        """In as few calls as MLflow allows; of the tags those that are not set so already. An empty value matters only
        where it replaces another."""
        writable = {key: encodable(value)[:LONGEST_TAG] for key, value in tags.items()}
        changed = {key: value for key, value in writable.items() if run.data.tags.get(key, "") != value}
        new = [RunTag(key, value) for key, value in changed.items()]
        if new or params or metrics:
            self._client.log_batch(run.info.run_id, metrics[:_METRICS_A_CALL], params, new)
        for first in range(_METRICS_A_CALL, len(metrics), _METRICS_A_CALL):
            self._client.log_batch(run.info.run_id, metrics[first : first + _METRICS_A_CALL])
        run.data._tags = {**run.data.tags, **changed}

    def _end(self, run: Run, status: str, when: float) -> None:
        self._client.set_terminated(run.info.run_id, status, end_time=_milliseconds(when))
        run.info._status = status

    def _tags(self, trial: TrialSpec) -> dict[str, str]:
        return {
            KIND: "trial",
            STUDY: self._record.name,
            TRIAL: trial.trial_id,
            ARM: self._arms[trial.trial_id],
            DATASET: trial.config.data.name,
            SEED: str(trial.seed),
            MLFLOW_PARENT_RUN_ID: self._parent.info.run_id,
            MLFLOW_RUN_NAME: trial.title,
        }

    def _final_metrics(self, record: Mapping[str, Any]) -> list[Metric]:
        when = _milliseconds(record["time"])
        return [Metric(name, float(value), when, 0) for name, value in record["metrics"].items()]

    def _curve(self, folder: Path, record: Mapping[str, Any]) -> list[Metric]:
        """The learning curves, each a bounded number of points of those that are known, spread evenly, the last among
        them."""
        points = self._record.tracking.curve_points
        if HISTORY not in record["artifacts"] or points == 0:
            return []
        history = pd.read_parquet(folder / HISTORY)
        times = record["started"] + history["seconds"].cumsum()
        metrics = []
        for name in (name for name in CURVES if name in history):
            known = history.index[history[name].notna()]
            stride = max(-(-len(known) // points), 1)
            metrics += [
                Metric(
                    f"{CURVE}{name}", float(history[name][row]), _milliseconds(times[row]), int(history["epoch"][row])
                )
                for row in known[::-stride][::-1]
            ]
        return metrics


def _inputs(use: DataUse) -> list[DatasetInput]:
    return [
        DatasetInput(Dataset(**dataset), [InputTag(MLFLOW_DATASET_CONTEXT, context)])
        for context, dataset in datasets_of(use).items()
    ]


def _parameters(trial: TrialSpec) -> dict[str, str]:
    """The configuration under dotted names. Without the data's path: MLflow's parameters never change, folders move."""
    flat = {key: str(value) for key, value in trial.config.settings().items()}
    del flat["data.path"]
    return flat | {"seed": str(trial.seed)}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def project(workspace: Workspace, study: str) -> None:
    """Bring MLflow up to date with the ledgers, following the study's own until standard input closes.

    Raises:
        Unprojected: some trials could not be shown; all others were.
    """
    record = load_record(workspace, study)
    failures: dict[str, Exception] = {}
    with _alone(workspace.study(study) / "tracking.lock"):
        # Where to follow from is noted before the ledgers are read: what comes in between is projected twice.
        _, offset = read_records(ledger_file(workspace, study))
        states = read_states(workspace)
        projection = Projection(_client(workspace, record), workspace, record, states)
        known = [dict(state.record) for state in states.values() if state.record is not None]
        for events in itertools.chain([known], _followed(ledger_file(workspace, study), offset)):
            for event in events:
                _apply(projection, event, failures)
        projection.settle(read_states(workspace))
    if failures:
        raise Unprojected(failures)


class Unprojected(Exception):
    """Trials that MLflow does not show as the ledger has them, with what stood in the way of each."""

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        super().__init__("; ".join(f"trial {trial_id}: {error}" for trial_id, error in failures.items()))


def _client(workspace: Workspace, record: StudyRecord) -> MlflowClient:
    """A client whose store exists.

    Raises:
        InvalidInput: the workspace's own is of another version of MLflow.
    """
    if record.tracking.uri is not None:
        return MlflowClient(filled_in(record.tracking.uri))
    # Two processes that create or migrate one SQLite store at the same time break it.
    with _alone(workspace.root / "mlflow.lock"):
        try:
            client = MlflowClient(workspace.tracking_uri)
            client.search_experiments(max_results=1)
        except MlflowException as error:
            if OUTDATED_SCHEMA in error.message:
                raise outdated(workspace.tracking_uri) from error
            raise
    return client


def _apply(projection: Projection, event: Mapping[str, Any], failures: dict[str, Exception]) -> None:
    """Project one record, again after a pause if the store fails; one trial that cannot be shown stops no other."""
    for pause in _PAUSES:
        time.sleep(pause)
        try:
            projection.apply(event)
        except (MlflowException, OSError) as error:
            failures[event["trial"]] = error
            print(f"trial {event['trial']}: {error}", file=sys.stderr, flush=True)
        else:
            failures.pop(event["trial"], None)
            return


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
