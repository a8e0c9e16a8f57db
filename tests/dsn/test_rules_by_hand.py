"""Each drop rule, grow rule and topology by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mask_runs import (
    group_view,
    made_update,
    sparse_layers,
)

from dsn.config import SparsityConfig
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.trainer import SparseTrainer, highest
from dsn.sparsity.view import GroupView, Rule


def _dropped(rule: str, view: GroupView, count: int, seed: int = 0) -> list[int]:
    """Positions that the rule gives up, in order."""
    scores = DROP[rule].score(view, np.random.default_rng(seed))
    return np.flatnonzero(highest(-scores, view.active, count)).tolist()


def _grown(rule: str, view: GroupView, count: int, seed: int = 0) -> list[int]:
    """Positions that the rule turns on where everything active was kept, in order."""
    scores = GROW[rule].score(view, np.random.default_rng(seed))
    return np.flatnonzero(highest(scores, ~view.active, count)).tolist()


def test_magnitude_drops_the_smallest_whatever_their_sign() -> None:
    assert _dropped("magnitude", group_view([0.4, -0.1, 0, 0.2, -0.3]), 2) == [1, 3]


def test_set_drops_the_same_fraction_of_the_smallest_of_each_sign() -> None:
    view = group_view([0.1, -2, 0.2, -1, 0, 0.3, -3, 0.4, -4])
    assert _dropped("set", view, 4) == [0, 1, 2, 3]
    assert _dropped("magnitude", view, 4) == [0, 2, 5, 7], "all of them positive"


@pytest.mark.parametrize(
    ("weight", "dropped"),
    [
        # Six positive, two negative: their shares of 1, 2, 3 and 4 are 3/4 and 1/4, 6/4 and 2/4, 9/4 and 3/4, 3 and 1.
        # Of two, both are as near to one and one as to two and none: the lower of the two positions in question goes.
        ([1, 2, 3, 4, 5, 6, -7, -8], {1: [0], 2: [0, 1], 3: [0, 1, 6], 4: [0, 1, 2, 6], 8: list(range(8))}),
        ([-7, -8, 1, 2, 3, 4, 5, 6], {1: [2], 2: [0, 2], 3: [0, 2, 3], 4: [0, 2, 3, 4]}),
        # One sign only: by magnitude.
        ([-3, -1, -2], {1: [1], 2: [1, 2], 3: [0, 1, 2]}),
        # Equal weights by position.
        ([2, 2, -2, -2, 2, -2], {2: [0, 2], 4: [0, 1, 2, 3]}),
        ([1, 2] * 300, {count: list(range(0, 2 * count, 2)) for count in (1, 150, 300)}),
    ],
)
def test_set_s_shares_are_rounded_to_the_nearest(weight: list[float], dropped: dict[int, list[int]]) -> None:
    assert {count: _dropped("set", group_view(weight), count) for count in dropped} == dropped


def test_set_drops_zeros_first_and_leaves_what_is_no_number_to_the_last() -> None:
    view = group_view([1, np.nan, 0, -1, -0.0, 2, -2, 0], active=[True] * 7 + [False])
    order = [_dropped("set", view, count) for count in range(1, 8)]
    assert order[:3] == [[2], [2, 4], [0, 2, 4]]
    assert order[5] == [0, 2, 3, 4, 5, 6]
    assert order[6] == [0, 1, 2, 3, 4, 5, 6]


@given(
    weights=st.lists(st.integers(-9, 9), min_size=1, max_size=40).map(lambda values: [v / 4 for v in values]),
    part=st.floats(0, 1),
)
def test_set_divides_exactly_and_takes_the_smallest_of_either_sign(weights: list[float], part: float) -> None:
    view, count = group_view(weights, active=[True] * len(weights)), math.floor(part * len(weights))
    dropped = _dropped("set", view, count)
    zeros = weights.count(0)
    assert sum(weights[at] == 0 for at in dropped) == min(count, zeros)
    signed = [[w * sign for w in weights if w * sign > 0] for sign in (1, -1)]
    for sign, magnitudes in zip((1, -1), signed, strict=True):
        gone = sorted(weights[at] * sign for at in dropped if weights[at] * sign > 0)
        assert gone == sorted(magnitudes)[: len(gone)]
        if count > zeros:
            share = Fraction((count - zeros) * len(magnitudes), len(weights) - zeros)
            assert abs(len(gone) - share) <= Fraction(1, 2)


@pytest.mark.parametrize("name", ["snip", "taylor"])
def test_sensitivity_drops_what_the_loss_would_miss_least(name: str) -> None:
    # abs(w g) is 0.4, 1, 0.6, 1.8: the two smallest are not those of the smallest weights.
    view = group_view([4, 1, -3, 2], gradient=[0.1, -1, 0.2, 0.9])
    assert _dropped(name, view, 2) == [0, 2]
    assert _dropped("magnitude", view, 2) == [1, 3]


def test_snip_s_score_and_taylor_s_square_of_it_are_one_rule() -> None:
    assert DROP["snip"] is DROP["taylor"]
    rng = np.random.default_rng(0)
    view = group_view(rng.normal(size=500).tolist(), gradient=rng.normal(size=500).tolist())
    squares = (view.weight.astype(np.float64) * view.gradient) ** 2
    assert np.array_equal(np.argsort(squares.reshape(-1)), np.argsort(DROP["snip"].score(view, rng).reshape(-1)))


def test_sensitivity_tells_products_apart_that_float32_would_call_zero() -> None:
    assert _dropped("snip", group_view([3e-30, 2e-30, 1e-30], gradient=[1e-30] * 3), 1) == [2]


@pytest.mark.parametrize(("rules", "name"), [(DROP, "random"), (GROW, "random")], ids=["drop", "grow"])
def test_random_looks_at_nothing_and_favours_nobody(rules: dict[str, Rule], name: str) -> None:
    one, other = group_view([1, 0, 3, -4]), group_view([-9, 2, 0, 1e9], gradient=[1, 2, 3, 4])
    assert np.array_equal(*(rules[name].score(view, np.random.default_rng(3)) for view in (one, other)))
    rng = np.random.default_rng(0)
    first = [int(rules[name].score(one, rng).argmax()) for _ in range(4000)]
    # 1000 each are expected, with a standard deviation of sqrt(4000 * 3 / 16) = 27; five of them.
    assert all(abs(first.count(position) - 1000) < 140 for position in range(4))


def test_momentum_grows_the_largest_running_mean_of_gradients() -> None:
    view = group_view([1, 0, 0, 0, 2], momentum=[9, 0.1, -0.3, 0.2, 8], gradient=[0, 9, 0, 0, 0])
    assert _grown("momentum", view, 1) == [2]
    assert _grown("momentum", view, 2) == [2, 3]


@pytest.mark.parametrize("seed", range(5))
def test_least_covered_grows_at_random_where_nothing_ever_was_and_then_elsewhere(seed: int) -> None:
    covered = [True] * 6 + [False] * 4
    view = group_view([1, 2, 0, 0, 0, 0, 0, 0, 0, 0], covered=covered)
    assert set(_grown("least-covered", view, 3, seed)) < {6, 7, 8, 9}
    grown = _grown("least-covered", view, 6, seed)
    assert grown[-4:] == [6, 7, 8, 9]
    assert set(grown[:-4]) < {2, 3, 4, 5}


def test_least_covered_favours_nobody_within_the_two_kinds() -> None:
    view = group_view([1, 0, 0, 0, 0], covered=[True, True, True, False, False])
    grown = [tuple(_grown("least-covered", view, 3, seed)) for seed in range(400)]
    alone = [_grown("least-covered", view, 1, seed)[0] for seed in range(400)]
    # 200 each are expected, with a standard deviation of 10; five of them.
    for outcomes in ({(1, 3, 4): 0, (2, 3, 4): 0} | {each: grown.count(each) for each in grown}).values():
        assert abs(outcomes - 200) < 50
    assert set(alone) == {3, 4}
    assert abs(alone.count(3) - 200) < 50


def test_least_covered_covers_a_region_in_the_fewest_updates() -> None:
    # 60 positions, 12 of them on, 6 exchanged at a time: (60 - 12) / 6 = 8 updates reach the rest.
    sparsity = SparsityConfig(
        level=0.8, groups=1, grow="least-covered", schedule="constant", initial_fraction=0.5, explore_until=1.0
    )
    layers = sparse_layers(sparsity, (3, 2, 10))[:1]
    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks, covered = trainer.initial_masks(), []
    for step in range(1, 9):
        masks = made_update(trainer, masks, "normal", rng, (step, 100)).masks
        covered.append(int(trainer.covered[0].sum()))
    assert covered == [18, 24, 30, 36, 42, 48, 54, 60]


@pytest.mark.parametrize("grow", GROW)
def test_the_smallest_are_dropped_and_kept_ones_stay(grow: str) -> None:
    sparsity = replace(SparsityConfig(level=0.5, groups=1, initial_fraction=0.5, final_fraction=0.5), grow=grow)
    layers = sparse_layers(sparsity, (2, 1, 10))[:1]
    trainer = SparseTrainer(layers, sparsity, 0)
    mask = np.zeros((2, 1, 10), dtype=bool)
    mask[0] = True
    weight = np.where(mask, np.arange(20.0).reshape(2, 1, 10) + 1, 0.0)
    nothing = [np.zeros(mask.shape)]
    (updated,) = trainer.update([weight], [mask], nothing, nothing, step=0, total_steps=10).masks
    assert updated[0, 0, 5:].all(), "the five largest stay"
    assert updated.sum() == 10


def test_gradient_growth_takes_the_largest_gradients_and_may_take_back_what_was_pruned() -> None:
    sparsity = SparsityConfig(level=0.5, groups=1, grow="gradient", initial_fraction=0.5, final_fraction=0.5)
    layers = sparse_layers(sparsity, (2, 1, 10))[:1]
    mask = np.zeros((2, 1, 10), dtype=bool)
    mask[0] = True
    weight = np.where(mask, np.arange(20.0).reshape(2, 1, 10) + 1, 0.0)
    gradient = np.zeros((2, 1, 10))
    gradient[0, 0, 0] = 9  # pruned in this very update, and wanted back
    gradient[1, 0, [2, 3, 4, 5]] = -5
    gradient[0, 0, 9] = 100  # kept: it competes for nothing
    update = SparseTrainer(layers, sparsity, 0).update([weight], [mask], [gradient], step=0, total_steps=10)
    (updated,), (grown,) = update.masks, update.grown
    assert np.flatnonzero(updated[0, 0]).tolist() == [0, 5, 6, 7, 8, 9]
    assert np.flatnonzero(updated[1, 0]).tolist() == [2, 3, 4, 5]
    assert [np.flatnonzero(row).tolist() for row in grown[:, 0]] == [[0], [2, 3, 4, 5]]


def test_sequential_initialisation_fills_tap_by_tap() -> None:
    sparsity = SparsityConfig(level=0.5, groups=1)
    layers = sparse_layers(sparsity, (2, 2, 5))[:1]
    (mask,) = SparseTrainer(layers, sparsity, 0).initial_masks()
    # 10 of 20: taps 0 and 1 of all four kernels, then tap 2 of (out 0, in 0) and (out 0, in 1).
    assert mask.transpose(2, 0, 1).reshape(-1).tolist() == [True] * 10 + [False] * 10
