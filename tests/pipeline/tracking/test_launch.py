"""The process that writes to MLflow, with stores that really go away, are cut short, or come back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from made_workspace import NATIVE, end, ended, planned
from mlflow import MlflowClient
from mlflow.entities import Run
from stores import Server, await_true, running

from dsn.errors import InvalidInput
from pipeline.tracking.launch import LOG, TrackingProcess, sync
from pipeline.tracking.writer import Projection, _has_runs, connected
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(Server(tmp_path)) as server:
        yield server


def _runs(uri: str, study: str = "first", kind: str = "trial") -> dict[str, Run]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(study)
    found = client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'") if experiment else []
    runs = {run.data.tags.get("trial_id", "parent"): run for run in found}
    assert len(runs) == len(found), "one run a trial"
    return runs


def _done(workspace: Workspace, trial_ids: list[str]) -> None:
    for trial_id in trial_ids:
        end(workspace, "first", trial_id, "done", metrics={"test_accuracy": 0.5})


def _log(workspace: Workspace) -> str:
    return (workspace.study("first") / LOG).read_text(encoding="utf-8")


def _stored(workspace: Workspace) -> int:
    """Runs in the workspace's own database, asked without MLflow, which would make it."""
    try:
        with closing(sqlite3.connect(f"file:{workspace.root}/mlflow.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_a_server_that_is_killed_and_comes_back_is_told_of_all(workspace: Workspace, server: Server) -> None:
    trials = [trial.trial_id for trial in planned(workspace, "first", seeds=8, uri=server.uri).trials]
    server.kill()
    said: list[str] = []
    with TrackingProcess(workspace, "first", said.append):
        _done(workspace, trials[:10])
        await_true(lambda: "store is away" in _log(workspace))
        server.start()
        await_true(lambda: sum(run.info.status == "FINISHED" for run in _runs(server.uri).values()) == 10)
        parent = _runs(server.uri, kind="study")["parent"]
        assert parent.info.status == "RUNNING"
        await_true(lambda: _runs(server.uri, kind="study")["parent"].data.tags.get("trials.done") == "10")
        server.kill()
        _done(workspace, trials[10:])
        await_true(lambda: _log(workspace).count("store is away") == 2)
        server.start()
    assert [line for line in said if "waiting" not in line] == []
    assert {run.info.status for run in _runs(server.uri).values()} == {"FINISHED"}
    assert len(_runs(server.uri)) == len(trials)
    parent = _runs(server.uri, kind="study")["parent"]
    assert (parent.info.status, parent.data.tags["trials.done"]) == ("FINISHED", str(len(trials)))


def test_what_a_server_that_stays_away_lacks_is_said_and_synced_later(workspace: Workspace, server: Server) -> None:
    trials = [trial.trial_id for trial in planned(workspace, "first", uri=server.uri).trials]
    server.kill()
    said: list[str] = []
    with TrackingProcess(workspace, "first", said.append):
        _done(workspace, trials)
    assert said[0] == "waiting for MLflow to be brought up to date"
    assert said[1].startswith("MLflow could not be brought up to date (no result is lost; see ")
    (last,) = [line for line in _log(workspace).splitlines() if line.startswith("MLflow lacks")]
    assert last.startswith(f"MLflow lacks {len(trials)} of {len(trials)} trials: trial ")
    assert "Connection refused" in last
    assert "Traceback" not in _log(workspace)
    server.start()
    assert sync(workspace, "first") == 0
    assert len(_runs(server.uri)) == len(trials)


def test_a_database_that_is_removed_during_a_run_is_written_anew(workspace: Workspace) -> None:
    trials = [trial.trial_id for trial in planned(workspace, "first").trials]
    said: list[str] = []
    with TrackingProcess(workspace, "first", said.append):
        _done(workspace, trials[:3])
        await_true(lambda: _stored(workspace) == 3)
        (workspace.root / "mlflow.db").unlink()
        _done(workspace, trials[3:])
        await_true(lambda: _stored(workspace) == len(trials))
    assert [line for line in said if "waiting" not in line] == []
    assert {run.info.status for run in _runs(workspace.tracking_uri).values()} == {"FINISHED"}
    assert len(_runs(workspace.tracking_uri)) == len(trials)
    assert "Traceback" not in _log(workspace)


def test_a_database_that_was_cut_off_while_it_was_made_is_moved_aside(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    ended(workspace)
    file = workspace.root / "mlflow.db"
    assert sync(workspace, "first") == 0
    expected = {trial_id: run.info.status for trial_id, run in _runs(workspace.tracking_uri).items()}
    schema = "SELECT sql FROM sqlite_master WHERE name LIKE 'ix_%' OR name LIKE 'index_%'"
    with closing(sqlite3.connect(file)) as database:
        assert database.execute(schema).fetchall()
        # As far as a migration comes that is killed: its tables are there, the note that they are is not.
        database.executescript("UPDATE alembic_version SET version_num = '451aebb31d03'; DROP TABLE trace_tags;")
    capfd.readouterr()
    assert sync(workspace, "first") == 0
    assert f"{file} was cut off while it was made: it is now mlflow.db.broken-1" in capfd.readouterr().err
    assert (workspace.root / "mlflow.db.broken-1").is_file()
    assert {trial_id: run.info.status for trial_id, run in _runs(workspace.tracking_uri).items()} == expected


def test_a_damaged_database_is_said_in_a_line_and_left_as_it_is(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    ended(workspace)
    file = workspace.root / "mlflow.db"
    file.write_bytes(b"no database" * 1000)
    assert sync(workspace, "first") == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1] == (
        f"dsn: {file}: MLflow's database: is damaged; move it away, and `dsn sync STUDY` writes it anew from the ledger"
    )
    assert "Traceback" not in said
    assert file.read_bytes() == b"no database" * 1000


def test_a_second_writer_says_for_whom_it_waits(workspace: Workspace) -> None:
    planned(workspace, "first")
    with TrackingProcess(workspace, "first", lambda _: None):
        await_true(lambda: _log(workspace) or (workspace.study("first") / "tracking.lock").exists())
        command = [sys.executable, "-m", "pipeline.tracking", str(workspace.root), "first"]
        other = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert other.stderr is not None
        assert other.stderr.readline().startswith("waiting for process ")
    with other:
        assert other.wait(60) == 0


def test_a_run_ends_no_earlier_than_it_began(workspace: Workspace) -> None:
    trial_id = planned(workspace, "first").trials[0].trial_id
    with TrackingProcess(workspace, "first", lambda _: None), Ledger(workspace, "first") as ledger:
        ledger.append("started", trial_id)
        await_true(lambda: (workspace.root / "mlflow.db").exists() and trial_id in _began(workspace))
        # The clock is set back by two hours meanwhile.
        times = {"time": time.time() - 7200, "started": time.time() - 7201}
        empty = {"metrics": {}, "artifacts": [], "provenance": NATIVE, "error": None}
        ledger.append("done", trial_id, **(times | empty))
    run = _runs(workspace.tracking_uri)[trial_id]
    assert run.info.status == "FINISHED"
    assert run.info.end_time == run.info.start_time


def test_a_trial_that_runs_once_more_is_pending_and_then_has_its_new_points_alone(workspace: Workspace) -> None:
    record = planned(workspace, "first")
    trial_id = record.trials[0].trial_id
    projection = Projection(connected(workspace, record), workspace, record, {})
    empty = {"trial": trial_id, "started": 1.0, "artifacts": [], "provenance": NATIVE, "error": None}
    projection.apply(empty | {"event": "done", "time": 2.0, "metrics": {"test_accuracy": 0.5, "best_epoch": 7}})
    (first,) = _runs(workspace.tracking_uri).values()
    shown = []
    for event in ("reopened", "started", "lost", "started"):
        projection.apply({"event": event, "trial": trial_id, "time": 3.0, "generation": 1})
        runs = _runs(workspace.tracking_uri).values()
        shown.append([(run.info.status, run.data.tags["generation"], run.data.metrics) for run in runs])
    assert shown == [[], [("RUNNING", "1", {})], [("KILLED", "1", {})], [("RUNNING", "1", {})]]
    projection.apply(
        empty | {"event": "done", "time": 4.0, "started": 3.0, "generation": 1, "metrics": {"test_accuracy": 0.25}}
    )
    (run,) = _runs(workspace.tracking_uri).values()
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"test_accuracy": 0.25})
    assert run.info.run_id != first.info.run_id


def test_a_database_of_another_version_that_cannot_be_read_now_is_not_taken_for_an_empty_one(
    workspace: Workspace,
) -> None:
    record = planned(workspace, "first")
    assert sync(workspace, "first") == 0
    file = workspace.root / "mlflow.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = '0'")
        database.execute("BEGIN EXCLUSIVE")
        assert _has_runs(file), "it may have"
        database.execute("ROLLBACK")
    with pytest.raises(InvalidInput, match="another version of MLflow"):
        connected(workspace, record)
    assert file.exists()


def _began(workspace: Workspace) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{workspace.root}/mlflow.db?mode=ro", uri=True)) as database:
            return {row[0] for row in database.execute("SELECT value FROM tags WHERE key = 'trial_id'")}
    except sqlite3.Error:
        return set()
