"""A study read from MLflow is the study that the workspace has, to the last bit: a real database, a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from made_workspace import ended, listing
from mlflow import MlflowClient
from mlflow.entities import Run
from served import free_port
from stores import STORES, store

from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results, results_of
from pipeline.analysis.results import StudyResults
from pipeline.errors import UnknownStudy
from pipeline.study.tracking_uri import sqlite_file
from pipeline.tracking.launch import sync
from pipeline.tracking.layout import LINES
from pipeline.tracking.reader import TrackedSource
from pipeline.workspace.layout import ARTIFACTS, Workspace
from pipeline.workspace.record import load_record
from pipeline.workspace.source import WorkspaceSource


@pytest.fixture(scope="module", params=STORES)
def tracked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, str]]:
    """A workspace with two studies, and the URI of the store that shows both."""
    workspace = Workspace(root=tmp_path_factory.mktemp("tracked"))
    with store(request.param, workspace.root) as uri:
        ended(workspace, uri)
        for study in ("first", "second"):
            assert sync(workspace, study) == 0
        yield workspace, uri


ReadBack = Callable[[str], StudyResults]


@pytest.fixture
def read_back(tracked: tuple[Workspace, str], tmp_path: Path) -> ReadBack:
    return lambda study: results_of(TrackedSource(tracked[1], study, tmp_path / study))


def _assert_same(found: StudyResults, expected: StudyResults) -> None:
    pd.testing.assert_frame_equal(found.trials, expected.trials, check_exact=True)
    for field in ("histories", "receptive_fields", "mask_updates", "active_weights"):
        ours, theirs = getattr(found, field), getattr(expected, field)
        assert list(ours) == list(theirs)
        for trial_id, columns in theirs.items():
            pd.testing.assert_frame_equal(pd.DataFrame(ours[trial_id]), pd.DataFrame(columns), check_exact=True)
    for field in ("name", "question", "arms", "references", "datasets", "factors", "configs", "data", "source", "file"):
        assert getattr(found, field) == getattr(expected, field), field


@pytest.mark.parametrize("study", ["first", "second"])
def test_the_same_from_mlflow_as_from_the_ledger(
    tracked: tuple[Workspace, str], read_back: ReadBack, study: str
) -> None:
    expected = load_results(tracked[0], study)
    statuses = {"done", "failed", "pending"} if study == "first" else {"done", "pending"}
    assert statuses <= set(expected.trials["status"])
    _assert_same(read_back(study), expected)


@pytest.mark.parametrize("study", ["first", "second"])
def test_the_same_run_by_run_while_the_parent_has_no_lines_yet(
    tracked: tuple[Workspace, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str
) -> None:
    monkeypatch.setattr("pipeline.tracking.reader.LINES", "not-there.jsonl")
    source = TrackedSource(tracked[1], study, tmp_path)
    _assert_same(results_of(source), load_results(tracked[0], study))
    ended = {line["trial"] for line in WorkspaceSource(tracked[0], study).lines() if line["event"] != "started"}
    assert {line["trial"] for line in source.lines()} == ended


def test_what_ended_after_the_last_run_of_the_study_comes_from_its_runs(
    tracked: tuple[Workspace, str], tmp_path: Path
) -> None:
    workspace, uri = tracked
    configs = {trial.trial_id: trial.config for trial in load_record(workspace, "second").trials}
    client = MlflowClient(uri)
    known = results_of(TrackedSource(uri, "second", tmp_path / "before"))
    pending = list(known.trials.loc[known.trials["status"] == "pending", "trial_id"].drop_duplicates())
    (parent,) = _runs(client, "second", "study")
    child = client.create_run(
        parent.info.experiment_id,
        tags={"kind": "trial", "study": "second", "trial_id": pending[0]},
        start_time=round(time.time() * 1000),
    )
    try:
        now = results_of(TrackedSource(uri, "second", tmp_path / "running")).trials.set_index("trial_id")
        assert now.loc[[pending[0]], "status"].eq("running").all()
        line = '{"event":"done","time":5.5,"started":4.25,"artifacts":[],"provenance":{"engine":"torch"},"error":null}'
        client.set_tag(child.info.run_id, "ledger", line)
        client.log_metric(child.info.run_id, "test_accuracy", 0.1 + 0.2)
        client.set_terminated(child.info.run_id, "FINISHED", end_time=round(time.time() * 1000) + 60_000)
        source = TrackedSource(uri, "second", tmp_path / "ended")
        now = results_of(source).trials.set_index("trial_id").loc[[pending[0]]]
        assert now["status"].eq("done").all()
        assert now["test_accuracy"].eq(0.1 + 0.2).all()
        assert now["finished"].eq(5.5).all()
        (last,) = [line for line in source.lines() if line["trial"] == pending[0]]
        assert last["config"] == configs[pending[0]].to_dict()
    finally:
        client.delete_run(child.info.run_id)


def _dsn(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``dsn ARGUMENTS`` where there is no workspace."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "DSN_WORKSPACE"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_commands_give_the_same_files_from_either(tracked: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, uri = tracked
    files = ("--out", "frame.parquet", "--bundle", "first.zip")
    for folder, place in (("mlflow", ("--from", uri)), ("ledger", ("--workspace", str(workspace.root)))):
        (tmp_path / folder).mkdir()
        for command in (("export", "first", *files), ("report", "first", "--out", "report")):
            answer = _dsn(tmp_path / folder, *command, *place)
            assert answer.returncode == 0, answer.stderr
    assert "MLflow UI: that of " in _dsn(tmp_path / "mlflow", "report", "first", "--from", uri).stdout
    ours, theirs = (listing(tmp_path / folder) for folder in ("mlflow", "ledger"))
    shown = {name: ours.pop(name) for name in list(ours) if name.startswith("workspace/reports/first/")}
    assert ours == theirs
    assert {"frame.parquet", "first.zip", "report/report.html"} < ours.keys()
    assert shown == {
        f"workspace/reports/first/{Path(name).name}": text for name, text in ours.items() if "report/" in name
    }


def test_the_report_of_a_study_that_the_workspace_has_too_needs_a_place(
    tracked: tuple[Workspace, str], tmp_path: Path
) -> None:
    workspace, uri = tracked
    answer = _dsn(tmp_path, "report", "first", "--from", uri, "--workspace", str(workspace.root))
    assert answer.returncode == 2
    assert answer.stderr.startswith("dsn: --out: is needed: the workspace has a study of this name")


def _runs(client: MlflowClient, study: str, kind: str) -> list[Run]:
    experiment = client.get_experiment_by_name(study)
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))


def test_the_parent_carries_the_ledgers_lines_word_for_word(tracked: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, uri = tracked
    source = TrackedSource(uri, "second", tmp_path)
    assert source.lines() == WorkspaceSource(workspace, "second").lines()
    client = MlflowClient(uri)
    (parent,) = _runs(client, "second", "study")
    assert LINES in {file.path for file in client.list_artifacts(parent.info.run_id)}


def test_a_database_that_was_moved_with_its_artifacts_is_read_where_it_is(
    tracked: tuple[Workspace, str], tmp_path: Path
) -> None:
    workspace, uri = tracked
    if not uri.startswith("sqlite"):
        pytest.skip("a server knows where its artifacts are")
    artifacts, away = workspace.root / ARTIFACTS, workspace.root / "away"
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.copy(sqlite_file(uri) or "", moved / "theirs.db")
    shutil.copytree(artifacts, moved / ARTIFACTS)
    expected = load_results(workspace, "first")
    artifacts.rename(away)
    try:
        _assert_same(results_of(TrackedSource(f"sqlite:///{moved}/theirs.db", "first", tmp_path / "a")), expected)
        shutil.rmtree(moved / ARTIFACTS)
        with pytest.raises(InvalidInput, match=r"has no study\.json at file:"):
            TrackedSource(f"sqlite:///{moved}/theirs.db", "first", tmp_path / "b")
    finally:
        away.rename(artifacts)


def test_an_unknown_study_is_answered_with_those_that_the_store_has(
    tracked: tuple[Workspace, str], tmp_path: Path
) -> None:
    with pytest.raises(UnknownStudy) as caught:
        TrackedSource(tracked[1], "frist", tmp_path)
    assert caught.value.choices == ("first", "second")


def test_a_run_of_an_earlier_version_says_what_to_do(tracked: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, uri = tracked
    client = MlflowClient(uri)
    (parent,) = _runs(client, "second", "study")
    child = client.create_run(
        parent.info.experiment_id,
        tags={"kind": "trial", "study": "second", "trial_id": load_record(workspace, "second").trials[-1].trial_id},
    )
    client.set_terminated(child.info.run_id, "FINISHED", end_time=round(time.time() * 1000) + 60_000)
    try:
        with pytest.raises(InvalidInput, match="was written by an earlier version; `dsn sync`"):
            TrackedSource(uri, "second", tmp_path)
    finally:
        client.delete_run(child.info.run_id)


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "x.db"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput, match="is no database of MLflow"):
        TrackedSource(f"sqlite:///{file}", "first", tmp_path / "downloads")
    assert (file.read_bytes() if file.exists() else None) == content


def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not answer"):
        TrackedSource(f"http://127.0.0.1:{free_port()}", "first", tmp_path)
