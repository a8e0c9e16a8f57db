"""Identity and results agree: settings that an identity leaves out change no number, those in it are read."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace
from typing import Any

import pytest

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.training import Training
from pipeline.planning.identity import EXPLORATION_ONLY, GROUPS_ONLY, trial_id

BASE = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=6, kernel_size=8, depth=2, pool_size=5),
    sparsity=SparsityConfig(level=0.5, groups=2, update_every=1),
    training=TrainingConfig(epochs=6, learning_rate=1e-2, batch_size=4),
)

OTHER: dict[str, Any] = {
    "model.channels": 9,
    "model.kernel_size": 7,
    "model.depth": 1,
    "model.padding": "zero",
    "model.pool_size": 7,
    "sparsity.level": 0.6,
    "sparsity.relative_to": "layer",
    "sparsity.groups": 1,
    "sparsity.regions": "proportional",
    "sparsity.group_sizes": "balanced",
    "sparsity.explore": False,
    "sparsity.initial": "random",
    "sparsity.drop": "random",
    "sparsity.grow": "gradient",
    "sparsity.update_every": 2,
    "sparsity.update_unit": "steps",
    "sparsity.update_timing": "replaces-step",
    "sparsity.moments": "fresh",
    "sparsity.initial_fraction": 0.2,
    "sparsity.final_fraction": 0.4,
    "sparsity.explore_until": 0.3,
    "sparsity.schedule": "linear",
    "training.epochs": 7,
    "training.batch_size": 2,
    "training.batch_rule": "fixed",
    "training.learning_rate": 2e-2,
    "training.final_learning_rate": 1e-3,
    "training.eval_test_every": 4,
}

SPARSITY = {each.name for each in fields(SparsityConfig)}
"""Every setting of more than one choice that training reads, with a value other than that of ``BASE``."""

UNCHANGED = {"model.name"}
"""Of one choice only."""

WHERE = {
    "sparsity.regions": {"sparsity.groups": 3},
    "sparsity.group_sizes": {"model.channels": 9},
    "training.batch_size": {"training.batch_rule": "fixed"},
}
"""Where the two values differ in effect: 8 taps in 3 groups, 9 channels in 2, no tenth that is smaller than both."""


def _with(config: RunConfig, settings: dict[str, Any]) -> RunConfig:
    for key, value in settings.items():
        room, name = key.split(".")
        config = replace(config, **{room: replace(getattr(config, room), **{name: value})})
    return config


def _curves(config: RunConfig, make_data) -> list[tuple[float, float | None]]:
    """Training loss and test accuracy epoch by epoch; None where the network was not tested."""
    training = Training(config, make_data(train_n=25, channels=2), seed=0)
    return [
        (record.train_loss, None if math.isnan(record.test_accuracy) else record.test_accuracy)
        for record in training.epochs()
    ]


def test_every_setting_of_training_is_in_the_list() -> None:
    rooms = ("model", "sparsity", "training")
    known = {f"{room}.{each.name}" for room in rooms for each in fields(getattr(BASE, room))}
    assert set(OTHER) | UNCHANGED == known


@pytest.mark.parametrize("key", OTHER)
def test_a_setting_changes_what_is_computed(key: str, make_data) -> None:
    config = _with(BASE, WHERE.get(key, {}))
    changed = _with(config, {key: OTHER[key]})
    assert trial_id(changed, 0, "a") != trial_id(config, 0, "a")
    assert _curves(changed, make_data) != _curves(config, make_data)


@pytest.mark.parametrize(
    ("shared", "unread"),
    [
        ({"sparsity.level": "dense"}, SPARSITY - {"level"}),
        ({"model.kernel_size": 4}, SPARSITY),
        ({"sparsity.explore": False}, set(EXPLORATION_ONLY)),
        ({"sparsity.groups": 1}, set(GROUPS_ONLY)),
    ],
    ids=["dense", "kernels too short", "fixed", "one group"],
)
def test_what_has_one_identity_has_one_history(shared: dict[str, Any], unread: set[str], make_data) -> None:
    config = _with(BASE, shared)
    expected = _curves(config, make_data)
    same = []
    for key in (key for key in OTHER if key.startswith("sparsity.") and key not in shared):
        changed = _with(config, {key: OTHER[key]})
        if trial_id(changed, 0, "a") == trial_id(config, 0, "a"):
            same.append(key)
            assert _curves(changed, make_data) == expected, key
    assert {key.removeprefix("sparsity.") for key in same} == unread


@pytest.mark.parametrize(("key", "rules"), [("sparsity.drop", DROP), ("sparsity.grow", GROW)], ids=["drop", "grow"])
def test_two_names_are_one_trial_exactly_where_they_are_one_rule(key: str, rules: dict[str, Any], make_data) -> None:
    ids, histories = {}, {}
    for name in rules:
        config = _with(BASE, {key: name})
        ids[name], histories[name] = trial_id(config, 0, "a"), _curves(config, make_data)
    pairs = list(itertools.combinations(rules, 2))
    same = {(one, other) for one, other in pairs if rules[one] is rules[other]}
    assert same == {(one, other) for one, other in pairs if ids[one] == ids[other]}
    assert same == {(one, other) for one, other in pairs if histories[one] == histories[other]}
    assert same == ({("snip", "taylor")} if key == "sparsity.drop" else set())
