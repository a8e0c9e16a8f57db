"""What makes two trials the same: every field of a configuration has its decision here."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from data_info import made_info

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from pipeline.planning import identity
from pipeline.planning.identity import SEMANTICS, canonical, former_ids, trial_id
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study

CONFIG = RunConfig(data=DataConfig(source="aeon", name="GunPoint"))

DIFFERENT: dict[str, Any] = {
    "data.normalisation": "global",
    "data.train_subset": 20,
    "model.name": "other",
    "model.channels": 144,
    "model.kernel_size": 21,
    "model.depth": 3,
    "model.padding": "zero",
    "model.pool_size": 10,
    "sparsity.level": 0.9,
    "sparsity.groups": 1,
    "sparsity.explore": False,
    "sparsity.initial": "random",
    "sparsity.drop": "random",
    "sparsity.grow": "gradient",
    "sparsity.relative_to": "layer",
    "sparsity.regions": "proportional",
    "sparsity.group_sizes": "balanced",
    "sparsity.update_every": 6,
    "sparsity.update_unit": "steps",
    "sparsity.update_timing": "replaces-step",
    "sparsity.moments": "fresh",
    "sparsity.initial_fraction": 0.4,
    "sparsity.final_fraction": 0.01,
    "sparsity.explore_until": 0.7,
    "sparsity.schedule": "linear",
    "training.epochs": 999,
    "training.batch_size": 8,
    "training.batch_rule": "fixed",
    "training.learning_rate": 1e-3,
    "training.final_learning_rate": 1e-5,
    "training.eval_test_every": 10,
}
"""Fields that results depend on, each with a value other than its default."""

SAME: dict[str, Any] = {"data.source": "npz", "data.name": "Renamed", "data.path": "/elsewhere", "data.split": 2015}
"""Where the data lies and what it is called: its content counts. And the split of a set that was never exchanged."""

EXPLORATION = (
    "drop",
    "grow",
    "update_every",
    "update_unit",
    "update_timing",
    "moments",
    "initial_fraction",
    "final_fraction",
    "explore_until",
    "schedule",
)


def _with(config: RunConfig, **changes: Any) -> RunConfig:
    """``config`` with ``room__key=value``."""
    for written, value in changes.items():
        room, key = written.split("__")
        config = replace(config, **{room: replace(getattr(config, room), **{key: value})})
    return config


def _id(config: RunConfig) -> str:
    return trial_id(config, 0, "content")


@pytest.mark.parametrize(
    "key", [f"{room.name}.{each.name}" for room in fields(RunConfig) for each in fields(getattr(CONFIG, room.name))]
)
def test_every_field_of_a_configuration_has_a_decision_and_keeps_to_it(key: str) -> None:
    assert (key in DIFFERENT) != (key in SAME), "a new field: decide whether results depend on it"
    changed = _with(CONFIG, **{key.replace(".", "__"): {**DIFFERENT, **SAME}[key]})
    assert changed != CONFIG
    assert (_id(changed) == _id(CONFIG)) == (key in SAME)


def test_the_decisions_name_no_field_that_is_gone() -> None:
    known = {f"{room.name}.{each.name}" for room in fields(RunConfig) for each in fields(getattr(CONFIG, room.name))}
    assert set(DIFFERENT) | set(SAME) == known


# They may change only together with SEMANTICS: a change makes every trial in every ledger run again.
GOLDEN = {
    "defaults": (CONFIG, "ccfa8ad1c3c5de61"),
    "dense": (_with(CONFIG, sparsity__level="dense"), "89065432bf531620"),
    "fixed": (_with(CONFIG, sparsity__explore=False), "3053f43d300f73bd"),
    "everything else": (
        RunConfig(
            data=DataConfig(source="npz", name="X", path="/x", split=2015, normalisation="global"),
            model=ModelConfig(channels=177, kernel_size=21, depth=3, padding="zero", pool_size=10),
            sparsity=SparsityConfig(
                level=0.5,
                groups=2,
                initial="random",
                grow="gradient",
                update_every=2,
                initial_fraction=1.0,
                final_fraction=0.1,
                explore_until=0.5,
            ),
            training=TrainingConfig(
                epochs=3, batch_size=4, batch_rule="fixed", learning_rate=1e-3, final_learning_rate=1e-5
            ),
        ),
        "d0b8795031739ed9",
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_identities_never_change(case: str) -> None:
    config, expected = GOLDEN[case]
    assert SEMANTICS == 1
    assert trial_id(config, 3, "0123abcd") == expected


def test_former_ids_are_those_of_earlier_semantics(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(former_ids(CONFIG, 3, "0123abcd")) == []
    ids = []
    for semantics in (1, 2, 3):
        monkeypatch.setattr(identity, "SEMANTICS", semantics)
        ids.append(trial_id(CONFIG, 3, "0123abcd"))
    assert ids[0] == GOLDEN["defaults"][1]
    assert list(former_ids(CONFIG, 3, "0123abcd")) == [ids[1], ids[0]]


def test_seed_and_data_are_part_of_the_identity() -> None:
    ids = {trial_id(CONFIG, seed, content) for seed in (0, 1) for content in ("a", "b")}
    assert len(ids) == 4


@pytest.mark.parametrize("key", [each.name for each in fields(SparsityConfig) if each.name != "level"])
def test_a_dense_network_has_no_topology(key: str) -> None:
    dense = _with(CONFIG, sparsity__level="dense")
    assert _id(_with(dense, **{f"sparsity__{key}": DIFFERENT[f"sparsity.{key}"]})) == _id(dense)


def test_a_kernel_too_short_to_be_sparse_is_dense() -> None:
    short = _with(CONFIG, model__kernel_size=4)
    assert _id(_with(short, sparsity__level=0.5, sparsity__groups=2)) == _id(_with(short, sparsity__level="dense"))
    longer = _with(CONFIG, model__kernel_size=5)
    assert _id(longer) != _id(_with(longer, sparsity__level="dense"))


@pytest.mark.parametrize("key", [each.name for each in fields(SparsityConfig) if each.name != "explore"])
def test_a_fixed_topology_has_no_regrowth_but_all_the_rest(key: str) -> None:
    fixed = _with(CONFIG, sparsity__explore=False)
    changed = _with(fixed, **{f"sparsity__{key}": DIFFERENT[f"sparsity.{key}"]})
    assert (_id(changed) == _id(fixed)) == (key in EXPLORATION)


def test_a_number_counts_by_its_value() -> None:
    assert _id(_with(CONFIG, training__learning_rate=1)) == _id(_with(CONFIG, training__learning_rate=1.0))
    zeros = [_id(_with(CONFIG, sparsity__level=zero)) for zero in (0, 0.0, -0.0)]
    assert len(set(zeros)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sparsity.level: 0", "sparsity.level: 0.0"),
        ("sparsity.level: 0.5", "sparsity.level: 5e-1"),
        ("training.learning_rate: 1", "training.learning_rate: 1.0"),
        ("sparsity.explore_until: 1", "sparsity.explore_until: 1.0"),
        ("training.epochs: 16", "training.epochs: 0x10"),
    ],
)
def test_the_spelling_of_a_number_in_a_study_file_does_not_count(tmp_path: Path, one: str, other: str) -> None:
    planned = []
    for written in (one, other):
        file = tmp_path / "study.yaml"
        file.write_text(f"name: s\ndata: [{{source: aeon, names: [A]}}]\nbase: {{{written}}}\n", encoding="utf-8")
        plan = make_plan(read_study(file), made_info)
        planned.append([trial.trial_id for trial in plan.trials])
    assert planned[0] == planned[1]


def test_a_canonical_configuration_is_plain_and_leaves_the_original_alone() -> None:
    before = CONFIG.to_dict()
    assert canonical(CONFIG)["data"] == {"exchanged": False, "normalisation": "none"}
    assert CONFIG.to_dict() == before


def test_exchanging_train_and_test_makes_another_trial_and_only_for_the_sets_that_were_exchanged() -> None:
    worms = _with(CONFIG, data__name="Worms")
    assert _id(_with(worms, data__split=2015)) != _id(worms)
    assert _id(_with(worms, data__split=2015)) != _id(_with(worms, data__split=2015, data__name="MyWorms"))
