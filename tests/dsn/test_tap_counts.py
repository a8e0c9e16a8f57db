"""Where the active weights of a network are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.active_weights import TapCount, tap_counts
from dsn.architecture import layer_plans
from dsn.config import ModelConfig, SparsityConfig
from dsn.sparsity.trainer import SparseLayer, SparseTrainer


def test_a_layer_by_hand() -> None:
    model, sparsity = ModelConfig(channels=6, kernel_size=6, depth=1), SparsityConfig(level=0.5, groups=2)
    plans = layer_plans(model, sparsity, 2)
    mask = np.zeros((6, 2, 6), dtype=bool)
    mask[0, :, 0] = True  # both inputs
    mask[2, 1, 2] = True
    mask[3, 0, [0, 5]] = True
    assert list(tap_counts(plans, [mask])) == [
        TapCount(layer=1, group=1, channel=0, tap=0, active=2),
        TapCount(layer=1, group=1, channel=2, tap=2, active=1),
        TapCount(layer=1, group=2, channel=3, tap=0, active=1),
        TapCount(layer=1, group=2, channel=3, tap=5, active=1),
    ]


@given(channels=st.integers(1, 4), depth=st.integers(1, 3), groups=st.integers(1, 3), kernel_size=st.integers(5, 11))
def test_the_counts_add_up_to_the_masks(channels: int, depth: int, groups: int, kernel_size: int) -> None:
    model = ModelConfig(channels=12, kernel_size=kernel_size, depth=depth)
    sparsity = SparsityConfig(level=0.5, groups=groups, initial="random")
    plans = layer_plans(model, sparsity, channels)
    layers = [SparseLayer(shape=(12, plan.sparse_inputs, kernel_size), groups=plan.groups) for plan in plans]
    masks = SparseTrainer(layers, sparsity, seed=3).initial_masks()
    rows = list(tap_counts(plans, masks))
    for number, (plan, mask) in enumerate(zip(plans, masks, strict=True), start=1):
        found = np.zeros((12, kernel_size), dtype=int)
        for row in (row for row in rows if row.layer == number):
            group = plan.groups[row.group - 1]
            assert group.start <= row.channel < group.stop
            assert row.tap < group.region
            assert row.active > 0
            found[row.channel, row.tap] += row.active
        assert np.array_equal(found, mask.sum(axis=1))


def test_a_dense_network_has_none() -> None:
    plans = layer_plans(ModelConfig(channels=6, kernel_size=6, depth=2), SparsityConfig(level="dense"), 1)
    assert list(tap_counts(plans, [])) == []


def test_masks_of_another_network_are_a_bug() -> None:
    plans = layer_plans(ModelConfig(channels=6, kernel_size=6, depth=1), SparsityConfig(level="dense"), 1)
    with pytest.raises(AssertionError, match="more masks"):
        list(tap_counts(plans, [np.zeros((6, 1, 6), dtype=bool)]))
