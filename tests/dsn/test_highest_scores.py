"""Which positions have the highest scores, and an update by them, against a sort of all positions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_runs import (
    RULES,
    VALUES,
    Shape,
    made_values,
    rules_of,
    same_masks,
    sparse_layers,
)

from dsn.randomness import generator
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.schedule import exchanged_fraction
from dsn.sparsity.trainer import SparseTrainer, highest
from dsn.sparsity.view import GroupView


def test_ties_go_to_the_lower_position_and_nan_ranks_last() -> None:
    scores = np.array([1.0, np.nan, 1.0, 2.0, 1.0])
    eligible = np.array([True, True, True, True, False])
    chosen = [np.flatnonzero(highest(scores, eligible, count)).tolist() for count in range(5)]
    assert chosen == [[], [3], [0, 3], [0, 2, 3], [0, 1, 2, 3]]


def test_more_than_there_is_cannot_be_chosen() -> None:
    with pytest.raises(AssertionError, match="3 wanted of 2 eligible positions"):
        highest(np.zeros(4), np.array([True, False, False, True]), 3)


SPECIAL = [np.nan, -np.inf, np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3e38]


def _first_of_all_sorted(scores: np.ndarray, eligible: np.ndarray, count: int) -> np.ndarray:
    """What ``highest`` is to choose, said by a sort: numbers before NaN, high before low, low positions first."""
    order = sorted(
        np.flatnonzero(eligible).tolist(),
        key=lambda at: (np.isnan(scores.flat[at]), 0 if np.isnan(scores.flat[at]) else -scores.flat[at], at),
    )
    chosen = np.zeros(eligible.shape, dtype=bool)
    chosen.flat[order[:count]] = True
    return chosen


@settings(max_examples=500)
@given(data=st.data(), shape=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 12)))
def test_the_highest_are_those_of_a_sort(data: st.DataObject, shape: Shape) -> None:
    size = math.prod(shape)
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    values = data.draw(st.sampled_from([SPECIAL, [0.0, 1.0, 2.0], [1.0], [np.nan], [np.nan, -np.inf], range(1000)]))
    scores = np.array(data.draw(st.lists(st.sampled_from(values), min_size=size, max_size=size)), dtype=dtype)
    few = data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    eligible = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) >= few
    count = data.draw(st.integers(0, int(eligible.sum())))
    chosen = highest(scores.reshape(shape), eligible, count)
    assert np.array_equal(chosen, _first_of_all_sorted(scores.reshape(shape), eligible, count))


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_an_update_is_the_one_that_sorting_all_positions_makes(drop: str, grow: str, initial: str, values: str) -> None:
    sparsity = rules_of(drop, grow, initial)
    layers = sparse_layers(sparsity)
    trainer, rng, draws = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1), generator(0, "exploration")
    masks = trainer.initial_masks()
    for step in (1, 2, 3):
        arrays = {name: [made_values(values, mask.shape, rng) for mask in masks] for name in ("gradient", "momentum")}
        arrays["weight"] = [np.where(mask, made_values(values, mask.shape, rng), np.float32(0)) for mask in masks]
        expected, covered = [mask.copy() for mask in masks], trainer.covered
        for layer, index in itertools.product(range(len(layers)), range(3)):
            group = layers[layer].groups[index]
            view = GroupView(
                active=masks[layer][group.block],
                covered=covered[layer][group.block],
                **{name: array[layer][group.block] for name, array in arrays.items()},
            )
            count = math.ceil(exchanged_fraction(sparsity, step, 3) * group.active)
            dropped = _first_of_all_sorted(-DROP[drop].score(view, draws), view.active, count)
            kept = view.active & ~dropped
            expected[layer][group.block] = kept | _first_of_all_sorted(GROW[grow].score(view, draws), ~kept, count)
        given = (arrays["weight"], masks, arrays["gradient"], arrays["momentum"])
        masks = trainer.update(*given, step=step, total_steps=3).masks
        assert same_masks(masks, expected)
