"""What a trial leaves behind of its network."""

from __future__ import annotations

import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lone_trial import lone_trial

import dsn
import pipeline.trial.training
from dsn.architecture import layer_plans
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data import describe, load
from dsn.durable import write_folder
from dsn.metrics import balanced_accuracy, calibration_error, macro_f1
from dsn.receptive_field import enrf_sizes
from dsn.sparsity.exploration_space import log10_topologies
from pipeline.analysis.results import METRICS
from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, NETWORK, RECEPTIVE_FIELDS
from pipeline.trial.training import run_trial


@pytest.fixture
def trial() -> TrialSpec:
    pytest.importorskip("aeon")
    config = RunConfig(
        data=DataConfig(source="aeon", name="UnitTest"),
        model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=5),
        training=TrainingConfig(epochs=6),
    )
    return lone_trial(config, describe(config.data))


def _recorded(content: bytes) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(content))


def test_receptive_fields_are_those_of_the_selected_network(trial: TrialSpec) -> None:
    artifacts = run_trial(trial).artifacts
    assert sorted(artifacts) == sorted([ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, NETWORK, RECEPTIVE_FIELDS])
    rows = _recorded(artifacts[RECEPTIVE_FIELDS])
    with np.load(io.BytesIO(artifacts[NETWORK])) as network:
        masks = [network[name] for name in network.files if name.endswith(".mask")]
    assert len(masks) == 2
    for number, mask in enumerate(masks, start=1):
        own = rows[rows["layer"] == number].groupby("size")["kernels"].sum()
        sizes, counts = np.unique(enrf_sizes(mask), return_counts=True)
        assert own.to_dict() == dict(zip(sizes.tolist(), counts.tolist(), strict=True))


def test_they_are_recorded_without_the_network_and_for_a_dense_one(trial: TrialSpec) -> None:
    sparsity = SparsityConfig(level="dense")
    artifacts = run_trial(replace(trial, config=replace(trial.config, sparsity=sparsity)), keep_model=False).artifacts
    assert sorted(artifacts) == sorted([ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, RECEPTIVE_FIELDS])
    assert _recorded(artifacts[RECEPTIVE_FIELDS]).to_numpy().tolist() == [[1, 1, 9, 9], [2, 1, 9, 27]]


def test_active_weights_are_those_of_the_selected_network(trial: TrialSpec) -> None:
    artifacts = run_trial(trial).artifacts
    rows = _recorded(artifacts[ACTIVE_WEIGHTS])
    assert list(rows) == ["layer", "group", "channel", "tap", "active"]
    with np.load(io.BytesIO(artifacts[NETWORK])) as network:
        masks = [network[name] for name in network.files if name.endswith(".mask")]
    assert rows.groupby("layer")["active"].sum().tolist() == [int(mask.sum()) for mask in masks]
    for row in rows.to_dict("records"):
        assert row["active"] == masks[row["layer"] - 1][row["channel"], :, row["tap"]].sum()


def test_mask_updates_have_a_row_a_group_a_moment(trial: TrialSpec) -> None:
    rows = _recorded(run_trial(trial).artifacts[MASK_UPDATES])
    columns = ["epoch", "step", "layer", "group", "active", "exchanged", "changed", "covered", "region"]
    assert list(rows) == columns
    assert (rows.dtypes == np.int64).all()
    # One update, after epoch 5 of 6, in 3 groups of 2 layers.
    assert rows["epoch"].tolist() == [0] * 6 + [5] * 6


@pytest.mark.parametrize(("every", "tested"), [(0, []), (4, [4, 6])])
def test_the_history_has_test_accuracies_where_they_were_asked_for(
    trial: TrialSpec, every: int, tested: list[int]
) -> None:
    training = replace(trial.config.training, eval_test_every=every)
    history = _recorded(run_trial(replace(trial, config=replace(trial.config, training=training))).artifacts[HISTORY])
    columns = ["epoch", "train_loss", "train_accuracy", "learning_rate", "seconds", "test_accuracy"]
    assert list(history) == columns
    assert history["test_accuracy"].dtype == np.float64
    assert history.loc[history["test_accuracy"].notna(), "epoch"].tolist() == tested


@pytest.mark.parametrize("sparsity", [SparsityConfig(level="dense"), SparsityConfig(explore=False)])
def test_what_has_nothing_to_record_has_tables_without_rows(trial: TrialSpec, sparsity: SparsityConfig) -> None:
    artifacts = run_trial(replace(trial, config=replace(trial.config, sparsity=sparsity))).artifacts
    updates, weights = _recorded(artifacts[MASK_UPDATES]), _recorded(artifacts[ACTIVE_WEIGHTS])
    assert updates["epoch"].tolist() == ([] if sparsity.level == "dense" else [0] * 6)
    assert weights.empty == (sparsity.level == "dense")
    assert (updates.dtypes == np.int64).all()
    assert list(weights) == ["layer", "group", "channel", "tap", "active"]


def test_a_failure_after_training_is_a_result_too(trial: TrialSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise MemoryError("no room for the network")

    monkeypatch.setattr(pipeline.trial.training, "network_bytes", full)
    result = run_trial(trial)
    assert result.error is not None
    assert (result.status, result.error.kind) == ("failed", "out-of-memory")
    assert "no room for the network" in result.error.message
    assert result.provenance["engine"] == "torch"


def test_a_trial_measures_everything_that_results_have_a_column_for(trial: TrialSpec) -> None:
    metrics = run_trial(trial).metrics
    told = set(METRICS) if sys.platform == "linux" else set(METRICS) - {"peak_memory_bytes"}
    assert set(metrics) == told
    assert all(math.isfinite(value) for value in metrics.values())
    json.dumps(metrics, allow_nan=False)  # as the ledger writes them


def test_topologies_and_receptive_fields_are_those_of_the_selected_network(trial: TrialSpec) -> None:
    result = run_trial(trial)
    layers = layer_plans(trial.config.model, trial.config.sparsity, 1)
    assert result.metrics["log10_topologies"] == log10_topologies(layers, trial.config.model)
    grouped, layerwise = (result.metrics[f"log10_topologies_{within}"] for within in ("groups", "layers"))
    assert layerwise > grouped > result.metrics["log10_topologies"] > 0
    rows = _recorded(result.artifacts[RECEPTIVE_FIELDS])
    first, second = (np.repeat(own["size"], own["kernels"]) for _, own in rows.groupby("layer")[["size", "kernels"]])
    # By enumeration: every kernel of the first layer with every one of the second.
    paths = np.maximum(0, first.to_numpy()[:, None] + second.to_numpy()[None, :] - 1)
    assert result.metrics["mean_receptive_field"] == pytest.approx(paths.mean(), rel=1e-12)


def test_a_dense_network_is_one_topology_that_sees_all(trial: TrialSpec) -> None:
    sparsity = SparsityConfig(level="dense")
    metrics = run_trial(replace(trial, config=replace(trial.config, sparsity=sparsity))).metrics
    names = ("log10_topologies", "log10_topologies_groups", "log10_topologies_layers", "mask_churn", "itop_rate")
    assert [metrics[name] for name in names] == [0, 0, 0, 0, 1]
    assert metrics["mean_receptive_field"] == pytest.approx(9 + 9 - 1, rel=1e-12)


def test_the_quality_of_predictions_is_that_of_the_kept_network(trial: TrialSpec, tmp_path: Path) -> None:
    result = run_trial(trial)
    write_folder(tmp_path / "trial", result.artifacts)
    data = load(trial.config.data)
    found = dsn.load(tmp_path / "trial", engine=trial.engine).predict_log_proba(data.x_test)
    for metric in (balanced_accuracy, macro_f1, calibration_error):
        assert result.metrics[f"test_{metric.__name__}"] == metric(found, data.y_test)


def test_what_a_system_does_not_tell_is_left_out(trial: TrialSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsn.peak_memory._RESET", Path("/nowhere/clear_refs"))
    result = run_trial(trial)
    assert result.error is None
    assert set(METRICS) - set(result.metrics) == {"peak_memory_bytes"}
