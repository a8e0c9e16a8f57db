"""Where the paper's text and its published code differ: each difference by hand, under both recipes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.errors import InvalidInput
from dsn.recipes import RECIPES
from dsn.sparsity.regions import kernel_groups
from dsn.sparsity.schedule import exchanged_fraction
from dsn.training import Training


def _config(recipe: str, **sparsity: Any) -> RunConfig:
    """The defaults under a recipe, small enough to train here."""
    rooms: dict[str, dict[str, Any]] = {"sparsity": {}, "training": {}}
    for key, value in RECIPES[recipe].items():
        room, setting = key.split(".")
        rooms[room][setting] = value
    return RunConfig(
        data=DataConfig(source="aeon", name="made-up"),
        model=ModelConfig(channels=6, kernel_size=8, depth=1, pool_size=5),
        sparsity=SparsityConfig(**rooms["sparsity"] | {"level": 0.5} | sparsity),
        training=TrainingConfig(**rooms["training"] | {"epochs": 2}),
    )


PAPER, CODE = _config("paper"), _config("published-code")


def test_the_recipes_differ_in_what_is_tested_here_and_in_nothing_else() -> None:
    paper, code = PAPER.settings(), CODE.settings()
    assert {key for key in paper if paper[key] != code[key]} == {
        "sparsity.regions",
        "sparsity.group_sizes",
        "sparsity.update_timing",
        "sparsity.moments",
        "sparsity.final_fraction",
        "sparsity.explore_until",
        "training.batch_rule",
    }


@pytest.mark.parametrize(
    ("n", "code", "paper"),
    [(2, [19, 38], [19, 39]), (3, [13, 26, 39], [13, 26, 39]), (4, [9, 18, 27, 36], [9, 19, 29, 39])],
)
def test_regions_of_39_taps(n: int, code: list[int], paper: list[int]) -> None:
    assert [[group.region for group in _groups(config, n)] for config in (CODE, PAPER)] == [code, paper]


@pytest.mark.parametrize(
    ("n", "code", "paper"), [(2, [71, 70], [70, 71]), (3, [47] * 3, [47] * 3), (4, [36, 36, 36, 33], [35, 35, 35, 36])]
)
def test_group_sizes_of_141_channels(n: int, code: list[int], paper: list[int]) -> None:
    assert [[group.channels for group in _groups(config, n)] for config in (CODE, PAPER)] == [code, paper]


def _groups(config: RunConfig, n: int):
    return kernel_groups(replace(config.sparsity, groups=n), out_channels=141, in_channels=47, kernel_size=39)


def test_the_batch_of_30_series() -> None:
    assert [config.training.batch_size_for(30) for config in (CODE, PAPER)] == [3, 16]


def test_the_exchanged_fraction_ends_at_all_steps_and_at_nothing() -> None:
    # 0.5 / 2 * (1 + cos(pi / 2)) = 0.25 half way; the code is at 5/8 of its cosine there: cos(112.5 deg) = -0.38268.
    assert exchanged_fraction(PAPER.sparsity, 500, 1000) == pytest.approx(0.25, rel=1e-12)
    assert exchanged_fraction(CODE.sparsity, 500, 1000) == pytest.approx(0.001 + 0.2495 * (1 - 0.38268343236), rel=1e-9)
    assert [exchanged_fraction(config.sparsity, 1000, 1000) for config in (CODE, PAPER)] == [0.001, 0.0]


@pytest.mark.parametrize("recipe", ["published-code", "paper"])
def test_an_update_comes_after_the_gradient_step_or_takes_its_place(make_data, recipe: str) -> None:
    # Four series: one batch an epoch under both rules of batch size, if it is 16 at most.
    config = replace(_config(recipe, update_every=2), training=TrainingConfig(epochs=2, batch_rule="fixed"))
    training = Training(config, make_data(train_n=4), seed=0)
    epochs = training.epochs()
    next(epochs)
    masks, (before,) = training.masks, training._engine.weights()
    record = next(epochs)
    stayed = masks[0] & training.masks[0]
    (after,) = training._engine.weights()
    assert stayed.any()
    assert np.array_equal(after[stayed], before[stayed]) == (recipe == "paper")
    assert math.isfinite(record.train_loss), "measured in both cases"


def test_an_update_in_place_of_the_only_step_there_is_is_refused(make_data) -> None:
    config = replace(_config("paper", update_every=1), training=TrainingConfig(batch_rule="fixed"))
    with pytest.raises(InvalidInput, match="leaves no gradient step"):
        Training(config, make_data(train_n=16), seed=0)
    assert Training(config, make_data(train_n=17), seed=0).masks
    assert Training(replace(config, sparsity=replace(config.sparsity, explore=False)), make_data(train_n=16), seed=0)


def test_an_update_in_place_of_the_step_grows_by_that_batch_s_gradient(make_data) -> None:
    data = make_data(train_n=4)
    config = replace(_config("paper", update_every=2, grow="gradient"), training=TrainingConfig(batch_rule="fixed"))
    training, other = Training(config, data, seed=0), Training(config, data, seed=0)
    next(other.epochs())
    other._engine.measure(np.arange(4))
    _ = list(zip(range(2), training.epochs(), strict=False))
    # The order of the series within the batch changes float32 sums in their last digits only.
    for one, two in zip(training._engine.gradients(), other._engine.gradients(), strict=True):
        assert np.allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("recipe", ["published-code", "paper"])
def test_the_first_step_of_a_grown_weight_is_adam_s_first_only_with_fresh_moments(make_data, recipe: str) -> None:
    config = replace(_config(recipe), training=TrainingConfig(batch_rule="fixed"))
    engine = Training(config, make_data(train_n=4), seed=0)._engine
    batch, rate = [np.arange(4)], 1e-3
    for _ in range(3):
        engine.train(batch, rate)
    (layer,), (before,) = engine.sparse_layers, engine.weights()
    everything = np.zeros(layer.shape, dtype=bool)
    for group in layer.groups:
        everything[group.block] = True
    where = everything & (before == 0)
    engine.set_masks([everything], [where])
    engine.train(batch, rate)
    (weight,), (gradient,) = engine.weights(), engine.gradients()
    # Adam's first step is lr * g / (|g| + 1e-8); float32 rounds each of its few operations to 6e-8.
    first = -rate * gradient / (np.abs(gradient) + 1e-8)
    assert np.allclose(weight[where], first[where], rtol=1e-5, atol=0) == (recipe == "paper")
