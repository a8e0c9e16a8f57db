"""One suite over every topology, drop rule and grow rule: what the trainer promises whatever a rule returns."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mask_runs
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mask_runs import (
    RULES,
    VALUES,
    Shape,
    counts_inside,
    digests,
    group_view,
    made_update,
    mask_history,
    rules_of,
    same_masks,
    sparse_layers,
)

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.topology import INITIAL
from dsn.sparsity.trainer import SparseTrainer
from dsn.sparsity.view import Rule

DRAWING = [rules for rules in RULES if {"random", "least-covered"} & set(rules)]


@pytest.mark.parametrize("relative_to", ["region", "layer"])
@pytest.mark.parametrize("initial", INITIAL)
def test_initial_masks_have_exact_counts_inside_their_regions(initial: str, relative_to: str) -> None:
    sparsity = replace(rules_of("magnitude", "random", initial), relative_to=relative_to)
    layers = sparse_layers(sparsity)
    for layer, mask in zip(layers, SparseTrainer(layers, sparsity, 0).initial_masks(), strict=True):
        assert counts_inside(layer, mask) == [group.active for group in layer.groups]


@pytest.mark.parametrize("relative_to", ["region", "layer"])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_counts_stay_exact_at_every_update(drop: str, grow: str, initial: str, values: str, relative_to: str) -> None:
    mask_history(replace(rules_of(drop, grow, initial), relative_to=relative_to), values)


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_group_with_one_active_weight_keeps_one(drop: str, grow: str, initial: str) -> None:
    sparsity = replace(rules_of(drop, grow, initial), level=0.96, groups=1)
    assert [group.active for group in sparse_layers(sparsity, (5, 1, 6))[0].groups] == [1]
    assert {int(mask.sum()) for mask in mask_history(sparsity, "normal", (5, 1, 6))} == {1}


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_group_in_which_everything_is_active_stays_so(drop: str, grow: str, initial: str) -> None:
    sparsity = replace(rules_of(drop, grow, initial), level=0.0, groups=1)
    assert all(mask.all() for mask in mask_history(sparsity, "normal"))


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
        sparse_layers(sparsity, shape)
    except InvalidInput:
        assume(False)
    mask_history(sparsity, values, shape)


# Determinism: the seed and the arguments decide, in any process.


def test_every_rule_makes_the_same_masks_in_other_processes() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import random, numpy, torch\n"
        "for seed in (random.seed, numpy.random.seed, torch.manual_seed): seed(int(sys.argv[2]))\n"
        "import mask_runs\n"
        "print(*mask_runs.digests(), sep='\\n')\n"
    )
    here = list(digests())
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(Path(mask_runs.__file__).parent), seed]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        output = subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout
        assert output.splitlines() == here


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_masks_neither_read_nor_move_a_global_generator(drop: str, grow: str, initial: str) -> None:
    sparsity, expected = rules_of(drop, grow, initial), None
    for seed in (99, 100):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # the global state that nothing may read
        torch.manual_seed(seed)
        before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
        masks = mask_history(sparsity, "normal")
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
        assert expected is None or same_masks(masks, expected)
        expected = masks


@pytest.mark.parametrize(("drop", "grow", "initial"), DRAWING)
def test_another_seed_makes_other_masks_where_something_is_drawn(drop: str, grow: str, initial: str) -> None:
    sparsity = rules_of(drop, grow, initial)
    assert not same_masks(mask_history(sparsity, "normal"), mask_history(sparsity, "normal", seed=1))


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_trainer_goes_on_from_its_state_to_the_same_masks(drop: str, grow: str, initial: str) -> None:
    sparsity = rules_of(drop, grow, initial)
    layers = sparse_layers(sparsity)

    def finished(trainer: SparseTrainer, masks: list[np.ndarray]) -> list[np.ndarray]:
        rng = np.random.default_rng(2)
        for step in (4, 5, 6):
            masks = made_update(trainer, masks, "normal", rng, (step, 6)).masks
        return [*masks, *trainer.covered]

    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks = trainer.initial_masks()
    for step in (1, 2, 3):
        masks = made_update(trainer, masks, "normal", rng, (step, 6)).masks
    state = trainer.state_dict()
    expected = finished(trainer, masks)  # going on must not change the state that was handed out
    resumed = SparseTrainer(layers, sparsity, 0)
    resumed.load_state_dict(state)
    assert same_masks(finished(resumed, masks), expected)


# What a rule is given.


@pytest.mark.parametrize("rule", [*DROP.values(), *GROW.values()], ids=[*DROP, *GROW])
def test_a_rule_reads_the_measurements_that_it_asks_for_and_no_others(rule: Rule) -> None:
    measured = {"gradient": [0.5, 2.0, 1.0], "momentum": [2.0, 1.0, 0.5]}
    asked = {name: values for name, values in measured.items() if name in rule.needs}
    given, everything = group_view([1, 0, -2], **asked), group_view([1, 0, -2], **measured)
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
    sparsity = rules_of(drop, grow, "random")
    trainer = SparseTrainer(sparse_layers(sparsity), sparsity, 0)
    assert (trainer.needs_gradient, trainer.needs_momentum) == (gradient, momentum)


def test_what_is_covered_is_the_union_of_all_masks() -> None:
    sparsity = rules_of("magnitude", "random", "random")
    layers = sparse_layers(sparsity)
    trainer, rng = SparseTrainer(layers, sparsity, 0), np.random.default_rng(1)
    masks = trainer.initial_masks()
    union = masks
    for step in range(3):
        masks = made_update(trainer, masks, "normal", rng, (step, 9)).masks
        union = [old | new for old, new in zip(union, masks, strict=True)]
    assert same_masks(trainer.covered, union)
