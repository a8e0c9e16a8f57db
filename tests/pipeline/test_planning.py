"""From studies to trials: counts, precedence, shared trials, order, and the line that is blamed for what cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.config import DataConfig
from dsn.data import DataInfo, describe
from dsn.errors import InvalidInput
from pipeline.planning import MOST_CELLS, Plan, TrialSpec, make_plan
from pipeline.study.spec import read_study
from pipeline.terminal.plan_text import plan_text

HEAD = "name: s\ndata:\n  - {source: aeon, names: [A, B]}\n"

Describe = Callable[[DataConfig], DataInfo]


def _describe(config: DataConfig) -> DataInfo:
    """B is twice as large as A."""
    train_n = 40 if config.name == "B" else 20
    return DataInfo(
        name=config.name,
        content_hash=f"hash of {config.name}",
        train_n=train_n,
        test_n=20,
        channels=1,
        length=50,
        classes=2,
        files=(),
    )


def _plan(tmp_path: Path, text: str, describe: Describe = _describe, profile: str | None = None) -> Plan:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return make_plan(read_study(file, profile), describe)


def _refusal(tmp_path: Path, text: str, describe: Describe = _describe) -> tuple[InvalidInput, str]:
    """The error, and its place without the folder."""
    with pytest.raises(InvalidInput) as caught:
        _plan(tmp_path, text, describe)
    return caught.value, caught.value.place.removeprefix(f"{tmp_path}/study.yaml").removeprefix(":")


def _setting(trial: TrialSpec, key: str) -> Any:
    room, _, name = key.partition(".")
    return getattr(getattr(trial.config, room), name)


GRID = (
    HEAD
    + "arms: {x: {}, y: {sparsity.level: 0.5}}\n"
    + "factors: {values: {model.kernel_size: [9, 15, 21], sparsity.groups: [1, 3]}}\n"
    + "seeds: [0, 1, 2, 7]\n"
)


def test_a_grid_is_factors_x_arms_x_data_sets_x_seeds(tmp_path: Path) -> None:
    plan = _plan(tmp_path, GRID)
    assert len(plan.cells) == 3 * 2 * 2 * 2 * 4
    assert len(plan.trials) == len(plan.cells)
    assert plan.datasets == ("A", "B")
    assert plan.arms == tuple(
        f"{arm}, model.kernel_size={kernel}, sparsity.groups={groups}"
        for arm in ("x", "y")
        for kernel in (9, 15, 21)
        for groups in (1, 3)
    )
    assert {(cell.arm, cell.dataset, cell.seed) for cell in plan.cells} == {
        (arm, dataset, seed) for arm in plan.arms for dataset in ("A", "B") for seed in (0, 1, 2, 7)
    }


VALUES = "{model.kernel_size: [9, 39], sparsity.groups: [1, 3]}"


@pytest.mark.parametrize(
    ("mode", "combinations"),
    [
        ("zip", ["model.kernel_size=9, sparsity.groups=1", "model.kernel_size=39, sparsity.groups=3"]),
        (
            "one_at_a_time",
            ["", "model.kernel_size=9", "model.kernel_size=39", "sparsity.groups=1", "sparsity.groups=3"],
        ),
    ],
)
def test_other_ways_to_combine_factors(tmp_path: Path, mode: str, combinations: list[str]) -> None:
    arms = "arms: {x: {}, y: {sparsity.level: 0.5}}\nseeds: 1\n"
    plan = _plan(tmp_path, HEAD + arms + f"factors: {{mode: {mode}, values: {VALUES}}}\n")
    labels = {arm: [", ".join(filter(None, (arm, combination))) for combination in combinations] for arm in "xy"}
    assert plan.arms == (*labels["x"], *labels["y"])
    assert plan.references == dict(zip(labels["y"], labels["x"], strict=True))


LEVELS = "values: {sparsity.level: [0.5, 0.9]}"


@pytest.mark.parametrize(
    ("arms", "factors", "references"),
    [
        (
            "dense: {sparsity.level: dense}, sparse: {}",
            f"arms: [sparse], {LEVELS}",
            {"sparse, sparsity.level=0.5": "dense", "sparse, sparsity.level=0.9": "dense"},
        ),
        (
            "sparse: {}, wide: {model.channels: 177}, dense: {sparsity.level: dense}",
            f"arms: [wide, sparse], {LEVELS}",
            {
                "wide, sparsity.level=0.5": "sparse, sparsity.level=0.5",
                "wide, sparsity.level=0.9": "sparse, sparsity.level=0.9",
                "dense": "sparse, sparsity.level=0.5",
            },
        ),
        (
            "sparse: {}, dense: {sparsity.level: dense}",
            f"arms: [sparse], {LEVELS}",
            {"sparse, sparsity.level=0.9": "sparse, sparsity.level=0.5", "dense": "sparse, sparsity.level=0.5"},
        ),
        (
            "dense: {sparsity.level: dense}, thin: {model.channels: 60}, sparse: {}",
            f"mode: one_at_a_time, arms: [sparse], {LEVELS}",
            {
                "thin": "dense",
                "sparse": "dense",
                "sparse, sparsity.level=0.5": "dense",
                "sparse, sparsity.level=0.9": "dense",
            },
        ),
    ],
    ids=["the first stands alone", "another stands alone", "only the first is crossed", "with the base"],
)
def test_factors_cross_the_arms_that_are_named(
    tmp_path: Path, arms: str, factors: str, references: dict[str, str]
) -> None:
    plan = _plan(tmp_path, HEAD + f"arms: {{{arms}}}\nfactors: {{{factors}}}\nseeds: 3\n")
    assert plan.references == references
    # All but references, and those of the first arm that are nobody's.
    assert set(references) | set(references.values()) >= set(plan.arms) - {"sparse, sparsity.level=0.9"}
    assert len(plan.cells) == len(plan.arms) * 2 * 3
    levels = {cell.arm: cell.factors for cell in plan.cells}
    assert [arm for arm, chosen in levels.items() if not chosen] == [arm for arm in plan.arms if "=" not in arm]
    trials = {trial.trial_id: trial for trial in plan.trials}
    dense = {trials[cell.trial_id].config.sparsity.level for cell in plan.cells if cell.arm == "dense"}
    assert dense == {"dense"}


def test_a_crossed_arm_may_not_set_a_factor_and_another_one_may(tmp_path: Path) -> None:
    text = HEAD + f"factors: {{arms: [b], {LEVELS}}}\narms:\n  a: {{sparsity.level: 0}}\n  b: {{sparsity.level: 0}}\n"
    error, where = _refusal(tmp_path, text)
    assert (error.problem, where) == ("is set by an arm and by a factor", "7:7")


@pytest.mark.parametrize(
    ("arms", "problem", "choices"),
    [
        ("[spares]", "no such arm", ("dense", "sparse")),
        ("[]", "must list at least one arm, each once", ()),
        ("[sparse, sparse]", "must list at least one arm, each once", ()),
        ("sparse", "must be a list", ()),
        ("[1]", "must be text", ()),
    ],
)
def test_arms_that_cannot_be_crossed_are_refused(
    tmp_path: Path, arms: str, problem: str, choices: tuple[str, ...]
) -> None:
    text = HEAD + f"arms: {{dense: {{}}, sparse: {{}}}}\nfactors:\n  {LEVELS}\n  arms: {arms}\n"
    error, where = _refusal(tmp_path, text)
    assert (error.problem, error.choices) == (problem, choices)
    assert error.key.startswith("factors.arms")
    assert where.startswith("7:")


def test_a_value_that_is_the_bases_own_shares_its_trial(tmp_path: Path) -> None:
    plan = _plan(tmp_path, HEAD + f"seeds: 1\nfactors: {{mode: one_at_a_time, values: {VALUES}}}\n")
    # 39 taps and 3 groups are the defaults: of five combinations two repeat the first.
    assert (len(plan.cells), len(plan.trials)) == (5 * 2, 3 * 2)
    assert set(plan.references.values()) == {"base"}


@pytest.mark.parametrize(
    ("exclude", "arms", "cells"),
    [
        ("[{model.kernel_size: 9}]", 8, 64),
        ("[{model.kernel_size: 9, sparsity.groups: 3}]", 10, 80),
        ("[{model: {kernel_size: 9}, sparsity.groups: 3}]", 10, 80),
        ("[{arm: y}]", 6, 48),
        ("[{arm: y, data.name: B}]", 12, 72),
        ("[{data.name: B}, {arm: y, model.kernel_size: 9}]", 10, 40),
        ("[{sparsity.level: 0.8}]", 6, 48),
        ("[{model.kernel_size: 9, sparsity.groups: 3}, {sparsity.groups: 1, model.kernel_size: 15}]", 8, 64),
        ("[{sparsity.level: 0.50}, {sparsity.level: dense}, {}]", 6, 48),
        ("[{sparsity.explore: true, data.name: A}]", 12, 48),
        ("[]", 12, 96),
    ],
)
def test_exclusions_leave_out_what_holds_in_all_their_parts(
    tmp_path: Path, exclude: str, arms: int, cells: int
) -> None:
    plan = _plan(tmp_path, GRID + f"exclude: {exclude}\n")
    assert (len(plan.arms), len(plan.cells)) == (arms, cells)


def test_an_exclusion_of_everything_is_refused(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, HEAD + "exclude: [{model.name: dsn}]\n")
    assert (error.problem, error.key, where) == ("leaves no trial", "exclude", "4:1")


@pytest.mark.parametrize(
    ("exclude", "key", "problem", "choice"),
    [
        ("{sparsity.levl: 0.5}", "sparsity.levl", "unknown key", "sparsity.level"),
        ("{arm: bse}", "arm", "no such arm", "base"),
        ("{data.splt: 2015}", "data.splt", "unknown key", "data.split"),
        ("{sparsity.grow: gradent}", "sparsity.grow", "must be one of the choices", "gradient"),
    ],
)
def test_an_exclusion_of_what_does_not_exist_is_refused(
    tmp_path: Path, exclude: str, key: str, problem: str, choice: str
) -> None:
    error, where = _refusal(tmp_path, HEAD + f"exclude:\n  - {exclude}\n")
    assert (error.key, error.problem, where) == (key, problem, "5:6")
    assert choice in error.choices


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("model.kernel_size: [9, 15]", "must be a whole number"),
        ("model.kernel_size: 9.5", "must be a whole number"),
        ("sparsity.explore: 1", "must be true or false"),
        ("sparsity.level: half", "must be a number or 'dense'"),
        ('data.split: "2015"', "must be one of the choices"),
    ],
)
def test_an_exclusion_of_a_value_that_a_key_never_has_is_refused(tmp_path: Path, condition: str, problem: str) -> None:
    error, where = _refusal(tmp_path, HEAD + f"exclude: [{{model.depth: 3}}, {{{condition}}}]\n")
    assert (error.key, error.problem, where) == (condition.partition(":")[0], problem, "4:30")


def test_base_beats_the_recipe(tmp_path: Path) -> None:
    plan = _plan(tmp_path, HEAD + "base: {recipe: published-code, training.epochs: 7}\n")
    assert {trial.config.training.epochs for trial in plan.trials} == {7}
    assert {trial.config.training.batch_size for trial in plan.trials} == {16}


def test_a_data_entry_beats_base(tmp_path: Path) -> None:
    text = (
        "name: s\ndata:\n  - {source: aeon, names: [A], split: 2015}\n  - {source: aeon, names: [B]}\n"
        "base: {data: {split: 2018, normalisation: global}}\n"
    )
    splits = {
        trial.config.data.name: (trial.config.data.split, trial.config.data.normalisation)
        for trial in _plan(tmp_path, text).trials
    }
    assert splits == {"A": (2015, "global"), "B": (2018, "global")}


def test_an_arm_beats_base_and_a_data_entry(tmp_path: Path) -> None:
    text = (
        "name: s\ndata: [{source: aeon, names: [A], split: 2015}]\nseeds: 1\n"
        "base: {training.epochs: 7}\narms: {x: {}, y: {data.split: 2018, training.epochs: 8}}\n"
    )
    settings_of = {
        trial.arm: (trial.config.data.split, trial.config.training.epochs) for trial in _plan(tmp_path, text).trials
    }
    assert settings_of == {"x": (2015, 7), "y": (2018, 8)}


def test_a_factor_beats_base_and_a_data_entry(tmp_path: Path) -> None:
    text = (
        "name: s\ndata: [{source: aeon, names: [A], split: 2015}]\nseeds: 1\n"
        "base: {training.epochs: 7}\nfactors: {values: {data.split: [2018], training.epochs: [8, 9]}}\n"
    )
    plan = _plan(tmp_path, text)
    assert {(trial.config.data.split, trial.config.training.epochs) for trial in plan.trials} == {(2018, 8), (2018, 9)}


@pytest.mark.parametrize("arm", ["{model.depth: 3}", "{model: {depth: 3}}"])
def test_a_key_set_by_an_arm_and_a_factor_is_refused_at_the_arm(tmp_path: Path, arm: str) -> None:
    text = HEAD + f"factors: {{values: {{model.depth: [1, 2]}}}}\narms:\n  x: {{}}\n  y: {arm}\n"
    error, where = _refusal(tmp_path, text)
    assert (error.problem, error.key) == ("is set by an arm and by a factor", "model.depth")
    assert where in ("7:7", "7:15")


def test_an_arms_override_stays_in_that_arm(tmp_path: Path) -> None:
    text = HEAD + "seeds: 1\nbase: {sparsity: {}}\narms: {x: {sparsity.level: 0.5}, y: {}}\n"
    levels = {trial.arm: trial.config.sparsity.level for trial in _plan(tmp_path, text).trials}
    assert levels == {"x": 0.5, "y": 0.8}


def test_cells_that_mean_the_same_share_a_trial(tmp_path: Path) -> None:
    text = (
        HEAD + "base: {sparsity.level: dense}\nfactors: {values: {sparsity.groups: [1, 2, 3]}}\nseeds: 2\n"
        "arms: {x: {}, y: {sparsity.grow: gradient}}\n"
    )
    plan = _plan(tmp_path, text)
    assert len(plan.cells) == 3 * 2 * 2 * 2
    assert len(plan.trials) == 2 * 2
    assert {trial.arm for trial in plan.trials} == {"x, sparsity.groups=1"}
    for trial in plan.trials:
        sharing = [cell for cell in plan.cells if cell.trial_id == trial.trial_id]
        assert {(cell.dataset, cell.seed) for cell in sharing} == {(trial.config.data.name, trial.seed)}
        assert [cell.arm for cell in sharing] == list(plan.arms)


def test_trials_come_longest_first_and_equal_ones_as_written(tmp_path: Path) -> None:
    plan = _plan(tmp_path, HEAD + "seeds: 2\nfactors: {values: {training.epochs: [10, 30]}}\n")
    order = [(trial.config.training.epochs, trial.config.data.name, trial.seed) for trial in plan.trials]
    assert order == [(epochs, dataset, seed) for epochs in (30, 10) for dataset in ("B", "A") for seed in (0, 1)]
    assert plan.seconds == pytest.approx(sum(trial.seconds for trial in plan.trials))


def test_a_plan_for_many_cores_counts_the_core_seconds(tmp_path: Path) -> None:
    one = _plan(tmp_path, HEAD)
    two = _plan(tmp_path, HEAD + "resources: {cpus: 2}\n")
    assert two.seconds == pytest.approx(2 * sum(trial.seconds for trial in two.trials))
    assert one.seconds < two.seconds < 2 * one.seconds
    assert [trial.trial_id for trial in two.trials] == [trial.trial_id for trial in one.trials]


def test_each_data_set_is_described_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(config: DataConfig) -> DataInfo:
        asked.append(config.name)
        return _describe(config)

    _plan(tmp_path, GRID, counting)
    assert asked == ["A", "B"]


def test_a_grid_beyond_all_bounds_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    values = ", ".join(
        f"{key}: {list(range(10, 60))}" for key in ("model.kernel_size", "training.epochs", "model.depth")
    )
    error, where = _refusal(tmp_path, HEAD + f"factors: {{values: {{{values}}}}}\n")
    assert error.problem == f"asks for more than the {MOST_CELLS} trainings that can be planned"
    assert (error.key, where) == ("factors", "4:1")


def test_arms_that_take_no_factors_count_once(tmp_path: Path) -> None:
    # 2 data sets, 499 + 1 arms, of which the last takes 100 values: 2 x (499 + 100) x 83 seeds.
    arms = ", ".join(f"a{n}: {{training.epochs: {n + 1}}}" for n in range(500))
    factors = f"{{arms: [a499], values: {{model.kernel_size: {list(range(10, 110))}}}}}"
    text = HEAD + f"arms: {{{arms}}}\nfactors: {factors}\n"
    assert len(_plan(tmp_path, text + "seeds: 83\n").cells) == 2 * 599 * 83
    assert _refusal(tmp_path, text + "seeds: 84\n")[0].key == "factors"


def test_a_study_of_hundreds_of_arms_exclusions_and_edits_is_planned(tmp_path: Path) -> None:
    arms = ", ".join(f"a{n}: {{training.epochs: {n + 1}}}" for n in range(500))
    exclude = ", ".join(f"{{arm: a{n}}}" for n in range(1, 500))
    edits = ", ".join(f"arms.b{n}: {{}}" for n in range(500))
    text = HEAD + f"seeds: 1\narms: {{{arms}}}\nexclude: [{exclude}]\nprofiles: {{p: {{{edits}}}}}\n"
    plan = _plan(tmp_path, text)
    assert plan.arms == ("a0",)
    assert "\na0  " in plan_text(plan, disk=0)
    assert _plan(tmp_path, text, profile="p").arms == ("a0", *(f"b{n}" for n in range(500)))


def test_the_deepest_network_of_the_most_groups_is_planned(tmp_path: Path) -> None:
    # Its groups are counted once; a thousand times would take minutes and all memory.
    base = "{model: {depth: 1000, kernel_size: 10000, channels: 30000}, sparsity: {groups: 10000, level: 0.5}}"
    assert len(_plan(tmp_path, HEAD + f"seeds: 1\nbase: {base}\n").trials) == 2


def test_a_trial_survives_being_written_and_read(tmp_path: Path) -> None:
    for trial in _plan(tmp_path, GRID + "resources: {cpus: 2, gpus: 0.25}\n").trials:
        assert TrialSpec.from_dict(trial.to_dict()) == trial


@pytest.mark.parametrize(
    ("text", "place", "key", "value", "problem"),
    [
        (
            "base:\n  model.kernel_size: 39\n  sparsity.groups: 50\n",
            "6:3",
            "sparsity.groups",
            50,
            "arm 'base' on A: must be at most the kernel size, 39",
        ),
        (
            "arms:\n  x: {}\n  y: {model.channels: 6, sparsity.groups: 5}\n",
            "6:26",
            "sparsity.groups",
            5,
            "arm 'y' on A: 6 channels in runs of 2 fill only 3 groups",
        ),
        (
            "factors:\n  values:\n    sparsity.level: [0.5, 0.9999]\n",
            "6:27",
            "sparsity.level",
            0.9999,
            "arm 'base, sparsity.level=0.9999' on A: leaves no active weight in group 1, which has 611",
        ),
        # The default of 3 groups does not fit the kernel that was written.
        (
            "base: {model.channels: 3, model.kernel_size: 5}\n",
            "4:27",
            "sparsity.level",
            0.8,
            "arm 'base' on A: leaves no active weight in group 1, which has 1",
        ),
        ("base: {sparsity.level: 1.0}\n", "4:8", "sparsity.level", 1.0, "must be at least 0 and below 1, or 'dense'"),
        (
            "base: {sparsity.level: 0.5}\narms:\n  x: {sparsity: 5}\n",
            "6:7",
            "sparsity",
            5,
            "must be a mapping",
        ),
        (
            "base: {sparsity.level: 0.5}\narms:\n  x: {sparsity.level: -1}\n",
            "6:7",
            "sparsity.level",
            -1.0,
            "must be at least 0 and below 1, or 'dense'",
        ),
    ],
)
def test_impossible_values_are_blamed_on_the_line_that_wrote_them(  # noqa: PLR0917
    tmp_path: Path, text: str, place: str, key: str, value: object, problem: str
) -> None:
    error, where = _refusal(tmp_path, HEAD + text)
    assert (where, error.key, error.value, error.problem) == (place, key, value, problem)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("base: {sparsity.level: 0.8}\narms:\n  x: {sparsity.level.x: 0.5}\n", "6:7"),
        ("base: {sparsity.level: 0.8}\nfactors: {values: {sparsity.level.x: [0.5]}}\n", "5:20"),
    ],
)
def test_a_key_below_a_setting_does_not_get_lost(tmp_path: Path, text: str, place: str) -> None:
    error, where = _refusal(tmp_path, HEAD + text)
    assert (error.key, where) == ("sparsity.level.x", place)
    assert error.problem == "unknown key: sparsity.level takes a value, not keys of its own"


@pytest.mark.parametrize(
    ("recipe", "place"),
    [("base: {recipe: published}\n", "4:8"), ("base: {recipe: [x]}\n", "4:8"), ("base: {recipe: {}}\n", "4:8")],
)
def test_an_unknown_recipe_is_refused(tmp_path: Path, recipe: str, place: str) -> None:
    error, where = _refusal(tmp_path, HEAD + recipe)
    assert (error.problem, error.choices, where) == ("unknown recipe", ("paper", "published-code"), place)


@pytest.mark.parametrize(
    ("entry", "place", "key", "problem"),
    [
        ("{source: aeon, names: [A], junk: 1}", "3:32", "data.junk", "unknown key"),
        ("{source: aeon, names: [A], name: B}", "3:32", "data.name", "unknown key"),
        ("{source: aeon, names: [A], split: 2016}", "3:32", "data.split", "must be one of the choices"),
        ("{source: 5, names: [A]}", "3:6", "data.source", "must be text"),
        ("{names: [A]}", "3:5", "data.source", "is missing"),
        ("{source: aeon}", "3:5", "names", "must list the names of data sets"),
        ("{source: aeon, names: A}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: []}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: [A, 1]}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: [A, A]}", "3:31", "names", "is listed twice"),
        ("{source: aeon, names: [A, a]}", "3:31", "names", "is listed twice"),
        ("{source: npz, names: [A], path: 5}", "3:31", "data.path", "must be text"),
        (
            "{source: aeon, names: [A], split.x: 1}",
            "3:32",
            "data.split.x",
            "unknown key",
        ),
        ("{source: aeon, nmaes: [A]}", "3:20", "data.nmaes", "unknown key"),
        ("{source: aeon, collection: UCR-86}", "3:20", "collection", "no such collection"),
        ("{source: aeon, collection: [UCR-85]}", "3:20", "collection", "no such collection"),
        ("{source: aeon, collection: null}", "3:20", "collection", "no such collection"),
        (
            "{source: aeon, names: [A], collection: UCR-85}",
            "3:32",
            "collection",
            "stands instead of names, not beside them",
        ),
        ("{source: aeon, collection: UCI-3}\n  - {source: aeon, names: [B, HAR]}", "4:31", "names", "is listed twice"),
        (
            "{source: aeon, names: [HAR]}\n  - {source: aeon, collection: UCI-3}",
            "4:20",
            "collection",
            "is listed twice",
        ),
    ],
)
def test_data_entries_with_junk_are_refused(tmp_path: Path, entry: str, place: str, key: str, problem: str) -> None:
    error, where = _refusal(tmp_path, f"name: s\ndata:\n  - {entry}\n")
    assert (where, error.key, error.problem) == (place, key, problem)


def test_a_collection_stands_for_the_names_of_its_sets(tmp_path: Path) -> None:
    text = "name: s\ndata: [{source: folder, path: sets, collection: UCI-3, normalisation: global}]\nseeds: 1\n"
    plan = _plan(tmp_path, text)
    assert plan.datasets == ("DailySports", "EEG2", "HAR")
    assert {(trial.config.data.normalisation, trial.config.data.path) for trial in plan.trials} == {
        ("global", str(tmp_path / "sets"))
    }
    assert len(_plan(tmp_path, text.replace("UCI-3", "UCR-112")).datasets) == 112


SUBSETS = "name: s\ndata:\n  - {source: folder, path: nowhere, names: [HAR]}\nseeds: 1\n"


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (("names: [HAR]", "names: [HAR], train_subset: 8000"), "3:51"),
        (("seeds: 1", "base: {data.train_subset: 8000}"), "4:8"),
        (("seeds: 1", "arms: {a: {}, b: {data.train_subset: 8000}}"), "4:19"),
        (("seeds: 1", "factors: {values: {data.train_subset: [600, 8000]}}"), "4:20"),
        # base < data entry < arm
        (("HAR]}\nseeds: 1", "HAR], train_subset: 8000}\nbase: {data.train_subset: 600}"), "3:51"),
        (("HAR]}\nseeds: 1", "HAR], train_subset: 600}\narms: {a: {data.train_subset: 8000}}"), "4:12"),
    ],
)
def test_a_subset_that_a_known_set_cannot_have_is_blamed_on_who_asks(
    tmp_path: Path, edit: tuple[str, str], place: str
) -> None:
    error, where = _refusal(tmp_path, SUBSETS.replace(*edit), describe)
    assert (where, error.key, error.value) == (place, "train_subset", 8000)
    assert error.problem == "asks for more than the 7352 training series"


def test_a_subset_is_what_a_plan_counts_with(tmp_path: Path) -> None:
    """HAR in batches of 16: 460 steps an epoch; of 600 series 38."""
    plan = _plan(tmp_path, SUBSETS + "factors: {values: {data.train_subset: [null, 600]}}\n", describe)
    whole, part = sorted(plan.trials, key=lambda trial: -trial.seconds)
    assert (part.config.data.train_subset, [use.info.train_n for use in plan.data]) == (600, [7352, 600])
    assert part.trial_id != whole.trial_id
    assert part.cost == whole.cost
    # One test of 2947 series each is all that they share, and small.
    assert part.seconds == pytest.approx(whole.seconds * 600 / 7352, rel=0.02)


def test_an_unknown_collection_is_answered_with_the_nearest(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, "name: s\ndata:\n  - source: folder\n    collection: UCR-58\n")
    assert (error.value, where) == ("UCR-58", "4:5")
    assert error.choices == ("UCR-85", "UCR-112", "UEA-30", "UCI-3")
    assert "did you mean 'UCR-85'?" in str(error)


@pytest.mark.parametrize("key", ["data.source", "data.name", "data.path"])
@pytest.mark.parametrize("writer", ["base: {%s: x}\n", "arms: {x: {%s: x}}\n", "factors: {values: {%s: [x]}}\n"])
def test_which_data_belongs_under_data(tmp_path: Path, key: str, writer: str) -> None:
    error, where = _refusal(tmp_path, HEAD + writer % key)
    assert (error.problem, error.key) == ("belongs under data:", key)
    assert where.startswith("4:")


def test_junk_of_base_is_not_blamed_on_the_data_entry(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, HEAD + "base: {data: 5}\n")
    assert (error.key, error.problem, where) == ("data", "must be a mapping", "4:8")


def test_an_unknown_data_set_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = "name: s\ndata:\n  - source: aeon\n    names:\n      - GunPoint\n      - GunPont\n"
    error, where = _refusal(tmp_path, text, describe)
    assert (error.key, error.value, where) == ("name", "GunPont", "6:9")
    assert error.problem == "aeon ships no such data set"
    assert "did you mean 'GunPoint'?" in str(error)


def test_an_unknown_source_of_data_is_answered_with_the_choices(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, "name: s\ndata:\n  - {source: nzp, names: [A]}\n", describe)
    assert (error.key, error.value, where) == ("source", "nzp", "3:6")
    assert {"aeon", "npz"} <= set(error.choices)


def _sets(tmp_path: Path, labels: list[int]) -> str:
    """A study of one data set in a folder ``sets``, whose series have these labels."""
    (tmp_path / "sets").mkdir()
    x, y = np.arange(len(labels) * 8, dtype=float).reshape(-1, 8), np.array(labels)
    np.savez(tmp_path / "sets" / "Mine.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    return "name: s\ndata:\n  - source: npz\n    path: sets\n    names: [Mine]\n"


def test_a_data_set_in_a_folder_beside_the_study_is_found(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _sets(tmp_path, [0, 1, 0, 1]) + "seeds: 1\n", describe)
    assert plan.trials[0].config.data.path == str(tmp_path / "sets")


def test_a_data_set_of_one_class_is_refused(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, _sets(tmp_path, [1, 1, 1]), describe)
    assert (error.key, where) == ("data set Mine", "5:13")
    assert "has only the class '1'; at least 2 are needed" in error.problem
    assert str(tmp_path / "sets" / "Mine.npz") in error.problem


def test_an_unknown_name_in_a_folder_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = _sets(tmp_path, [0, 1]).replace("Mine", "Mime")
    error, where = _refusal(tmp_path, text, describe)
    assert where == "5:13"
    assert "did you mean 'Mine'?" in str(error)


def test_a_missing_folder_is_blamed_on_its_path(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, "name: s\ndata:\n  - {source: npz, path: none, names: [A]}\n", describe)
    assert (error.key, error.value, where) == ("path", str(tmp_path / "none"), "3:19")
    assert error.problem == "no such folder or file"


# Whatever becomes of a study file, it is planned or refused; nothing else.

QUICKSTART = (Path(__file__).parents[2] / "studies" / "quickstart.yaml").read_text(encoding="utf-8")
JUNK = [
    "5",
    "-1",
    "0.5",
    "1e400",
    ".nan",
    "true",
    "~",
    "''",
    "text",
    '"\\0"',
    "[]",
    "[1, x]",
    "{}",
    "{a: {b: c}}",
    "[[1]]",
    "9" * 30,
    "2020-01-01",
    "*x",
    "!!set {a}",
    "dense",
    "a.b",
]


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    lines = QUICKSTART.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        change = draw(
            st.sampled_from(["delete", "duplicate", "replace", "move", "indent", "scalar", "scalar", "scalar"])
        )
        line = lines[at]
        if change == "delete" and len(lines) > 1:
            del lines[at]
        elif change == "duplicate":
            lines.insert(at, line)
        elif change == "replace":
            lines[at] = draw(st.sampled_from(lines))
        elif change == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif change == "indent":
            lines[at] = "  " + line
        else:
            words = list(re.finditer(r"[\w.@-]+", line)) or [re.match("", line)]
            word = draw(st.sampled_from(words))
            assert word is not None
            lines[at] = line[: word.start()] + draw(st.sampled_from(JUNK)) + line[word.end() :]
    return "\n".join(lines) + "\n"


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_mutated(), profile=st.sampled_from([None, "tiny"]))
def test_a_mangled_study_is_planned_or_refused(tmp_path: Path, text: str, profile: str | None) -> None:
    refused: InvalidInput | None = None
    try:
        plan = _plan(tmp_path, text, profile=profile)
        assert {cell.trial_id for cell in plan.cells} == {trial.trial_id for trial in plan.trials}
        assert len(plan.trials) > 0
    except InvalidInput as error:
        refused = error
    assert refused is None or str(tmp_path) in refused.place


def test_updates_that_leave_no_gradient_step_are_refused_where_they_were_asked_for(tmp_path: Path) -> None:
    text = HEAD + "base: {recipe: paper, training.batch_size: 64, sparsity.update_every: 1}\n"
    error, place = _refusal(tmp_path, text)
    assert (error.key, place) == ("sparsity.update_every", "4:48")
