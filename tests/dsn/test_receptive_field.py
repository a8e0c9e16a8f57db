"""Effective neighbour receptive fields against their definition."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dsn.architecture import layer_plans
from dsn.config import ModelConfig, SparsityConfig
from dsn.receptive_field import SizeCount, enrf_sizes, mean_stacked_size, size_counts, stacked_size_shares
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


@st.composite
def stacks(draw: st.DrawFn, smallest: int = 0) -> list[SizeCount]:
    """Up to four layers of up to two groups, in any order."""
    counts = [
        SizeCount(layer=layer, group=group, size=size, kernels=draw(st.integers(1, 3)))
        for layer in range(1, draw(st.integers(0, 4)) + 1)
        for group in range(1, draw(st.integers(1, 2)) + 1)
        for size in draw(st.lists(st.integers(smallest, 5), min_size=1, max_size=2, unique=True))
    ]
    return draw(st.permutations(counts))


def expected_shares(counts: list[SizeCount]) -> dict[int, Fraction]:
    """Path by path."""
    depth = max((count.layer for count in counts), default=0)
    layers = [
        [count.size for count in counts if count.layer == layer for _ in range(count.kernels)]
        for layer in range(1, depth + 1)
    ]
    fields = Counter(max(0, sum(path) - (depth - 1)) for path in itertools.product(*layers))
    return {field: Fraction(paths, fields.total()) for field, paths in fields.items()}


# Shares are sums of products of non-negative numbers: at most 4 x (2 roundings a factor, 6 terms a convolution).
RELATIVE = 4 * (2 + 6) * float(np.finfo(float).eps)


@given(stacks())
def test_a_stack_has_all_paths_through_its_kernels(counts: list[SizeCount]) -> None:
    shares = stacked_size_shares(counts)
    assert {size: share for size, share in enumerate(shares.tolist()) if share} == pytest.approx(
        {size: float(share) for size, share in expected_shares(counts).items()}, rel=RELATIVE, abs=0
    )
    assert shares[-1] > 0


@given(stacks())
def test_the_mean_of_a_stack(counts: list[SizeCount]) -> None:
    expected = sum(size * share for size, share in expected_shares(counts).items())
    assert mean_stacked_size(counts) == pytest.approx(float(expected), rel=2 * RELATIVE, abs=0)


@given(stacks(smallest=1))
def test_without_empty_kernels_the_layers_means_add_up(counts: list[SizeCount]) -> None:
    kernels, sizes = Counter[int](), Counter[int]()
    for count in counts:
        kernels[count.layer] += count.kernels
        sizes[count.layer] += count.kernels * count.size
    expected = 1 + sum(Fraction(sizes[layer], kernels[layer]) - 1 for layer in kernels)
    assert mean_stacked_size(counts) == pytest.approx(float(expected), rel=2 * RELATIVE, abs=0)


def test_the_papers_three_modules() -> None:
    def kernel(layer: int, size: int) -> SizeCount:
        return SizeCount(layer=layer, group=1, size=size, kernels=1)

    assert stacked_size_shares([kernel(1, 3), kernel(2, 1), kernel(3, 5)]).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    # Empty kernels, by the formula: 3 + 0 + 5 - 2 = 6, and never less than 0.
    assert stacked_size_shares([kernel(1, 3), kernel(2, 0), kernel(3, 5)]).tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert stacked_size_shares([kernel(1, 0), kernel(2, 0), kernel(3, 1)]).tolist() == [1]


def test_a_dense_stack_sees_one_size() -> None:
    model = ModelConfig(channels=9, kernel_size=7, depth=3)
    layers = layer_plans(model, SparsityConfig(level="dense"), channels=1)
    shares = stacked_size_shares(size_counts(model, layers, []))
    assert np.flatnonzero(shares).tolist() == [3 * 7 - 2]
    assert mean_stacked_size(size_counts(model, layers, [])) == 3 * 7 - 2
