"""What a trial leaves behind of its network."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import pipeline.trial
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.cost import count
from dsn.data import describe
from dsn.receptive_field import enrf_sizes
from pipeline.outcome import ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, NETWORK, RECEPTIVE_FIELDS
from pipeline.planning import TrialSpec
from pipeline.resources import Resources
from pipeline.trial import run_trial


@pytest.fixture
def trial() -> TrialSpec:
    pytest.importorskip("aeon")
    config = RunConfig(
        data=DataConfig(source="aeon", name="UnitTest"),
        model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=5),
        training=TrainingConfig(epochs=6),
    )
    info = describe(config.data)
    return TrialSpec(
        trial_id="0" * 16,
        config=config,
        seed=0,
        content_hash=info.content_hash,
        arm="dsn",
        engine="torch",
        resources=Resources(),
        cost=count(config.model, config.sparsity, channels=1, length=info.length, classes=2),
        seconds=1.0,
    )


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

    monkeypatch.setattr(pipeline.trial, "network_bytes", full)
    result = run_trial(trial)
    assert result.error is not None
    assert (result.status, result.error.kind) == ("failed", "exception")
    assert "no room for the network" in result.error.message
    assert result.provenance["engine"] == "torch"
