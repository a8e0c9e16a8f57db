"""From a study's keys to configurations: who overrides whom, and which line is blamed for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_text import TWO_SETS, plan_of, refusal


def test_base_beats_the_recipe(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETS + "base: {recipe: published-code, training.epochs: 7}\n")
    assert {trial.config.training.epochs for trial in plan.trials} == {7}
    assert {trial.config.training.batch_size for trial in plan.trials} == {16}


def test_a_data_entry_beats_base(tmp_path: Path) -> None:
    text = (
        "name: s\ndata:\n  - {source: aeon, names: [A], split: 2015}\n  - {source: aeon, names: [B]}\n"
        "base: {data: {split: 2018, normalisation: global}}\n"
    )
    splits = {
        trial.config.data.name: (trial.config.data.split, trial.config.data.normalisation)
        for trial in plan_of(tmp_path, text).trials
    }
    assert splits == {"A": (2015, "global"), "B": (2018, "global")}


def test_an_arm_beats_base_and_a_data_entry(tmp_path: Path) -> None:
    text = (
        "name: s\ndata: [{source: aeon, names: [A], split: 2015}]\nseeds: 1\n"
        "base: {training.epochs: 7}\narms: {x: {}, y: {data.split: 2018, training.epochs: 8}}\n"
    )
    settings_of = {
        trial.arm: (trial.config.data.split, trial.config.training.epochs) for trial in plan_of(tmp_path, text).trials
    }
    assert settings_of == {"x": (2015, 7), "y": (2018, 8)}


def test_a_factor_beats_base_and_a_data_entry(tmp_path: Path) -> None:
    text = (
        "name: s\ndata: [{source: aeon, names: [A], split: 2015}]\nseeds: 1\n"
        "base: {training.epochs: 7}\nfactors: {values: {data.split: [2018], training.epochs: [8, 9]}}\n"
    )
    plan = plan_of(tmp_path, text)
    assert {(trial.config.data.split, trial.config.training.epochs) for trial in plan.trials} == {(2018, 8), (2018, 9)}


def test_an_arms_override_stays_in_that_arm(tmp_path: Path) -> None:
    text = TWO_SETS + "seeds: 1\nbase: {sparsity: {}}\narms: {x: {sparsity.level: 0.5}, y: {}}\n"
    levels = {trial.arm: trial.config.sparsity.level for trial in plan_of(tmp_path, text).trials}
    assert levels == {"x": 0.5, "y": 0.8}


@pytest.mark.parametrize("arm", ["{model.depth: 3}", "{model: {depth: 3}}"])
def test_a_key_set_by_an_arm_and_a_factor_is_refused_at_the_arm(tmp_path: Path, arm: str) -> None:
    text = TWO_SETS + f"factors: {{values: {{model.depth: [1, 2]}}}}\narms:\n  x: {{}}\n  y: {arm}\n"
    error, where = refusal(tmp_path, text)
    assert (error.problem, error.key) == ("is set by an arm and by a factor", "model.depth")
    assert where in ("7:7", "7:15")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("base: {sparsity.level: 0.8}\narms:\n  x: {sparsity.level.x: 0.5}\n", "6:7"),
        ("base: {sparsity.level: 0.8}\nfactors: {values: {sparsity.level.x: [0.5]}}\n", "5:20"),
    ],
)
def test_a_key_below_a_setting_does_not_get_lost(tmp_path: Path, text: str, place: str) -> None:
    error, where = refusal(tmp_path, TWO_SETS + text)
    assert (error.key, where) == ("sparsity.level.x", place)
    assert error.problem == "unknown key: sparsity.level takes a value, not keys of its own"


@pytest.mark.parametrize(
    ("recipe", "place"),
    [("base: {recipe: published}\n", "4:8"), ("base: {recipe: [x]}\n", "4:8"), ("base: {recipe: {}}\n", "4:8")],
)
def test_an_unknown_recipe_is_refused(tmp_path: Path, recipe: str, place: str) -> None:
    error, where = refusal(tmp_path, TWO_SETS + recipe)
    assert (error.problem, error.choices, where) == ("unknown recipe", ("paper", "published-code"), place)


def test_junk_of_base_is_not_blamed_on_the_data_entry(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, TWO_SETS + "base: {data: 5}\n")
    assert (error.key, error.problem, where) == ("data", "must be a mapping", "4:8")


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
    error, where = refusal(tmp_path, TWO_SETS + text)
    assert (where, error.key, error.value, error.problem) == (place, key, value, problem)


def test_updates_that_leave_no_gradient_step_are_refused_where_they_were_asked_for(tmp_path: Path) -> None:
    text = TWO_SETS + "base: {recipe: paper, training.batch_size: 64, sparsity.update_every: 1}\n"
    error, place = refusal(tmp_path, text)
    assert (error.key, place) == ("sparsity.update_every", "4:48")
