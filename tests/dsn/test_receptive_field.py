"""Effective neighbour receptive fields against their definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dsn.architecture import layer_plans
from dsn.config import ModelConfig, SparsityConfig
from dsn.receptive_field import SizeCount, enrf_sizes, size_counts
from dsn.sparsity.trainer import SparseLayer, SparseTrainer


def test_a_kernel_spans_from_its_first_active_tap_to_its_last() -> None:
    kernels = ["00000", "00100", "10000", "00001", "01010", "10001", "11111"]
    mask = np.array([[[tap == "1" for tap in kernel] for kernel in kernels]])
    assert enrf_sizes(mask).tolist() == [[0, 1, 1, 1, 3, 5, 5]]


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=3, max_dims=3, max_side=7)))
def test_sizes_by_definition(mask: np.ndarray) -> None:
    sizes = enrf_sizes(mask)
    assert sizes.shape == mask.shape[:2]
    for place in np.ndindex(sizes.shape):
        active = np.flatnonzero(mask[place])
        assert sizes[place] == (active[-1] - active[0] + 1 if active.size else 0)


@given(st.integers(1, 3), st.integers(6, 12), st.integers(1, 3), st.integers(1, 3), st.integers(0, 5))
def test_every_kernel_of_a_network_is_counted_once_in_its_group(
    third: int, taps: int, depth: int, groups: int, seed: int
) -> None:
    model = ModelConfig(channels=3 * third, kernel_size=taps, depth=depth)
    sparsity = SparsityConfig(level=0.5, groups=groups, initial="random")
    layers = layer_plans(model, sparsity, channels=1)
    sparse = [
        SparseLayer(shape=(model.channels, layer.sparse_inputs, taps), groups=layer.groups or ()) for layer in layers
    ]
    masks = SparseTrainer(sparse, sparsity, seed).initial_masks()
    counted: Counter[tuple[int, int]] = Counter()
    for row in size_counts(model, layers, masks):
        assert row.kernels > 0
        assert row.size <= (layers[row.layer - 1].groups or ())[row.group - 1].region
        counted[row.layer, row.group] += row.kernels
    assert counted == {
        (number, index): group.channels * layer.sparse_inputs
        for number, layer in enumerate(layers, start=1)
        for index, group in enumerate(layer.groups or (), start=1)
    }


def test_all_kernels_of_a_dense_network_have_all_taps() -> None:
    model = ModelConfig(channels=9, kernel_size=7, depth=2)
    layers = layer_plans(model, SparsityConfig(level="dense"), channels=1)
    assert list(size_counts(model, layers, [])) == [
        SizeCount(layer=1, group=1, size=7, kernels=9),
        SizeCount(layer=2, group=1, size=7, kernels=9 * 3),
    ]
