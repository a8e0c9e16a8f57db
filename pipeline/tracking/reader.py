"""A study read from any MLflow store: all that a colleague needs to be given is a tracking URI and the study's name."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from dsn.errors import InvalidInput
from pipeline.errors import UnknownStudy
from pipeline.study.tracking_uri import shown, sqlite_file
from pipeline.tracking.layout import EVENT, GENERATION, KIND, LINES, LONG_EVENT, RECORD, REPORT, STUDY, TRIAL, as_line
from pipeline.tracking.store import unreachable
from pipeline.trial.outcome import ARTIFACTS
from pipeline.workspace.layout import AGAINST
from pipeline.workspace.layout import ARTIFACTS as ARTIFACTS_FOLDER
from pipeline.workspace.ledger import parse_lines
from pipeline.workspace.lifecycle import EVENTS, Status, TrialState, generation_of, prevailing, states_of
from pipeline.workspace.record import parse_record

_ENDED = ("FINISHED", "FAILED")

_RUNS_A_PAGE = 1000


class TrackedSource:
    """A study as an MLflow store shows it: a ``pipeline.workspace.source.StudySource``.

    A trial whose run has not ended is running, as far as MLflow knows; one that has no run is pending. Files are
    downloaded when they are asked for, once.
    """

    def __init__(self, uri: str, study: str, folder: Path) -> None:
        """
        Args:
            uri: of the store: a server, a database.
            study: its name, with ``@profile`` if one was used.
            folder: takes what is downloaded.

        Raises:
            InvalidInput: nothing answers there, it is no MLflow store, or what is in it cannot be read.
            UnknownStudy: it has no study of that name.
        """
        _require_store(uri)
        self._uri = uri
        self._folder = folder
        self._client = MlflowClient(uri)
        self._runs: dict[str, Run] = {}
        try:
            self._experiment, parent = self._found(study)
            self._parent = parent
            place = f"{shown(uri)}: study {study}"
            text = self._content(parent, RECORD)
            if text is None:
                problem = f"has no {RECORD} at {self._root(parent)}; `dsn sync` in the study's workspace writes it"
                raise InvalidInput(problem, key="MLflow store", value=shown(uri))
            self.record = parse_record(text, f"{place}: {RECORD}")
            self._lines = parse_lines(self._content(parent, LINES) or b"", f"{place}: {LINES}")
            self._later = prevailing(self._states(study))
        except MlflowException as error:
            raise InvalidInput(f"cannot be read: {error.message}", key="MLflow store", value=shown(uri)) from error
        self.states = prevailing(itertools.chain(states_of(self._lines, driven=False), self._later.items()))

    def lines(self) -> list[dict[str, Any]]:
        """Of trials whose runs ended since the last ``dsn run`` did, no more than the end."""
        trials = {trial.trial_id: trial for trial in self.record.trials}
        return self._lines + [
            {**state.record, "seed": trials[trial_id].seed, "config": trials[trial_id].config.to_dict()}
            for trial_id, state in self._later.items()
            if state.record is not None and self.states[trial_id] is state
        ]

    def holds(self, trial_id: str, artifact: str) -> bool:
        state = self.states.get(trial_id)
        return state is not None and artifact in (state.record or {}).get("artifacts", ())

    def file(self, trial_id: str, artifact: str) -> Path:
        assert artifact in ARTIFACTS, "a name that may be part of a path"
        try:
            run = self._runs.get(trial_id) or next(self._search(f"tags.{TRIAL} = '{trial_id}'"), None)
            if run is None:
                problem = "is not there any more; `dsn sync` in the study's workspace brings it back"
                raise InvalidInput(problem, key=f"run of trial {trial_id}")
            self._runs[trial_id] = run
            return self._downloaded(run, artifact)
        except MlflowException as error:
            raise InvalidInput(f"cannot be fetched: {error.message}", key=f"{artifact} of trial {trial_id}") from error

    def against(self) -> Path | None:
        try:
            content = self._content(self._parent, AGAINST, REPORT)
        except MlflowException as error:
            raise InvalidInput(f"cannot be fetched: {error.message}", key=f"{REPORT}/{AGAINST}") from error
        if not content:
            return None
        path = self._folder / AGAINST
        path.write_bytes(content)
        return path

    def _found(self, study: str) -> tuple[str, Run]:
        """The study's experiment and its own run."""
        found = self._client.get_experiment_by_name(study)
        if found is not None and found.lifecycle_stage == "active":
            self._experiment = found.experiment_id
            runs = self._search(f"tags.{KIND} = 'study'", oldest_first=True)
            # The writer takes the oldest too, if somebody has copied one.
            parent = next((run for run in runs if run.data.tags[STUDY] == study), None)
            if parent is not None:
                return found.experiment_id, parent
        known = sorted(each.name for each in self._client.search_experiments() if each.name != "Default")
        raise UnknownStudy(f"not in {shown(self._uri)}", key="study", value=study, choices=known)

    def _states(self, study: str) -> Iterator[tuple[str, TrialState]]:
        """What the runs say that the lines do not: all of them, or those that run or ended afterwards."""
        conditions = [f"tags.{KIND} = 'trial'"]
        if self._lines:
            last = round(max(line["time"] for line in self._lines) * 1000)
            conditions = [
                f"{conditions[0]} and attributes.{later}" for later in (f"end_time > {last}", "status = 'RUNNING'")
            ]
        runs = itertools.chain.from_iterable(map(self._search, conditions))
        planned = {trial.trial_id for trial in self.record.trials}
        for run in runs:
            trial_id = run.data.tags[TRIAL]
            if run.data.tags[STUDY] == study and trial_id in planned:
                self._runs[trial_id] = run
                yield trial_id, self._state(trial_id, run)

    def _state(self, trial_id: str, run: Run) -> TrialState:
        if run.info.status not in _ENDED:
            status: Status = "running" if run.info.status == "RUNNING" else "pending"
            return TrialState(status=status, generation=int(run.data.tags.get(GENERATION, 0)))
        text = run.data.tags.get(EVENT)
        if text is None:
            problem = "was written by an earlier version; `dsn sync` in the study's workspace brings it up to date"
            raise InvalidInput(problem, key=f"run of trial {trial_id}")
        if text == LONG_EVENT:
            text = self._downloaded(run, LONG_EVENT).read_text(encoding="utf-8")
        line = as_line(text, trial_id, run.data.metrics)
        return TrialState(status=EVENTS[line["event"]], record=line, generation=generation_of(line))

    def _search(self, condition: str, *, oldest_first: bool = False) -> Iterator[Run]:
        order = ["attributes.start_time ASC"] if oldest_first else None
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], condition, order_by=order, max_results=_RUNS_A_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _content(self, run: Run, artifact: str, room: str = "") -> bytes | None:
        """Of an artifact, perhaps in a folder of the run's; None if the run has none of that name there."""
        found = list_artifacts(artifact_uri=f"{self._root(run)}/{room}".rstrip("/"), tracking_uri=self._uri)
        names = {PurePosixPath(file.path).name for file in found}
        return self._downloaded(run, artifact, room).read_bytes() if artifact in names else None

    def _downloaded(self, run: Run, artifact: str, room: str = "") -> Path:
        folder = self._folder / str(run.info.run_id) / room
        if not (folder / artifact).exists():
            uri = "/".join(filter(None, (self._root(run), room, artifact)))
            try:
                download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri)
            except OSError as error:
                raise InvalidInput(f"cannot be fetched: {error}", key=artifact, value=uri) from error
        return folder / artifact

    def _root(self, run: Run) -> str:
        """Where a run's artifacts are. A database that was moved with them still names the place where they were."""
        named = str(run.info.artifact_uri)
        file = sqlite_file(self._uri)
        if file is None or not named.startswith("file:"):
            return named
        old = Path(url2pathname(urlsplit(named).path))
        moved = Path(file).absolute().parent / ARTIFACTS_FOLDER / Path(*old.parts[-3:])
        return moved.as_uri() if moved.is_dir() and not old.is_dir() else named


def _require_store(uri: str) -> None:
    """MLflow would wait minutes for a server that is not there, and make a database where there is none."""
    problem = unreachable(uri)
    if problem:
        raise InvalidInput(problem, key="MLflow store", value=shown(uri))
    file = sqlite_file(uri)
    if file is not None and not _is_store(Path(file)):
        raise InvalidInput("is no database of MLflow", key="MLflow store", value=uri)


def _is_store(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
    except sqlite3.DatabaseError:
        return False
    return bool(tables)
