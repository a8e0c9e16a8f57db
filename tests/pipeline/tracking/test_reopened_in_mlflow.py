"""A trial that begins again has one run in MLflow, of its last life, with nothing of the earlier one in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from empty_store import put_empty_store
from made_workspace import NATIVE, end, ended
from mlflow import MlflowClient
from mlflow.entities import Run

from dsn.durable import write_folder
from pipeline.analysis.frames import load_results, results_of
from pipeline.tracking.launch import sync
from pipeline.tracking.reader import TrackedSource
from pipeline.trial.outcome import HISTORY
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, read_states


def test_a_trial_that_is_reopened_and_ends_otherwise(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path / "workspace")
    put_empty_store(workspace.root / "mlflow.db")
    ended(workspace)
    client = MlflowClient(workspace.tracking_uri)
    assert sync(workspace, "first") == 0
    again = next(trial_id for trial_id, state in read_states(workspace).items() if state.status == "done")
    (before,) = _runs(client, again)

    with Ledger(workspace, "first") as ledger:
        ledger.reopen({again: "all"})
    assert sync(workspace, "first") == 0
    assert _runs(client, again) == []
    _assert_same(workspace, tmp_path / "reopened", again, "pending")

    with Ledger(workspace, "first") as ledger:
        ledger.append("started", again, attempt=1)
        ledger.append("lost", again, attempt=1, epoch=1, error={"kind": "worker-lost", "message": "m", "traceback": ""})
    assert sync(workspace, "first") == 0
    _assert_same(workspace, tmp_path / "lost", again, "pending")

    history = pd.DataFrame({"epoch": [1], "train_loss": [0.75], "seconds": [1.0]})
    write_folder(workspace.trial(again), {HISTORY: history.to_parquet(index=False)})
    end(workspace, "first", again, "done", metrics={"test_accuracy": 0.125}, artifacts=[HISTORY], provenance=NATIVE)
    for _ in range(2):
        assert sync(workspace, "first") == 0
        (run,) = _runs(client, again)
        assert run.info.run_id != before.info.run_id
        assert (run.info.status, run.data.tags["generation"]) == ("FINISHED", "1")
        assert run.data.metrics == {"test_accuracy": 0.125, "curve/train_loss": 0.75}
        assert len(client.get_metric_history(run.info.run_id, "curve/train_loss")) == 1
    _assert_same(workspace, tmp_path / "done", again, "done")


def _runs(client: MlflowClient, trial_id: str) -> list[Run]:
    experiment = client.get_experiment_by_name("first")
    return list(client.search_runs([experiment.experiment_id], f"tags.trial_id = '{trial_id}'"))


def _assert_same(workspace: Workspace, folder: Path, trial_id: str, status: str) -> None:
    folder.mkdir()
    found = results_of(TrackedSource(workspace.tracking_uri, "first", folder)).trials
    pd.testing.assert_frame_equal(found, load_results(workspace, "first").trials, check_exact=True)
    assert found.set_index("trial_id").loc[[trial_id], "status"].eq(status).all()
