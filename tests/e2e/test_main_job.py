"""The main job: a study file to trained models, MLflow runs and a report; and everything that reads it afterwards."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest


def test_every_trial_is_started_and_done_once_and_its_artifacts_are_there(finished) -> None:
    assert len(finished.ids("done")) == 4
    assert sorted(finished.ids("started")) == sorted(finished.ids("done")) == sorted(set(finished.ids("done")))
    for event in finished.events():
        if event["event"] == "done":
            folder = finished.workspace / "trials" / event["trial"]
            assert sorted(path.name for path in folder.iterdir()) == event["artifacts"]
            assert pd.read_parquet(folder / "history.parquet")["epoch"].tolist() == [1, 2, 3]
            with np.load(folder / "network.npz") as network:
                header = json.loads(str(network["header"]))
                masks = [network[name] for name in network.files if name.endswith("mask")]
            assert header["config"] == event["config"]
            assert sum(int(mask.sum()) for mask in masks) == event["metrics"]["active_weights"]


def test_status_adds_up(finished) -> None:
    counts = json.loads(finished.dsn("status", "tiny", "--json").stdout)
    rest = {"phase": None, "running_trials": [], "failed_trials": [], "stale_trials": []}
    assert counts == {
        "study": "tiny",
        "planned": 4,
        "done": 4,
        "pruned": 0,
        "failed": 0,
        "running": 0,
        "pending": 0,
        **rest,
    }


def test_running_again_runs_nothing(finished, mlflow_runs) -> None:
    ledger = (finished.workspace / "ledger" / "tiny" / "ledger.jsonl").read_bytes()
    again = finished.dsn("run", "tiny.yaml")
    assert "4 trials, 4 already there, 0 to run" in again.stderr
    assert (finished.workspace / "ledger" / "tiny" / "ledger.jsonl").read_bytes() == ledger
    parents, children = mlflow_runs(finished)
    assert (len(parents), len(children)) == (1, 4)


def test_the_output_ends_with_table_report_and_ui(finished) -> None:
    output = finished.dsn("report", "tiny").stdout
    assert "Test accuracy" in output
    report, ui = output.strip().splitlines()[-2:]
    assert report.endswith("workspace/reports/tiny/report.html")
    assert ui.startswith("MLflow UI: ")
    assert ui.endswith("dsn ui")


def test_the_report_holds_the_ledgers_numbers(finished) -> None:
    finished.dsn("report", "tiny")
    trials = pd.read_csv(finished.workspace / "reports" / "tiny" / "trials.csv", float_precision="round_trip")
    recorded = {e["trial"]: e["metrics"]["test_accuracy"] for e in finished.events() if e["event"] == "done"}
    assert dict(zip(trials["trial_id"], trials["test_accuracy"], strict=True)) == recorded


def test_mlflow_has_one_run_a_trial_with_metrics_parameters_curves_and_artifacts(finished, mlflow_runs) -> None:
    from mlflow import MlflowClient

    parents, children = mlflow_runs(finished)
    assert [run.info.status for run in parents] == ["FINISHED"]
    recorded = {event["trial"]: event for event in finished.events() if event["event"] == "done"}
    assert Counter(run.data.tags["trial_id"] for run in children) == Counter(list(recorded))
    client = MlflowClient(finished.tracking_uri)
    for run in children:
        event = recorded[run.data.tags["trial_id"]]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.data.tags["revision"] == event["provenance"]["revision"]
        finals = {name: value for name, value in run.data.metrics.items() if not name.startswith("curve/")}
        assert finals == event["metrics"]
        assert run.data.params["model.channels"] == "9"
        for name, steps in {"train_loss": [1, 2, 3], "test_accuracy": [2, 3]}.items():
            curve = client.get_metric_history(run.info.run_id, f"curve/{name}")
            assert [point.step for point in curve] == steps
        names = [file.path for file in client.list_artifacts(run.info.run_id)]
        assert names == [
            "active_weights.parquet",
            "history.parquet",
            "mask_updates.parquet",
            "network.npz",
            "receptive_fields.parquet",
        ]
    reports = [file.path for file in client.list_artifacts(parents[0].info.run_id, "report")]
    assert "report/report.html" in reports


def test_mlflow_can_be_rebuilt_from_the_ledger(finished, mlflow_runs) -> None:
    before = {run.data.tags["trial_id"]: run.data.metrics for run in mlflow_runs(finished)[1]}
    for path in finished.workspace.glob("mlflow.db*"):
        path.unlink()
    finished.dsn("sync", "tiny")
    assert {run.data.tags["trial_id"]: run.data.metrics for run in mlflow_runs(finished)[1]} == before


def test_one_trial_in_this_process_gives_the_recorded_numbers(finished) -> None:
    event = next(event for event in finished.events() if event["event"] == "done")
    shown = json.loads(finished.dsn("trial", event["trial"][:6]).stdout)
    recorded = {name: value for name, value in event["metrics"].items() if not name.endswith(("_seconds", "_bytes"))}
    assert {name: shown[name] for name in recorded} == recorded


def test_an_edited_study_runs_only_what_is_new_and_another_study_shares_what_it_contains(bench, mlflow_runs) -> None:
    bench.write_study(epochs=1, seeds=1, one_worker=True)
    bench.dsn("run", "tiny.yaml")
    bench.study.write_text(bench.study.read_text().replace("seeds: 1", "seeds: 2").replace("fixed:", "still:"))
    assert "4 trials, 2 already there, 2 to run" in bench.dsn("run", "tiny.yaml").stderr
    assert sorted(Counter(bench.ids("done")).values()) == [1] * 4
    assert {run.data.tags["arm"] for run in mlflow_runs(bench)[1]} == {"dsn", "still"}, "a renamed arm is shown"

    other = bench.folder / "other.yaml"
    other.write_text(bench.study.read_text().replace("name: tiny", "name: other"))
    assert "4 trials, 4 already there, 0 to run" in bench.dsn("run", "other.yaml").stderr
    assert json.loads(bench.dsn("status", "other", "--json").stdout)["done"] == 4
    parents, children = mlflow_runs(bench)
    assert (len(parents), len(children)) == (2, 8)


def test_a_failed_trial_is_recorded_once_and_tried_again_only_when_asked(bench, mlflow_runs) -> None:
    bench.write_study(epochs=1, seeds=1, one_worker=True)
    rates = "training.learning_rate: 1.0e+38, training.final_learning_rate: 1.0e+38"
    diverging = f"  one: {{sparsity.level: dense, sparsity.groups: 1, {rates}}}\n"
    text = bench.study.read_text()
    bench.study.write_text(text.replace("seeds: 1", f"{diverging}seeds: 1"))
    bench.dsn("run", "tiny.yaml", expect=3)
    (failed,) = [event for event in bench.events() if event["event"] == "failed"]
    assert failed["error"]["kind"] == "diverged"
    assert "not finite in epoch" in failed["error"]["message"]
    parents, children = mlflow_runs(bench)
    assert Counter(run.info.status for run in children) == {"FINISHED": 2, "FAILED": 1}
    assert parents[0].info.status == "FAILED"
    # The same trial, now asked for by an arm with another setting that it does not read.
    bench.study.write_text(bench.study.read_text().replace("sparsity.groups: 1", "sparsity.groups: 2"))
    unchanged = bench.dsn("run", "tiny.yaml", expect=3)
    assert "0 to run" in unchanged.stderr
    assert "could not be brought up to date" not in unchanged.stderr
    assert "1 to run" in bench.dsn("run", "tiny.yaml", "--rerun", "failed", expect=3).stderr
    assert len(bench.ids("failed")) == 2
    assert len(mlflow_runs(bench)[1]) == 3


def test_data_that_changed_since_the_plan_is_refused_by_the_trial(bench) -> None:
    rng = np.random.default_rng(0)
    x = {f"X_{part}": rng.normal(size=(8, 20)) for part in ("train", "test")}
    y = {f"y_{part}": np.arange(8) % 2 for part in ("train", "test")}
    np.savez(bench.folder / "own.npz", **x, **y)
    bench.write_study(epochs=1, seeds=1, one_worker=True)
    source = "{source: npz, path: ., names: [own]}"
    bench.study.write_text(bench.study.read_text().replace("{source: aeon, names: [UnitTest]}", source))
    bench.dsn("run", "tiny.yaml")
    np.savez(bench.folder / "own.npz", **{**x, "X_train": x["X_train"] + 1}, **y)
    refused = bench.dsn("trial", bench.ids("done")[0], expect=3)
    assert "own" in refused.stderr
    assert "has changed since the study was planned" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_mlflow_server_that_is_away_costs_no_result(bench, row) -> None:
    bench.write_study(epochs=1, seeds=1, one_worker=True, more="tracking: {uri: 'http://127.0.0.1:9'}\n")
    finished = bench.dsn("run", "tiny.yaml")
    assert "MLflow could not be brought up to date (no result is lost" in finished.stderr
    assert finished.stdout.strip().endswith("MLflow UI: that of the server in tracking.uri")
    assert len(bench.ids("done")) == 2
    row("MLflow server never there", "nobody listens at its address", 1, "2 done, exit 0, says `dsn sync`")


def test_a_workspace_that_cannot_be_written_stops_the_run_with_a_message_and_what_is_recorded_stays(bench) -> None:
    bench.write_study(epochs=1, seeds=2, one_worker=True)
    trials = bench.workspace / "trials"
    trials.parent.mkdir(exist_ok=True)
    trials.write_text("a file where the folder of all trials should be")
    stopped = bench.dsn("run", "tiny.yaml", expect=4)
    assert "Traceback" not in stopped.stderr
    assert f"dsn: workspace {bench.workspace}: " in stopped.stderr
    assert bench.ids("done") == []
    trials.unlink()
    bench.dsn("run", "tiny.yaml")
    assert sorted(Counter(bench.ids("done")).values()) == [1] * 4


def test_a_study_that_wants_gpus_runs_on_the_cpu_where_there_are_none_and_says_so(bench) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    bench.write_study(epochs=1, seeds=1, more="resources: {gpus: 0.5}\n")
    assert "no GPU here: the trials run on the CPU" in bench.dsn("run", "tiny.yaml").stderr
    assert len(bench.ids("done")) == 2


def test_more_cores_than_there_are_is_bad_input(bench) -> None:
    bench.write_study(epochs=1, seeds=1, more="resources: {cpus: 4096}\n")
    refused = bench.dsn("run", "tiny.yaml", expect=2)
    assert "resources.cpus" in refused.stderr
    assert "no trial could start" in refused.stderr
    assert bench.events() == []
