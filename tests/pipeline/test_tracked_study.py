"""A study read from MLflow is the study that the workspace has, to the last bit: a real database, a real server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from dsn.config import DataConfig
from dsn.data import DataInfo
from dsn.durable import write_folder
from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results, results_of
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.errors import UnknownStudy
from pipeline.ledger import Ledger
from pipeline.outcome import HISTORY, RECEPTIVE_FIELDS
from pipeline.planning import make_plan
from pipeline.record import StudyRecord, load_record, make_record, save_record
from pipeline.source import WorkspaceSource
from pipeline.study.spec import read_study
from pipeline.tracking.layout import LINES
from pipeline.tracking.reader import TrackedSource
from pipeline.tracking_process import ENVIRONMENT, sync
from pipeline.workspace import Workspace

STUDY = """name: {name}
question: Does anything get lost?
data: [{{source: npz, path: /d, names: [A, B]}}]
arms: {{x: {{}}, y: {{sparsity.level: dense}}, z: {{sparsity: {{level: dense, groups: 1}}}}}}
seeds: {seeds}
tracking: {{uri: {uri}}}
"""

EXACT = {
    "test_accuracy": 0.1 + 0.2,
    "test_loss": 5e-324,
    "train_loss": 1.7976931348623157e308,
    "best_epoch": 7,
    "parameters": 2**53 - 1,
    "flops": 123456789012345.67,
    "train_seconds": 1 / 3,
}
"""The smallest and the largest float, integers, and what has no short decimal; other metrics are absent, so NaN."""

NATIVE = {"engine": "native", "instruction_set": "avx512", "host": "one", "version": "0.1.0"}
TORCH = {"engine": "torch", "host": "two é \udcff", "version": "0.1.0"}


def _described(config: DataConfig) -> DataInfo:
    return DataInfo(
        name=config.name, content_hash=config.name, train_n=20, test_n=20, channels=1, length=50, classes=2, files=()
    )


def _planned(workspace: Workspace, name: str, uri: str, seeds: str = "3") -> StudyRecord:
    file = workspace.root / f"{name}.yaml"
    workspace.root.mkdir(exist_ok=True)
    file.write_text(STUDY.format(name=name, uri=uri, seeds=seeds), encoding="utf-8")
    study = read_study(file)
    record = make_record(study, make_plan(study, _described))
    save_record(workspace, record)
    return record


def _end(workspace: Workspace, study: str, trial_id: str, event: str, **details: object) -> None:
    plain = {"started": time.time() - 0.123456, "metrics": {}, "artifacts": [], "provenance": NATIVE, "error": None}
    with Ledger(workspace, study) as ledger:
        ledger.append("started", trial_id)
        ledger.append(event, trial_id, **(plain | details))


def _ended(workspace: Workspace, uri: str) -> None:
    """Two studies, of which the second has trials of the first: done by either engine, failed with short and long
    errors, failed and then done, cut off, and never begun."""
    first = [trial.trial_id for trial in _planned(workspace, "first", uri).trials]
    _planned(workspace, "second", uri, "[2, 3]")
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.5, 0.1 + 0.2], "seconds": [1.0, 1.0]})
    sizes = pd.DataFrame({"layer": [1], "group": [1], "size": [9], "kernels": [3]})
    files = {HISTORY: history.to_parquet(index=False), RECEPTIVE_FIELDS: sizes.to_parquet(index=False)}
    for trial_id, provenance in zip(first[:4], (NATIVE, TORCH) * 2, strict=True):
        write_folder(workspace.trial(trial_id), files)
        _end(workspace, "first", trial_id, "done", metrics=EXACT, artifacts=sorted(files), provenance=provenance)
    long = {"kind": "exception", "message": "é\ud800\n" * 3000, "traceback": "Traceback\n" + "x" * 20_000}
    short = {"kind": "diverged", "message": "the training loss is not finite", "traceback": ""}
    for trial_id, error in zip(first[4:6], (long, short), strict=True):
        _end(workspace, "first", trial_id, "failed", error=error)
    _end(workspace, "first", first[6], "failed", error=short)
    _end(workspace, "first", first[6], "done", metrics=dict.fromkeys(METRICS, 0.25))
    with Ledger(workspace, "first") as ledger:
        ledger.append("started", first[7])


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an MLflow server that also keeps the artifacts."""
    folder, port = tmp_path_factory.mktemp("server"), _port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | ENVIRONMENT, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        _await(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(address)


@pytest.fixture(scope="module", params=["sqlite", "server"])
def tracked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace with two studies, and the URI of the store that shows both."""
    workspace = Workspace(root=tmp_path_factory.mktemp("tracked"))
    uri = request.getfixturevalue("server") if request.param == "server" else f"sqlite:///{workspace.root}/elsewhere.db"
    _ended(workspace, uri)
    for study in ("first", "second"):
        assert sync(workspace, study) == 0
    return workspace, uri


ReadBack = Callable[[str], StudyResults]


@pytest.fixture
def read_back(tracked: tuple[Workspace, str], tmp_path: Path) -> ReadBack:
    return lambda study: results_of(TrackedSource(tracked[1], study, tmp_path / study))


def _assert_same(found: StudyResults, expected: StudyResults) -> None:
    pd.testing.assert_frame_equal(found.trials, expected.trials, check_exact=True)
    for field in ("histories", "receptive_fields", "mask_updates", "active_weights"):
        ours, theirs = getattr(found, field), getattr(expected, field)
        assert list(ours) == list(theirs)
        for trial_id, frame in theirs.items():
            pd.testing.assert_frame_equal(ours[trial_id], frame, check_exact=True)
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
    planned = [trial.trial_id for trial in load_record(workspace, "second").trials]
    client = MlflowClient(uri)
    known = results_of(TrackedSource(uri, "second", tmp_path / "before"))
    pending = list(known.trials.loc[known.trials["status"] == "pending", "trial_id"].drop_duplicates())
    run = _child(client, "second", pending[0])
    assert run is None
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
        assert (
            last["config"]
            == {t.trial_id: t for t in load_record(workspace, "second").trials}[pending[0]].config.to_dict()
        )
    finally:
        client.delete_run(child.info.run_id)
    assert set(planned) >= {pending[0]}


def _runs(client: MlflowClient, study: str, kind: str) -> list[Run]:
    experiment = client.get_experiment_by_name(study)
    return list(client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'"))


def _child(client: MlflowClient, study: str, trial_id: str) -> Run | None:
    return next((run for run in _runs(client, study, "trial") if run.data.tags["trial_id"] == trial_id), None)


def test_the_parent_carries_the_ledgers_lines_word_for_word(tracked: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, uri = tracked
    source = TrackedSource(uri, "second", tmp_path)
    assert source.lines() == WorkspaceSource(workspace, "second").lines()
    client = MlflowClient(uri)
    (parent,) = _runs(client, "second", "study")
    assert LINES in {file.path for file in client.list_artifacts(parent.info.run_id)}


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
        TrackedSource(f"http://127.0.0.1:{_port()}", "first", tmp_path)
