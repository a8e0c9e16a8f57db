"""``dsn sync --verify`` finds what was planted in real stores, mends it, and then finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_workspace import ended
from mlflow import MlflowClient
from mlflow.entities import Param, Run, RunTag
from stores import STORES, store

from pipeline.terminal.sync_text import sync_text
from pipeline.tracking.launch import sync, verify
from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import load_record


@pytest.fixture(params=STORES)
def tracked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Workspace, MlflowClient]]:
    """A workspace whose study ``first`` is in that store."""
    workspace = Workspace(root=tmp_path / "workspace")
    workspace.root.mkdir()
    with store(request.param, workspace.root) as uri:
        ended(workspace, uri)
        report = workspace.report("first")
        (report / "figures").mkdir(parents=True)
        (report / "report.md").write_text("# A study\n\n## Answer\n\nYes.\n", encoding="utf-8")
        (report / "figures" / "one.svg").write_text("<svg/>", encoding="utf-8")
        assert sync(workspace, "first") == 0
        yield workspace, MlflowClient(uri)


def _runs(client: MlflowClient) -> dict[str, Run]:
    """By trial; under ``parent`` the study's own."""
    experiment = client.get_experiment_by_name("first")
    found = client.search_runs([experiment.experiment_id])
    runs = {run.data.tags.get("trial_id", "parent"): run for run in found}
    assert len(runs) == len(found), "one run a trial"
    return runs


def _file(workspace: Workspace, run: Run, name: str) -> Path:
    (found,) = workspace.root.rglob(f"{run.info.run_id}/artifacts/{name}")
    return found


def _copy(client: MlflowClient, run: Run, **params: str) -> None:
    """In the place of a run, another with its tags and parameters, without its points and artifacts."""
    tags = {**run.data.tags}
    copy = client.create_run(run.info.experiment_id, run.info.start_time, tags, run.info.run_name)
    made = [Param(key, value) for key, value in {**run.data.params, **params}.items()]
    client.log_batch(copy.info.run_id, params=made, tags=[RunTag(key, value) for key, value in tags.items()])
    client.set_terminated(copy.info.run_id, run.info.status, run.info.end_time)
    client.delete_run(run.info.run_id)


def test_what_was_planted_is_found_and_mended(tracked: tuple[Workspace, MlflowClient]) -> None:
    workspace, client = tracked
    trials = [trial.trial_id for trial in load_record(workspace, "first").trials]
    clean = verify(workspace, "first")
    assert clean is not None
    assert (clean["differences"], clean["left"]) == ([], [])
    runs = _runs(client)
    assert (clean["runs"], clean["points"]) == (9, 4 * (7 + 2) + 1)
    ids = {trial_id: run.info.run_id for trial_id, run in runs.items()}

    # Done: a point too many and one with another value; missing artifact, changed artifact; no points; a parameter.
    client.log_metric(ids[trials[0]], "curve/train_loss", 0.25, timestamp=1, step=1)
    client.log_metric(ids[trials[0]], "test_accuracy", 0.9)
    client.log_metric(ids[trials[0]], "a person/s", 1.0)
    _file(workspace, runs[trials[1]], "network.npz").unlink()
    _file(workspace, runs[trials[1]], "history.parquet").write_bytes(b"changed")
    client.set_tag(ids[trials[1]], "a person/s", "note")
    _copy(client, runs[trials[2]])
    _copy(client, runs[trials[3]], **{"model.depth": "99"})
    # Failed: a tag gone, another changed; a run gone. Failed and then done: twice, and one of these runs.
    client.delete_tag(ids[trials[4]], "error.kind")
    client.set_tag(ids[trials[4]], "arm", "another")
    client.delete_run(ids[trials[5]])
    tags = {key: value for key, value in runs[trials[6]].data.tags.items() if not key.startswith("mlflow.")}
    client.create_run(runs[trials[6]].info.experiment_id, runs[trials[6]].info.start_time + 1, tags)
    client.update_run(ids[trials[6]], "RUNNING")
    # Cut off: left RUNNING. Never begun: a run that says FINISHED.
    client.update_run(ids[trials[7]], "RUNNING")
    surplus = client.create_run(runs["parent"].info.experiment_id, tags={**tags, "trial_id": trials[8]})
    client.set_terminated(surplus.info.run_id, "FINISHED")
    # The study's own.
    client.set_tag(ids["parent"], "trials.done", "99")
    client.set_terminated(ids["parent"], "FINISHED")
    _file(workspace, runs["parent"], "report/figures/one.svg").unlink()
    _file(workspace, runs["parent"], "study.yaml").write_text("name: another", encoding="utf-8")

    found = verify(workspace, "first")
    assert found is not None
    assert found["left"] == []
    planted = {
        ("", "tag trials.done"): "'99'",
        ("", "status"): "'FINISHED'",
        ("", "artifact report/figures/one.svg"): "missing",
        ("", "artifact study.yaml"): "of another content",
        (trials[0], "metric curve/train_loss"): "1 points that the ledger has not",
        (trials[0], "metric test_accuracy"): "1 points that the ledger has not",
        (trials[0], "metric a person/s"): "1 points that the ledger has not",
        (trials[1], "artifact network.npz"): "missing",
        (trials[1], "artifact history.parquet"): "of another content",
        (trials[2], "metric curve/train_loss"): "2 of 2 points missing",
        (trials[2], "metric test_loss"): "1 of 1 points missing",
        (trials[2], "artifact history.parquet"): "missing",
        (trials[2], "data sets"): "missing",
        (trials[3], "parameter model.depth"): "'99'",
        (trials[4], "tag error.kind"): "missing",
        (trials[4], "tag arm"): "'another'",
        (trials[5], "run"): "missing",
        (trials[6], "status"): "'RUNNING'",
        (trials[7], "status"): "RUNNING, and the trial is pending",
        (trials[8], "status"): "FINISHED, and the trial is pending",
    }
    told = {(each["trial"], each["what"]): each["found"] for each in found["differences"]}
    assert {key: told.get(key) for key in planted} == planted
    assert told[trials[6], "run"].startswith("one more, ")
    assert {trial for trial, _ in told} == {"", *trials[:9]}
    assert {key for key in told if key[0] in (trials[0], trials[1], trials[4], trials[5])} <= planted.keys()

    runs = _runs(client)
    assert runs[trials[1]].data.tags["a person/s"] == "note"
    kept = {trial for trial in trials[:9] if trial in runs and trial in ids and runs[trial].info.run_id == ids[trial]}
    assert kept == {trials[1], trials[4], trials[6], trials[7]}
    assert "RUNNING" not in {run.info.status for run in runs.values()}
    again = verify(workspace, "first")
    assert again == clean


def _sync(workspace: Workspace, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "pipeline", "sync", "first", "--workspace", str(workspace.root), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode, answer.stdout, answer.stderr


def test_the_command(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path / "workspace")
    ended(workspace)
    code, told, _ = _sync(workspace, "--verify", "--json")
    found = json.loads(told)
    assert (code, found["differences"][0], found["left"]) == (0, {"trial": "", "what": "run", "found": "missing"}, [])
    code, told, _ = _sync(workspace, "--verify")
    assert (code, told) == (0, "first: MLflow is as the ledger has it (9 runs, 37 points, 16 artifacts)\n")
    code, _, said = _sync(workspace, "--json")
    assert (code, said) == (2, "dsn: --json: says what --verify found, and that was not asked for\n")
    (workspace.root / "mlflow.db").write_bytes(b"damaged" * 1000)
    code, told, said = _sync(workspace, "--verify")
    assert (code, told) == (6, "")
    assert "is damaged; move it away" in said
    assert "Traceback" not in said


def _found(count: int, left: int) -> dict[str, Any]:
    each = [{"trial": f"{number:02}" if number else "", "what": "run", "found": "missing"} for number in range(count)]
    return {"study": "s", "runs": 1, "points": 2000, "artifacts": 0, "differences": each, "left": each[:left]}


@pytest.mark.parametrize(
    ("count", "left", "lines"),
    [
        (0, 0, ["s: MLflow is as the ledger has it (1 run, 2000 points, 0 artifacts)"]),
        (1, 0, ["  the study's run: run: missing", "s: 1 difference, mended (1 run, 2000 points, 0 artifacts)"]),
    ],
)
def test_in_words(count: int, left: int, lines: list[str]) -> None:
    assert sync_text(_found(count, left)).splitlines() == lines


def test_many_differences_are_not_all_listed() -> None:
    lines = sync_text(_found(30, 3)).splitlines()
    assert len(lines) == 22
    assert lines[1] == "  trial 01: run: missing"
    assert lines[20] == "  and 10 more (--json lists them)"
    assert lines[21].startswith("s: 30 differences, 3 of them left (")
