"""MLflow as a projection of the ledger: a parent run a study, a child run a trial.

Everything is idempotent: a run is found again by its tags, points are sent with the times at which they were recorded,
and MLflow takes the same point twice as once. So it may be cut off at any moment and started again, or run on an empty
store to rebuild it. ``process`` says when.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from sqlalchemy.exc import SQLAlchemyError

from dsn.errors import InvalidInput
from pipeline.planning.plan import DataUse, TrialSpec
from pipeline.study.tracking_uri import filled_in, sqlite_file
from pipeline.tracking.content import ENDED, RunContent, StudyContent, milliseconds
from pipeline.tracking.datasets import datasets_of
from pipeline.tracking.layout import EVENT, GENERATION, KIND, LINES, NOTE, REPORT, STUDY, TRIAL
from pipeline.tracking.notes import report_note, study_note
from pipeline.tracking.outbox import LineRefused, StoreAway
from pipeline.tracking.store import OUTDATED_SCHEMA, outdated, unreachable
from pipeline.tracking.views import is_changed, left_over, views_of
from pipeline.wording import cause, encodable
from pipeline.workspace.layout import AGAINST, ARTIFACTS, Workspace
from pipeline.workspace.ledger import as_lines, decisive_lines, read_states
from pipeline.workspace.lifecycle import EVENTS, TrialState, generation_of
from pipeline.workspace.record import StudyRecord

States = Mapping[str, TrialState]

FAILURES = (MlflowException, SQLAlchemyError, OSError)
"""What MLflow raises where its store does not do what it is asked."""

# Without it MLflow opens the experiment in its view for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

_HALF_MADE = ("already exists", "duplicate column name")
"""What SQLite says when MLflow makes tables that an earlier attempt has made, and was cut off."""

_DAMAGED = ("file is not a database", "malformed")

_METRICS_A_CALL = 800
"""MLflow takes a thousand of metrics, parameters and tags together."""

_RUNS_A_PAGE = 1000


class Projection:
    """A study's runs in one MLflow store: a ``pipeline.tracking.outbox.Store``.

    Times are those of the ledger, so that a rebuilt store equals the first.

    Args:
        client: of a store that works.
        workspace: with the ledgers.
        record: of the study.
        states: of its trials, by the ledgers.
        again: trials whose runs are sent once more, whatever these seem to have.

    Raises:
        StoreAway: it does not work after all.
    """

    def __init__(
        self,
        client: MlflowClient,
        workspace: Workspace,
        record: StudyRecord,
        states: States,
        again: Collection[str] = (),
    ) -> None:
        self._client = client
        self._workspace = workspace
        self._record = record
        self._content = StudyContent(workspace, record)
        self._trials = {trial.trial_id: trial for trial in record.trials}
        self._inputs = {use.config: _inputs(use) for use in record.data}
        self._again = set(again)
        began = min(self._times(states), default=time.time())
        with self._working():
            self._experiment = self._ensured_experiment(began)
            self._parent = self._ensured_parent(began)
            found = self._found("trial")
        # Of two runs of a trial the older counts, as it does for readers.
        self._runs = {run.data.tags[TRIAL]: run for run in reversed(found)}
        self._with_inputs = {name for name, run in self._runs.items() if run.inputs and run.inputs.dataset_inputs}

    def apply(self, line: Mapping[str, Any]) -> None:
        """Bring a trial's run to what a line of the ledger says; those of other studies' trials are passed over."""
        trial = self._trials.get(line["trial"])
        if trial is None:
            return
        try:
            self._forget_earlier(trial, line)
            if line["event"] == "started":
                self._start(trial, line)
            elif line["event"] in ENDED:
                self._finish(trial, line)
            else:
                self._stop(trial, line)
        except FAILURES as error:
            reason = _reason(error)
            self._require_working()
            raise LineRefused(reason) from error

    def _forget_earlier(self, trial: TrialSpec, line: Mapping[str, Any]) -> None:
        """A run of an earlier generation goes to MLflow's trash: points of two trainings are no curve."""
        run = self._runs.get(trial.trial_id)
        if run is not None and int(run.data.tags.get(GENERATION, 0)) < generation_of(line):
            self._forget(trial, run)

    def _forget(self, trial: TrialSpec, run: Run) -> None:
        self._client.delete_run(run.info.run_id)
        del self._runs[trial.trial_id]
        self._with_inputs.discard(trial.trial_id)

    def count(self, lines: Mapping[str, Mapping[str, Any]]) -> None:
        """Show how many trials are in which state, by the last line of each."""
        with self._working():
            states = {name: _state(line) for name, line in lines.items()}
            self._log(self._parent, self._content.counts(states))

    def settle(self) -> None:
        """When nothing runs any more: leave no run RUNNING, publish the ledgers' lines and the report, and close the
        parent."""
        with self._working():
            self._settle(read_states(self._workspace))

    def _settle(self, states: States) -> None:
        # The driver may still hold its lock, so that the ledgers call a trial running that it has stopped.
        states = {
            identity: replace(state, status="pending") if state.status == "running" else state
            for identity, state in states.items()
        }
        for trial_id, run in self._runs.items():
            state = states.get(trial_id, TrialState(status="pending"))
            if run.info.status == "RUNNING" and (state.status == "pending" or trial_id not in self._trials):
                # The last that is known of it, so that every projection of a ledger says the same.
                self._end(run, "KILLED", state.record["time"] if state.record else time.time())
        lines = as_lines(decisive_lines(self._workspace, self._trials))
        self._client.log_text(self._parent.info.run_id, lines.decode(), LINES)
        report = self._workspace.report(self._record.name)
        if report.is_dir():
            self._log_report(report)
        status, tags = self._content.parent_end(states)
        self._log(self._parent, tags)
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
            self._client.set_tag(run_id, NOTE, encodable(note))

    def _times(self, states: States) -> list[float]:
        """When the study's trials last began or ended."""
        records = [states[trial_id].record for trial_id in self._trials if trial_id in states]
        ends = [record["time"] for record in records if record]
        return ends + [record["started"] for record in records if record and "started" in record]

    def _ensured_experiment(self, began: float) -> str:
        name = self._record.name
        experiment = self._client.get_experiment_by_name(name)
        views = views_of(self._record, began)
        tags = _EXPERIMENT_TAGS | {NOTE: study_note(self._record)} | views
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
        found = self._found("study")
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            parent = found[0]
        else:
            tags = {KIND: "study", STUDY: self._record.name, NOTE: study_note(self._record)}
            parent = self._client.create_run(
                self._experiment, milliseconds(began), tags, run_name=f"study {self._record.name}"
            )
        self._client.set_tag(parent.info.run_id, "trials.planned", str(len(self._record.trials)))
        for name, content in self._content.parent_files().items():
            self._client.log_text(parent.info.run_id, content.decode(), name)
        return parent

    def _found(self, kind: str) -> list[Run]:
        return found_runs(self._client, self._experiment, self._record.name, kind)

    def _start(self, trial: TrialSpec, line: Mapping[str, Any]) -> Run:
        names = self._content.names(trial, self._parent.info.run_id, line)
        run = self._runs.get(trial.trial_id)
        if run is None:
            began = milliseconds(line.get("started", line["time"]))
            run = self._client.create_run(self._experiment, began, names, run_name=trial.title)
            self._runs[trial.trial_id] = run
            return run
        # An edited study may have given the trial's arms other names.
        self._log(run, names)
        if run.info.status != "RUNNING":
            self._client.update_run(run.info.run_id, status="RUNNING")
            run.info._status = "RUNNING"
        return run

    def _stop(self, trial: TrialSpec, line: Mapping[str, Any]) -> None:
        """It is to run once more, and does not run."""
        run = self._runs.get(trial.trial_id)
        if run is None:
            return
        self._log(run, self._content.names(trial, self._parent.info.run_id, line))
        if run.info.status in ("RUNNING", "FINISHED"):
            self._end(run, "KILLED", line["time"])

    def _finish(self, trial: TrialSpec, line: Mapping[str, Any]) -> None:
        content = self._content.of(trial, line)
        run = self._runs.get(trial.trial_id)
        if run is not None and self._shows(run, content, trial):
            self._log(run, self._content.names(trial, self._parent.info.run_id, line))
            return
        shown = run.data.tags.get(EVENT) if run is not None else None
        if run is not None and run.data.metrics and shown not in (None, content.tags[EVENT]):
            # Of another time that it ran. MLflow takes no point back, and its curves would be those of both.
            self._forget(trial, run)
        run = self._start(trial, line)
        run_id = run.info.run_id
        # Parameters never change in MLflow. A trial that is now asked for by another arm may differ in settings that
        # it does not read; the first ones stay.
        params = [Param(key, value) for key, value in content.params.items() if key not in run.data.params]
        self._log(run, content.tags, params, [Metric(*point) for point in content.points])
        inputs = self._inputs.get(trial.config.data, [])
        if inputs:
            self._client.log_inputs(run_id, inputs)
            self._with_inputs.add(trial.trial_id)
        for name, source in content.artifacts.items():
            if isinstance(source, bytes):
                self._client.log_text(run_id, source.decode(), name)
            else:
                self._client.log_artifact(run_id, str(source))
        # Last: a run that is not ended is projected again from the start.
        self._end(run, content.status, line["time"])
        self._again.discard(trial.trial_id)

    def _shows(self, run: Run, content: RunContent, trial: TrialSpec) -> bool:
        """Whether all of it has been sent already, unless somebody has changed it since."""
        return (
            trial.trial_id not in self._again
            and run.info.status == content.status
            and run.info.end_time == max(content.ended, run.info.start_time)
            and run.data.tags.get(EVENT) == content.tags[EVENT]
            # An earlier version logged no inputs.
            and (trial.trial_id in self._with_inputs or not self._inputs.get(trial.config.data))
        )

    def _log(
        self, run: Run, tags: Mapping[str, str], params: Sequence[Param] = (), metrics: Sequence[Metric] = ()
    ) -> None:
        """In as few calls as MLflow allows; of the tags those that are not set so already. An empty value matters only
        where it replaces another."""
        changed = {key: value for key, value in tags.items() if run.data.tags.get(key, "") != value}
        new = [RunTag(key, value) for key, value in changed.items()]
        if new or params or metrics:
            self._client.log_batch(run.info.run_id, metrics[:_METRICS_A_CALL], params, new)
        for first in range(_METRICS_A_CALL, len(metrics), _METRICS_A_CALL):
            self._client.log_batch(run.info.run_id, metrics[first : first + _METRICS_A_CALL])
        run.data._tags = {**run.data.tags, **changed}
        run.data._metrics = {**run.data.metrics, **{metric.key: metric.value for metric in metrics}}

    def _end(self, run: Run, status: str, when: float) -> None:
        """At that time, but not before it began: a clock may have been set back in between."""
        ended = max(milliseconds(when), run.info.start_time)
        self._client.set_terminated(run.info.run_id, status, end_time=ended)
        run.info._status, run.info._end_time = status, ended

    @contextmanager
    def _working(self) -> Iterator[None]:
        """What fails inside would fail for every trial."""
        try:
            yield
        except FAILURES as error:
            raise StoreAway(_reason(error)) from error

    def _require_working(self) -> None:
        """One small question tells a line that the store does not take from a store that takes none."""
        with self._working():
            _require_answer(filled_in(self._record.tracking.uri or self._workspace.tracking_uri))
            self._client.get_experiment(self._experiment)


def found_runs(client: MlflowClient, experiment: str, study: str, kind: str) -> list[Run]:
    """A study's runs of a kind, ``study`` or ``trial``, the oldest first."""
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            f"tags.{KIND} = '{kind}' and tags.{STUDY} = '{study}'",
            max_results=_RUNS_A_PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            return runs


def _inputs(use: DataUse) -> list[DatasetInput]:
    return [
        DatasetInput(Dataset(**dataset), [InputTag(MLFLOW_DATASET_CONTEXT, context)])
        for context, dataset in datasets_of(use).items()
    ]


def _state(line: Mapping[str, Any]) -> TrialState:
    """Of a trial in a study that is being run."""
    return TrialState(status=EVENTS[line["event"]], record=line, generation=generation_of(line))


def _reason(error: Exception) -> str:
    """In a line; MLflow's messages quote pages of HTML, and SQLAlchemy's the statement."""
    return cause(str(error)) if str(error).strip() else type(error).__name__


class HalfMade(Exception):
    """The workspace's own database was cut off while MLflow made its tables."""


def connected(workspace: Workspace, record: StudyRecord) -> MlflowClient:
    """A client whose store works.

    Raises:
        StoreAway: it does not, for now.
        InvalidInput: a person must mend it: it is damaged, of another version of MLflow, or its address is wrong.
        HalfMade: the workspace's own is to be made anew.
    """
    uri = workspace.tracking_uri if record.tracking.uri is None else filled_in(record.tracking.uri)
    try:
        _require_answer(uri)
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except FAILURES as error:
        _explain(error, uri, own=record.tracking.uri is None)
        raise StoreAway(_reason(error)) from error
    return client


def _require_answer(uri: str) -> None:
    """MLflow asks a server that is away several times, for seconds."""
    problem = unreachable(uri)
    if problem:
        raise ConnectionError(f"it {problem}")


def _explain(error: Exception, uri: str, *, own: bool) -> None:
    """Raise what a database's words mean, where waiting will not help."""
    text = str(error)
    if own and any(words in text for words in _HALF_MADE):
        raise HalfMade from error
    file = sqlite_file(uri)
    if file is not None and any(words in text for words in _DAMAGED):
        problem = "is damaged; move it away, and `dsn sync STUDY` writes it anew from the ledger"
        raise InvalidInput(problem, key="MLflow's database", place=file) from error
    if OUTDATED_SCHEMA in text:
        if own and not _has_runs(Path(sqlite_file(uri) or "")):
            raise HalfMade from error
        raise outdated(uri) from error


def _has_runs(database: Path) -> bool:
    """Whether there is anything in it that somebody could want to keep."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError as error:
        # Whatever else keeps it from being read, such as a lock: there may be.
        return "no such table" not in str(error)
