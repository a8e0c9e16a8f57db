"""What a training records of its mask updates: how many rows, what they count, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.sparsity.exploration import GroupUpdate, group_updates, initial_record, itop_rate, mask_churn
from dsn.sparsity.regions import KernelGroup, kernel_groups
from dsn.sparsity.trainer import MaskUpdate, SparseLayer, SparseTrainer
from dsn.training import FitResult, Training, fit

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=10),
    sparsity=SparsityConfig(level=0.6, update_every=2),
    training=TrainingConfig(epochs=9, batch_size=4, batch_rule="fixed"),
)
FIXED = replace(CONFIG.sparsity, explore=False)
SPARSITIES = {
    "random growth": CONFIG.sparsity,
    "gradient growth": replace(CONFIG.sparsity, grow="gradient"),
    "as the paper says": replace(CONFIG.sparsity, update_timing="replaces-step", moments="fresh"),
}

LAYER = SparseLayer(shape=(1, 1, 10), groups=(KernelGroup(start=0, stop=1, region=8, active=4),))


def _fit(data, sparsity: SparsityConfig) -> FitResult:
    return fit(replace(CONFIG, sparsity=sparsity), data, seed=0)


def _mask(*taps: int) -> np.ndarray:
    mask = np.zeros((1, 1, 10), dtype=bool)
    mask[0, 0, list(taps)] = True
    return mask


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", SPARSITIES)
def test_rows_of_a_training(make_data, name: str, channels: int) -> None:
    sparsity = SPARSITIES[name]
    rows = _fit(make_data(channels=channels), sparsity).mask_updates
    # 3 batches an epoch; updates after epochs 2, 4, 6 and 8 of 9; 3 groups in each of 2 layers.
    assert len(rows) == (1 + 4) * 3 * 2
    moments = [key for key, _ in groupby(rows, key=lambda row: (row.epoch, row.step))]
    assert moments == [(0, 0), (2, 6), (4, 12), (6, 18), (8, 24)]
    assert [(row.layer, row.group) for row in rows] == [(layer, group) for layer in (1, 2) for group in (1, 2, 3)] * 5
    inputs = {1: 1 if channels == 1 else 3, 2: 3}
    for row in rows:
        groups = kernel_groups(sparsity, out_channels=9, in_channels=inputs[row.layer], kernel_size=9)
        group = groups[row.group - 1]
        assert row.active == group.active
        assert row.region == 3 * inputs[row.layer] * group.region
        assert row.changed <= row.exchanged <= row.active <= row.covered <= row.region
        assert (row.exchanged == 0) == (row.epoch == 0)


@pytest.mark.parametrize("name", SPARSITIES)
def test_what_is_covered_never_shrinks_and_grows_by_no_more_than_what_changed(make_data, name: str) -> None:
    rows = _fit(make_data(), SPARSITIES[name]).mask_updates
    for layer, group in ((layer, group) for layer in (1, 2) for group in (1, 2, 3)):
        own = [row for row in rows if (row.layer, row.group) == (layer, group)]
        assert own[0].covered == own[0].active, "at the start, what is on"
        for before, after in pairwise(own):
            assert before.covered <= after.covered <= before.covered + after.changed
    assert sum(row.covered for row in rows if row.epoch == 8) > sum(row.covered for row in rows if row.epoch == 0)


def test_a_fixed_topology_has_the_start_alone_and_a_dense_network_nothing(make_data) -> None:
    fixed = _fit(make_data(), FIXED)
    assert [(row.epoch, row.step, row.exchanged, row.changed) for row in fixed.mask_updates] == [(0, 0, 0, 0)] * 6
    density = Fraction(sum(row.active for row in fixed.mask_updates), 9 * 1 * 9 + 9 * 3 * 9)
    assert fixed.metrics["itop_rate"] == float(density)
    assert fixed.metrics["mask_churn"] == 0
    dense = _fit(make_data(), SparsityConfig(level="dense"))
    assert dense.mask_updates == ()
    assert (dense.metrics["itop_rate"], dense.metrics["mask_churn"]) == (1, 0)


def test_a_training_shorter_than_an_update_has_no_churn(make_data) -> None:
    config = replace(CONFIG, training=replace(CONFIG.training, epochs=1))
    result = fit(config, make_data(), seed=0)
    assert len(result.mask_updates) == 6
    assert result.metrics["mask_churn"] == 0


def test_the_rows_are_what_happened_to_the_masks(make_data) -> None:
    training = Training(CONFIG, make_data(channels=2), seed=0)
    union, previous = training.masks, training.masks
    for record in training.epochs():
        for layer, mask in enumerate(training.masks):
            union[layer] |= mask
        if record.epoch % 2 == 0:
            rows = [row for row in training.mask_updates if row.epoch == record.epoch]
            for row in rows:
                group = training._engine.sparse_layers[row.layer - 1].groups[row.group - 1]
                own = slice(group.start, group.stop)
                new = training.masks[row.layer - 1][own] & ~previous[row.layer - 1][own]
                assert row.changed == new.sum()
                assert row.covered == union[row.layer - 1][own].sum()
        previous = training.masks
    metrics = training.result().metrics
    assert metrics["itop_rate"] == sum(int(mask.sum()) for mask in union) / sum(mask.size for mask in union)
    assert metrics["itop_rate"] == sum(int(mask.sum()) for mask in training._sparse.covered) / (2 * 9 * 3 * 9)


def test_gradient_growth_by_hand() -> None:
    # Taps 0 to 3 are on, of a region of 8. The two smallest weights go (taps 1 and 2); the two largest gradients among
    # the taps that were not kept are at 2, which comes back, and at 6, which is new. Tap 9 lies outside the region.
    sparsity = SparsityConfig(grow="gradient", initial_fraction=0.5, final_fraction=0.5)
    trainer = SparseTrainer([LAYER], sparsity, seed=0)
    before = trainer.initial_masks()
    assert np.flatnonzero(before[0]).tolist() == [0, 1, 2, 3]
    weights = np.array([3.0, 0.1, 0.2, 2.0, 0, 0, 0, 0, 0, 0]).reshape(1, 1, 10)
    gradients = np.array([9.0, 0.1, 5.0, 9.0, 0.2, 0.3, 4.0, 0.4, 0, 99.0]).reshape(1, 1, 10)
    update = trainer.update([weights], before, [gradients], step=1, total_steps=2)
    rows = [*initial_record([LAYER], before), *group_updates([LAYER], before, update, trainer.covered, epoch=1, step=7)]
    assert np.flatnonzero(update.masks[0]).tolist() == [0, 2, 3, 6]
    assert rows == [
        GroupUpdate(epoch=0, step=0, layer=1, group=1, active=4, exchanged=0, changed=0, covered=4, region=8),
        GroupUpdate(epoch=1, step=7, layer=1, group=1, active=4, exchanged=2, changed=1, covered=5, region=8),
    ]
    assert mask_churn(rows) == 0.25
    assert itop_rate(rows, [LAYER]) == 0.5


def test_churn_is_a_mean_over_updates_of_all_groups_together() -> None:
    def row(step: int, group: int, active: int, changed: int) -> GroupUpdate:
        return GroupUpdate(
            epoch=1,
            step=step,
            layer=1,
            group=group,
            active=active,
            exchanged=changed,
            changed=changed,
            covered=0,
            region=0,
        )

    rows = [
        row(0, 1, 10, 0),
        row(0, 2, 30, 0),
        row(5, 1, 10, 4),
        row(5, 2, 30, 0),
        row(10, 1, 10, 0),
        row(10, 2, 30, 2),
    ]
    assert mask_churn(rows) == pytest.approx((4 / 40 + 2 / 40) / 2, rel=1e-15)


def test_several_updates_within_an_epoch_are_moments_of_their_own() -> None:
    masks = [_mask(0, 1, 2, 3)], [_mask(0, 1, 2, 4)], [_mask(0, 1, 2, 3)]
    rows = list(initial_record([LAYER], masks[0]))
    for step, (before, after) in enumerate(pairwise(masks), start=1):
        update = MaskUpdate(masks=after, grown=[after[0] & ~before[0]])
        rows += group_updates([LAYER], before, update, [_mask(0, 1, 2, 3, 4)], epoch=1, step=step)
    assert [(row.epoch, row.step, row.changed) for row in rows] == [(0, 0, 0), (1, 1, 1), (1, 2, 1)]
    assert mask_churn(rows) == 0.25
    assert itop_rate(rows, [LAYER]) == 0.5


@given(
    groups=st.integers(1, 4),
    inputs=st.integers(1, 3),
    kernel_size=st.integers(5, 12),
    level=st.floats(0, 0.6),
    updates=st.integers(0, 4),
)
def test_counts_agree_with_the_masks_whatever_the_shape(
    groups: int, inputs: int, kernel_size: int, level: float, updates: int
) -> None:
    sparsity = SparsityConfig(level=round(level, 2), groups=groups)
    shape = (12, inputs, kernel_size)
    made = kernel_groups(sparsity, out_channels=12, in_channels=inputs, kernel_size=kernel_size)
    layers = [SparseLayer(shape=shape, groups=made)]
    trainer = SparseTrainer(layers, sparsity, seed=1)
    masks = trainer.initial_masks()
    rows = list(initial_record(layers, masks))
    for step in range(1, updates + 1):
        weights = [np.random.default_rng(step).normal(size=shape) * masks[0]]
        update = trainer.update(weights, masks, None, step=step, total_steps=updates)
        rows += group_updates(layers, masks, update, trainer.covered, epoch=step, step=step)
        assert sum(row.changed for row in rows if row.step == step) == (update.masks[0] & ~masks[0]).sum()
        assert sum(row.exchanged for row in rows if row.step == step) == update.grown[0].sum()
        masks = update.masks
    assert len(rows) == (1 + updates) * groups
    assert itop_rate(rows, layers) == trainer.covered[0].mean()
    assert 0 <= mask_churn(rows) <= 1


@pytest.mark.parametrize("pause", [1, 4])
def test_a_checkpoint_continues_the_record(make_data, pause: int) -> None:
    data = make_data()
    whole = fit(CONFIG, data, seed=0)
    half = Training(CONFIG, data, seed=0)
    for _ in zip(range(pause), half.epochs(), strict=False):
        pass
    checkpoint = half.state_dict()
    list(half.epochs())
    resumed = Training(CONFIG, data, seed=0)
    resumed.load_state_dict(checkpoint)
    list(resumed.epochs())
    assert resumed.result().mask_updates == whole.mask_updates
