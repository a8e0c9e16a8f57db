"""One suite over every topology, drop rule and grow rule: what the trainer promises whatever a rule returns, and an
example by hand of each rule."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.randomness import generator
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.regions import kernel_groups
from dsn.sparsity.schedule import exchanged_fraction
from dsn.sparsity.topology import INITIAL
from dsn.sparsity.trainer import MaskUpdate, SparseLayer, SparseTrainer, highest
from dsn.sparsity.view import GroupView, Rule

Shape = tuple[int, int, int]

SHAPE: Shape = (7, 3, 11)  # neither channels nor taps divide by the number of groups
RULES = list(itertools.product(DROP, GROW, INITIAL))
DRAWING = [rules for rules in RULES if {"random", "least-covered"} & set(rules)]
UPDATES = 8
VALUES = ["normal", "ties", "zeros", "dead channels", "not a number"]


def _layers(sparsity: SparsityConfig, shape: Shape = SHAPE) -> list[SparseLayer]:
    out, cin, k = shape
    groups = kernel_groups(sparsity, out_channels=out, in_channels=cin, kernel_size=k)
    return [SparseLayer(shape=shape, groups=groups)] * 2


def _sparsity(drop: str, grow: str, initial: str) -> SparsityConfig:
    return replace(SparsityConfig(level=0.7, groups=3), drop=drop, grow=grow, initial=initial)


def _counts(layer: SparseLayer, mask: np.ndarray) -> list[int]:
    """Active weights of each group inside its region; asserts that there are none elsewhere."""
    inside = [int(mask[g.start : g.stop, :, : g.region].sum()) for g in layer.groups]
    assert sum(inside) == mask.sum()
    return inside


def _values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    normal = rng.normal(size=shape).astype(np.float32)
    if kind == "normal":
        return normal
    if kind == "ties":
        return np.ones(shape, dtype=np.float32)
    if kind == "zeros":
        return np.zeros(shape, dtype=np.float32)
    if kind == "dead channels":
        return normal * (np.arange(shape[0]) % 2)[:, None, None].astype(np.float32)
    return np.where(rng.random(shape) < 0.3, np.float32(np.nan), normal)


def _update(
    trainer: SparseTrainer, masks: list[np.ndarray], values: str, rng: np.random.Generator, at: tuple[int, int]
) -> MaskUpdate:
    """An update at (step, total steps) on made-up arrays that nobody may write into; what was not asked for is None."""
    weights = [np.where(mask, _values(values, mask.shape, rng), np.float32(0)) for mask in masks]
    gradients, momentum = ([_values(values, mask.shape, rng) for mask in masks] for _ in range(2))
    for array in (*weights, *masks, *gradients, *momentum):
        array.setflags(write=False)
    return trainer.update(
        weights,
        masks,
        gradients if trainer.needs_gradient else None,
        momentum if trainer.needs_momentum else None,
        step=at[0],
        total_steps=at[1],
    )


def _run(sparsity: SparsityConfig, values: str, shape: Shape = SHAPE, seed: int = 0) -> list[np.ndarray]:
    """The masks after each update; every promise on a single update is checked on the way."""
    layers = _layers(sparsity, shape)
    trainer, rng = SparseTrainer(layers, sparsity, seed), np.random.default_rng(1)
    masks, seen = trainer.initial_masks(), []
    for step in range(1, UPDATES + 1):
        update = _update(trainer, masks, values, rng, (step, UPDATES))
        share = exchanged_fraction(sparsity, step, UPDATES)
        for layer, old, new, grown in zip(layers, masks, update.masks, update.grown, strict=True):
            active = [group.active for group in layer.groups]
            assert _counts(layer, new) == active
            assert _counts(layer, grown) == [min(math.ceil(share * count), count) for count in active]
            assert new[grown].all(), "what was grown is on"
            assert grown[new & ~old].all(), "what is newly on was grown"
        masks = update.masks
        seen += [mask.copy() for mask in masks]
    return seen


def _same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("relative_to", ["region", "layer"])
@pytest.mark.parametrize("initial", INITIAL)
def test_initial_masks_have_exact_counts_inside_their_regions(initial: str, relative_to: str) -> None:
    sparsity = replace(_sparsity("magnitude", "random", initial), relative_to=relative_to)
    layers = _layers(sparsity)
    for layer, mask in zip(layers, SparseTrainer(layers, sparsity, 0).initial_masks(), strict=True):
        assert _counts(layer, mask) == [group.active for group in layer.groups]


@pytest.mark.parametrize("relative_to", ["region", "layer"])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_counts_stay_exact_at_every_update(drop: str, grow: str, initial: str, values: str, relative_to: str) -> None:
    _run(replace(_sparsity(drop, grow, initial), relative_to=relative_to), values)


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_group_with_one_active_weight_keeps_one(drop: str, grow: str, initial: str) -> None:
    sparsity = replace(_sparsity(drop, grow, initial), level=0.96, groups=1)
    assert [group.active for group in _layers(sparsity, (5, 1, 6))[0].groups] == [1]
    assert {int(mask.sum()) for mask in _run(sparsity, "normal", (5, 1, 6))} == {1}


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_group_in_which_everything_is_active_stays_so(drop: str, grow: str, initial: str) -> None:
    sparsity = replace(_sparsity(drop, grow, initial), level=0.0, groups=1)
    assert all(mask.all() for mask in _run(sparsity, "normal"))


@settings(max_examples=300)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(5, 13)),
    sparsity=st.builds(
        SparsityConfig,
        level=st.integers(0, 99).map(lambda percent: percent / 100),
        relative_to=st.sampled_from(["region", "layer"]),
        groups=st.integers(1, 9),
        regions=st.sampled_from(["multiples", "proportional"]),
        group_sizes=st.sampled_from(["runs", "balanced"]),
        initial=st.sampled_from([*INITIAL]),
        drop=st.sampled_from([*DROP]),
        grow=st.sampled_from([*GROW]),
        initial_fraction=st.sampled_from([0.01, 0.5, 1.0]),
        final_fraction=st.sampled_from([0.0, 0.01]),
    ),
    values=st.sampled_from(VALUES),
)
def test_counts_stay_exact_whatever_the_shape(shape: Shape, sparsity: SparsityConfig, values: str) -> None:
    try:
        _layers(sparsity, shape)
    except InvalidInput:
        assume(False)
    _run(sparsity, values, shape)


# Determinism: the seed and the arguments decide, in any process.


def _digests() -> Iterator[str]:
    for rules in RULES:
        masks = _run(_sparsity(*rules), "normal")
        yield f"{rules}: {hashlib.sha256(b''.join(mask.tobytes() for mask in masks)).hexdigest()}"


def test_every_rule_makes_the_same_masks_in_other_processes() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import random, numpy, torch\n"
        "for seed in (random.seed, numpy.random.seed, torch.manual_seed): seed(int(sys.argv[2]))\n"
        "import test_sparsity_rules\n"
        "print(*test_sparsity_rules._digests(), sep='\\n')\n"
    )
    here = list(_digests())
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(Path(__file__).parent), seed]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        output = subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout
        assert output.splitlines() == here


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_masks_neither_read_nor_move_a_global_generator(drop: str, grow: str, initial: str) -> None:
    sparsity, expected = _sparsity(drop, grow, initial), None
    for seed in (99, 100):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # the global state that nothing may read
        torch.manual_seed(seed)
        before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
        masks = _run(sparsity, "normal")
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
        assert expected is None or _same(masks, expected)
        expected = masks


@pytest.mark.parametrize(("drop", "grow", "initial"), DRAWING)
def test_another_seed_makes_other_masks_where_something_is_drawn(drop: str, grow: str, initial: str) -> None:
    sparsity = _sparsity(drop, grow, initial)
    assert not _same(_run(sparsity, "normal"), _run(sparsity, "normal", seed=1))


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_trainer_goes_on_from_its_state_to_the_same_masks(drop: str, grow: str, initial: str) -> None:
    sparsity = _sparsity(drop, grow, initial)
    layers = _layers(sparsity)

    def finished(trainer: SparseTrainer, masks: list[np.ndarray]) -> list[np.ndarray]:
        rng = np.random.default_rng(2)
        for step in (4, 5, 6):
            masks = _update(trainer, masks, "normal", rng, (step, 6)).masks
        return [*masks, *trainer.covered]

    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks = trainer.initial_masks()
    for step in (1, 2, 3):
        masks = _update(trainer, masks, "normal", rng, (step, 6)).masks
    state = trainer.state_dict()
    expected = finished(trainer, masks)  # going on must not change the state that was handed out
    resumed = SparseTrainer(layers, sparsity, 0)
    resumed.load_state_dict(state)
    assert _same(finished(resumed, masks), expected)


# What a rule is given.


def _view(
    weight: list[float],
    *,
    active: list[bool] | None = None,
    covered: list[bool] | None = None,
    gradient: list[float] | None = None,
    momentum: list[float] | None = None,
) -> GroupView:
    """A group of one channel and one input; active is what is not zero, unless said otherwise."""
    values = np.array(weight, dtype=np.float32).reshape(1, 1, -1)
    on = values != 0 if active is None else np.array(active).reshape(values.shape)
    return GroupView(
        weight=values,
        active=on,
        covered=on if covered is None else np.array(covered).reshape(values.shape),
        gradient=None if gradient is None else np.array(gradient, dtype=np.float32).reshape(values.shape),
        momentum=None if momentum is None else np.array(momentum, dtype=np.float32).reshape(values.shape),
    )


def _dropped(rule: str, view: GroupView, count: int, seed: int = 0) -> list[int]:
    """Positions that the rule gives up, in order."""
    scores = DROP[rule].score(view, np.random.default_rng(seed))
    return np.flatnonzero(highest(-scores, view.active, count)).tolist()


def _grown(rule: str, view: GroupView, count: int, seed: int = 0) -> list[int]:
    """Positions that the rule turns on where everything active was kept, in order."""
    scores = GROW[rule].score(view, np.random.default_rng(seed))
    return np.flatnonzero(highest(scores, ~view.active, count)).tolist()


@pytest.mark.parametrize("rule", [*DROP.values(), *GROW.values()], ids=[*DROP, *GROW])
def test_a_rule_reads_the_measurements_that_it_asks_for_and_no_others(rule: Rule) -> None:
    measured = {"gradient": [0.5, 2.0, 1.0], "momentum": [2.0, 1.0, 0.5]}
    asked = {name: values for name, values in measured.items() if name in rule.needs}
    given, everything = _view([1, 0, -2], **asked), _view([1, 0, -2], **measured)
    scores = [rule.score(view, np.random.default_rng(0)) for view in (given, everything)]
    assert scores[0].shape == given.weight.shape
    assert np.array_equal(*scores)
    for name in rule.needs:
        with pytest.raises(AssertionError, match=f"the engine was not asked for the {name}"):
            rule.score(replace(given, **{name: None}), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("drop", "grow", "gradient", "momentum"),
    [
        ("magnitude", "random", False, False),
        ("set", "least-covered", False, False),
        ("snip", "random", True, False),
        ("random", "gradient", True, False),
        ("magnitude", "momentum", False, True),
        ("taylor", "momentum", True, True),
    ],
)
def test_an_engine_is_asked_for_what_the_two_rules_need(drop: str, grow: str, gradient: bool, momentum: bool) -> None:
    sparsity = _sparsity(drop, grow, "random")
    trainer = SparseTrainer(_layers(sparsity), sparsity, 0)
    assert (trainer.needs_gradient, trainer.needs_momentum) == (gradient, momentum)


# Each rule by hand.


def test_magnitude_drops_the_smallest_whatever_their_sign() -> None:
    assert _dropped("magnitude", _view([0.4, -0.1, 0, 0.2, -0.3]), 2) == [1, 3]


def test_set_drops_the_same_fraction_of_the_smallest_of_each_sign() -> None:
    view = _view([0.1, -2, 0.2, -1, 0, 0.3, -3, 0.4, -4])
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
    assert {count: _dropped("set", _view(weight), count) for count in dropped} == dropped


def test_set_drops_zeros_first_and_leaves_what_is_no_number_to_the_last() -> None:
    view = _view([1, np.nan, 0, -1, -0.0, 2, -2, 0], active=[True] * 7 + [False])
    order = [_dropped("set", view, count) for count in range(1, 8)]
    assert order[:3] == [[2], [2, 4], [0, 2, 4]]
    assert order[5] == [0, 2, 3, 4, 5, 6]
    assert order[6] == [0, 1, 2, 3, 4, 5, 6]


@given(
    weights=st.lists(st.integers(-9, 9), min_size=1, max_size=40).map(lambda values: [v / 4 for v in values]),
    part=st.floats(0, 1),
)
def test_set_divides_exactly_and_takes_the_smallest_of_either_sign(weights: list[float], part: float) -> None:
    view, count = _view(weights, active=[True] * len(weights)), math.floor(part * len(weights))
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
    view = _view([4, 1, -3, 2], gradient=[0.1, -1, 0.2, 0.9])
    assert _dropped(name, view, 2) == [0, 2]
    assert _dropped("magnitude", view, 2) == [1, 3]


def test_snip_s_score_and_taylor_s_square_of_it_are_one_rule() -> None:
    assert DROP["snip"] is DROP["taylor"]
    rng = np.random.default_rng(0)
    view = _view(rng.normal(size=500).tolist(), gradient=rng.normal(size=500).tolist())
    squares = (view.weight.astype(np.float64) * view.gradient) ** 2
    assert np.array_equal(np.argsort(squares.reshape(-1)), np.argsort(DROP["snip"].score(view, rng).reshape(-1)))


def test_sensitivity_tells_products_apart_that_float32_would_call_zero() -> None:
    assert _dropped("snip", _view([3e-30, 2e-30, 1e-30], gradient=[1e-30] * 3), 1) == [2]


@pytest.mark.parametrize(("rules", "name"), [(DROP, "random"), (GROW, "random")], ids=["drop", "grow"])
def test_random_looks_at_nothing_and_favours_nobody(rules: dict[str, Rule], name: str) -> None:
    one, other = _view([1, 0, 3, -4]), _view([-9, 2, 0, 1e9], gradient=[1, 2, 3, 4])
    assert np.array_equal(*(rules[name].score(view, np.random.default_rng(3)) for view in (one, other)))
    rng = np.random.default_rng(0)
    first = [int(rules[name].score(one, rng).argmax()) for _ in range(4000)]
    # 1000 each are expected, with a standard deviation of sqrt(4000 * 3 / 16) = 27; five of them.
    assert all(abs(first.count(position) - 1000) < 140 for position in range(4))


def test_momentum_grows_the_largest_running_mean_of_gradients() -> None:
    view = _view([1, 0, 0, 0, 2], momentum=[9, 0.1, -0.3, 0.2, 8], gradient=[0, 9, 0, 0, 0])
    assert _grown("momentum", view, 1) == [2]
    assert _grown("momentum", view, 2) == [2, 3]


@pytest.mark.parametrize("seed", range(5))
def test_least_covered_grows_at_random_where_nothing_ever_was_and_then_elsewhere(seed: int) -> None:
    covered = [True] * 6 + [False] * 4
    view = _view([1, 2, 0, 0, 0, 0, 0, 0, 0, 0], covered=covered)
    assert set(_grown("least-covered", view, 3, seed)) < {6, 7, 8, 9}
    grown = _grown("least-covered", view, 6, seed)
    assert grown[-4:] == [6, 7, 8, 9]
    assert set(grown[:-4]) < {2, 3, 4, 5}


def test_least_covered_favours_nobody_within_the_two_kinds() -> None:
    view = _view([1, 0, 0, 0, 0], covered=[True, True, True, False, False])
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
    layers = _layers(sparsity, (3, 2, 10))[:1]
    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks, covered = trainer.initial_masks(), []
    for step in range(1, 9):
        masks = _update(trainer, masks, "normal", rng, (step, 100)).masks
        covered.append(int(trainer.covered[0].sum()))
    assert covered == [18, 24, 30, 36, 42, 48, 54, 60]


@pytest.mark.parametrize("grow", GROW)
def test_the_smallest_are_dropped_and_kept_ones_stay(grow: str) -> None:
    sparsity = replace(SparsityConfig(level=0.5, groups=1, initial_fraction=0.5, final_fraction=0.5), grow=grow)
    layers = _layers(sparsity, (2, 1, 10))[:1]
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
    layers = _layers(sparsity, (2, 1, 10))[:1]
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
    layers = _layers(sparsity, (2, 2, 5))[:1]
    (mask,) = SparseTrainer(layers, sparsity, 0).initial_masks()
    # 10 of 20: taps 0 and 1 of all four kernels, then tap 2 of (out 0, in 0) and (out 0, in 1).
    assert mask.transpose(2, 0, 1).reshape(-1).tolist() == [True] * 10 + [False] * 10


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
    sparsity = _sparsity(drop, grow, initial)
    layers = _layers(sparsity)
    trainer, rng, draws = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1), generator(0, "exploration")
    masks = trainer.initial_masks()
    for step in (1, 2, 3):
        arrays = {name: [_values(values, mask.shape, rng) for mask in masks] for name in ("gradient", "momentum")}
        arrays["weight"] = [np.where(mask, _values(values, mask.shape, rng), np.float32(0)) for mask in masks]
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
        assert _same(masks, expected)


def test_what_is_covered_is_the_union_of_all_masks() -> None:
    sparsity = _sparsity("magnitude", "random", "random")
    layers = _layers(sparsity)
    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks = trainer.initial_masks()
    union = masks
    for step in range(3):
        masks = _update(trainer, masks, "normal", rng, (step, 9)).masks
        union = [old | new for old, new in zip(union, masks, strict=True)]
    assert _same(trainer.covered, union)
