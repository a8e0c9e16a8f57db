"""A study's results as they stand in a workspace."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from data_info import made_info
from read_columns import columns_of

from dsn.durable import write_folder
from pipeline.analysis.frames import load_results
from pipeline.analysis.report.files import write_report
from pipeline.errors import DamagedArtifact
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.trial.outcome import ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, RECEPTIVE_FIELDS
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.record import StudyRecord, make_record, save_record

STUDY = """name: s
data: [{source: aeon, names: [A]}]
arms: {x: {}, y: {sparsity.level: dense}, z: {sparsity: {level: dense, groups: 1}}}
factors: {values: {model.kernel_size: [9, 39]}}
seeds: 1
"""


METRICS_OF_0_1 = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "best_epoch",
    "epochs",
    "parameters",
    "active_weights",
    "flops",
    "flops_published",
    "train_seconds",
    "test_seconds",
)
"""What the first release recorded."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture
def record(tmp_path: Path, workspace: Workspace) -> StudyRecord:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY, encoding="utf-8")
    study = read_study(file)
    made = make_record(study, make_plan(study, partial(made_info, files=("/x/A.ts",))))
    save_record(workspace, made)
    return made


def test_what_a_planned_study_knows(workspace: Workspace, record: StudyRecord) -> None:
    results = load_results(workspace, "s")
    assert results.factors["y, model.kernel_size=9"] == {"model.kernel_size": 9}
    assert results.arm_name("y, model.kernel_size=9") == "y"
    assert results.configs["x, model.kernel_size=39"].model.kernel_size == 39
    assert results.configs["z, model.kernel_size=9"].sparsity.groups == 1, "its own, though it shares a trial with y"
    assert results.configs["y, model.kernel_size=9"].sparsity.groups == 3
    assert results.data == tuple(record.data)
    assert results.file == record.file
    assert results.trials[["started", "finished"]].isna().all(axis=None)


def test_what_ended_trials_leave(workspace: Workspace, record: StudyRecord) -> None:
    first, second, *_ = record.trials
    frame = pd.DataFrame({"layer": [1], "group": [1], "size": [9], "kernels": [3]})
    updates, weights = frame.rename(columns={"size": "epoch"}), frame.rename(columns={"kernels": "active"})
    frames = {RECEPTIVE_FIELDS: frame, MASK_UPDATES: updates, ACTIVE_WEIGHTS: weights}
    write_folder(workspace.trial(first.trial_id), {name: each.to_parquet(index=False) for name, each in frames.items()})
    error = {"kind": "exception", "message": "ValueError: bad", "traceback": "Traceback ..."}
    accuracy = {"test_accuracy": 0.5}
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", first.trial_id, started=5.0, metrics=accuracy, artifacts=list(frames), provenance={})
        ledger.append("failed", second.trial_id, started=5.0, metrics={}, provenance={}, error=error)
    results = load_results(workspace, "s")
    assert list(results.receptive_fields) == [first.trial_id]
    assert results.receptive_fields[first.trial_id] == columns_of(frame)
    assert results.mask_updates[first.trial_id] == columns_of(updates)
    assert results.active_weights[first.trial_id] == columns_of(weights)
    rows = results.trials.set_index("trial_id")
    assert rows.loc[[first.trial_id, second.trial_id], "started"].eq(5.0).all()
    assert rows.loc[[second.trial_id], "traceback"].eq("Traceback ...").all()


def test_what_an_earlier_life_of_a_trial_left_is_not_read(workspace: Workspace, record: StudyRecord) -> None:
    first, second, *_ = record.trials
    error = {"kind": "worker-lost", "message": "m", "traceback": ""}
    for trial in (first, second):
        write_folder(workspace.trial(trial.trial_id), {MASK_UPDATES: b"of an earlier life"})
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", first.trial_id, started=5.0, metrics={}, artifacts=[MASK_UPDATES], provenance={})
        ledger.append("reopened", first.trial_id, why="all")
        ledger.append("done", first.trial_id, started=5.0, metrics={}, artifacts=[], provenance={})
        ledger.append("started", second.trial_id)
        ledger.append("lost", second.trial_id, attempt=1, epoch=3, error=error)
    results = load_results(workspace, "s")
    assert list(results.mask_updates) == []
    pending = results.trials.set_index("trial_id").loc[[second.trial_id]]
    assert pending["status"].eq("pending").all()
    assert pending["error_kind"].eq("").all()


def test_trials_of_an_earlier_version_are_read_and_reported_without_what_they_lack(
    workspace: Workspace, record: StudyRecord, tmp_path: Path
) -> None:
    metrics = dict.fromkeys(METRICS_OF_0_1, 1.0) | {"test_accuracy": 0.5, "test_loss": 0.7}
    history = pd.DataFrame({"epoch": [1], "train_loss": [1.0], "train_accuracy": [0.5], "seconds": [1.5]})
    with Ledger(workspace, "s") as ledger:
        for trial in record.trials:
            write_folder(workspace.trial(trial.trial_id), {HISTORY: history.to_parquet(index=False)})
            ledger.append("done", trial.trial_id, started=5.0, metrics=metrics, artifacts=[HISTORY], provenance={})
    results = load_results(workspace, "s")
    assert results.trials[["test_macro_f1", "itop_rate", "peak_memory_bytes"]].isna().all(axis=None)
    assert list(results.mask_updates) == list(results.active_weights) == []
    paths = write_report(results, tmp_path / "r")
    page = paths.html.read_text(encoding="utf-8")
    assert "Quality of the predictions" in page
    assert "have not recorded the number" in page
    assert ">Exploration</h2>" not in page, "none has recorded any"
    quality = pd.read_csv(paths.quality_csv)
    assert quality["test_loss"].tolist() == [0.7] * 6
    assert quality["test_macro_f1"].isna().all()
    assert pd.read_csv(paths.exploration_csv)["itop_rate"].isna().all()


@pytest.mark.parametrize("content", [b"", b"garbage", b"PAR1 and no more PAR1"], ids=["empty", "other", "cut off"])
def test_a_damaged_file_of_a_trial_is_named(
    workspace: Workspace, record: StudyRecord, tmp_path: Path, content: bytes
) -> None:
    with Ledger(workspace, "s") as ledger:
        trial = record.trials[0]
        write_folder(workspace.trial(trial.trial_id), {HISTORY: content})
        metrics = dict.fromkeys(METRICS_OF_0_1, 1.0)
        ledger.append("done", trial.trial_id, started=5.0, metrics=metrics, artifacts=[HISTORY], provenance={})
    path = workspace.trial(trial.trial_id) / HISTORY
    with pytest.raises(DamagedArtifact, match="remove it, and the report does without it") as caught:
        write_report(load_results(workspace, "s"), tmp_path / "r")
    assert caught.value.place == str(path)
    path.unlink()
    assert write_report(load_results(workspace, "s"), tmp_path / "r").html.exists()


def test_a_record_of_an_earlier_version_still_has_a_report(
    workspace: Workspace, record: StudyRecord, tmp_path: Path
) -> None:
    plain = asdict(record)  # every trial in full, as the first release wrote it
    del plain["data"], plain["left_out"]
    (workspace.study("s") / "study.json").write_text(json.dumps(plain), encoding="utf-8")
    results = load_results(workspace, "s")
    save_record(workspace, record)
    pd.testing.assert_frame_equal(results.trials, load_results(workspace, "s").trials)
    assert results.data == ()
    assert "An earlier version planned this study" in write_report(results, tmp_path / "r").html.read_text()
