"""The analysis of variance against linear models, by hand, and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.analysis.inference.anova import Anova, grid_effects
from pipeline.analysis.inference.grid import study_grid
from pipeline.analysis.results import StudyResults

NO_VALUES = "No factor of the study has two values, so there is no effect to be tested."
MakeResults = Callable[..., StudyResults]


def make_grid(levels: Sequence[int], datasets: int, seeds: int, generator: np.random.Generator) -> pd.DataFrame:
    """Random accuracies in a random order of rows."""
    names = [f"f{number}" for number in range(len(levels))]
    places = itertools.product(*(range(size) for size in (*levels, datasets, seeds)))
    grid = pd.DataFrame(list(places), columns=[*names, "dataset", "seed"])
    return grid.assign(accuracy=generator.uniform(0.5, 1.0, size=len(grid))).sample(frac=1.0, random_state=generator)


def dummies(grid: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """A column for each combination of the values of these factors."""
    return pd.get_dummies(grid[list(names)].astype(str).agg("/".join, axis=1)).to_numpy(dtype=float)


def residual_squares(grid: pd.DataFrame, terms: Sequence[Sequence[str]]) -> float:
    """What least squares leave of the accuracies, in points squared, of a model with these terms."""
    design = np.hstack([np.ones((len(grid), 1)), *(dummies(grid, names) for names in terms)])
    values = 100 * grid["accuracy"].to_numpy()
    return float(((values - design @ np.linalg.lstsq(design, values, rcond=None)[0]) ** 2).sum())


@given(
    st.lists(st.integers(2, 3), min_size=1, max_size=3),
    st.integers(2, 4),
    st.integers(1, 3),
    st.integers(0, 10_000),
)
@settings(max_examples=25)
def test_squares_are_what_each_term_adds_to_a_linear_model(
    levels: list[int], datasets: int, seeds: int, draw: int
) -> None:
    grid = make_grid(levels, datasets, seeds, np.random.default_rng(draw))
    factors = [f"f{number}" for number in range(len(levels))]
    found = grid_effects(grid, factors)
    assert isinstance(found, Anova)
    terms: list[Sequence[str]] = []
    left = found.total_squares
    assert left == pytest.approx(residual_squares(grid, terms))
    # Both sides are differences of sums as large as the total, over up to 324 rows that round at the machine's epsilon.
    rounding = len(grid) * np.finfo(float).eps * left

    def added(names: Sequence[str]) -> float:
        """By how much one more term lowers what is left: its squares of type I."""
        nonlocal left
        terms.append(names)
        before, left = left, residual_squares(grid, terms)
        return before - left

    assert found.block_squares == pytest.approx(added(["dataset"]), abs=rounding)
    assert [effect.factors for effect in found.effects] == [
        each for order in range(1, len(factors) + 1) for each in itertools.combinations(factors, order)
    ]
    for effect in found.effects:
        assert effect.squares == pytest.approx(added(effect.factors), abs=rounding)
    assert found.residual_squares == pytest.approx(added([*factors, "dataset"]), abs=rounding)
    assert found.seed_squares == pytest.approx(left, abs=1e-6)
    df = [effect.df for effect in found.effects]
    assert sum(df) + found.block_df + found.residual_df + found.seed_df == len(grid) - 1
    for effect in found.effects:
        expected = effect.squares / effect.df / (found.residual_squares / found.residual_df)
        assert effect.f == pytest.approx(expected)
        assert effect.p == pytest.approx(stats.f.sf(expected, effect.df, found.residual_df))
        assert effect.partial == pytest.approx(effect.squares / (effect.squares + found.residual_squares))


@given(st.lists(st.integers(2, 3), min_size=1, max_size=2), st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=15)
def test_one_data_set_is_tested_over_its_seeds_as_several_are_over_data_sets(
    levels: list[int], blocks: int, draw: int
) -> None:
    several = make_grid(levels, blocks, 1, np.random.default_rng(draw))
    one = several.rename(columns={"dataset": "seed", "seed": "dataset"})
    factors = [f"f{number}" for number in range(len(levels))]
    over_sets, over_seeds = grid_effects(several, factors), grid_effects(one, factors)
    assert isinstance(over_sets, Anova)
    assert isinstance(over_seeds, Anova)
    assert over_seeds == replace(over_sets, block="seed")


def test_two_values_are_tested_as_by_a_paired_t() -> None:
    """F of one degree of freedom is the square of t, of the means over seeds."""
    grid = make_grid([2], 6, 3, np.random.default_rng(0))
    found = grid_effects(grid, ["f0"])
    assert isinstance(found, Anova)
    means = grid.groupby(["f0", "dataset"])["accuracy"].mean()
    expected = stats.ttest_rel(means[0], means[1])
    (effect,) = found.effects
    assert effect.f == pytest.approx(expected.statistic**2)
    assert effect.p == pytest.approx(expected.pvalue)


def test_more_seeds_do_not_make_an_effect_surer() -> None:
    grid = make_grid([2, 2], 4, 2, np.random.default_rng(0))
    again = pd.concat([grid, grid.assign(seed=grid["seed"] + 2)])
    once, twice = grid_effects(grid, ["f0", "f1"]), grid_effects(again, ["f0", "f1"])
    assert isinstance(once, Anova)
    assert isinstance(twice, Anova)
    assert [effect.p for effect in twice.effects] == pytest.approx([effect.p for effect in once.effects])


def test_an_incomplete_grid_is_refused_by_name() -> None:
    grid = make_grid([2, 2], 2, 2, np.random.default_rng(0)).sort_index()
    assert grid_effects(grid.iloc[:-1], ["f0", "f1"]) == (
        "An analysis of variance needs each combination of the factors on each data set under each seed; of 16 results "
        "it lacks 1, f0=1, f1=1 on 1 under seed 1."
    )
    assert str(grid_effects(grid.iloc[2:-1], ["f0", "f1"])).endswith("it lacks 3, first f0=0, f1=0 on 0 under seed 0.")
    twice = pd.concat([grid, grid.iloc[:1]])
    assert str(grid_effects(twice, ["f0", "f1"])).endswith("of f0=0, f1=0 on 0 under seed 0 there are 2.")


def test_nothing_to_vary_over_is_refused() -> None:
    lone = make_grid([2], 1, 1, np.random.default_rng(0))
    assert str(grid_effects(lone, ["f0"])).startswith("Effects cannot be tested on one data set under one seed")
    grid = make_grid([2], 3, 2, np.random.default_rng(0))
    same = grid.assign(accuracy=0.7 + grid["f0"] / 30 + grid["dataset"] / 7)
    assert grid_effects(same, ["f0"]) == "Effects cannot be tested: they are the same on every data set."


def test_the_grid_of_a_study_has_its_arms_and_factors(sweep: StudyResults) -> None:
    grid = study_grid(sweep)
    assert not isinstance(grid, str)
    assert grid.factors == ("arm", "model.kernel_size")
    assert len(grid.results) == 2 * 3 * 2 * 2
    assert grid.results["arm"].unique().tolist() == ["one", "two"]
    assert grid.results["model.kernel_size"].unique().tolist() == [9, 21, 39]
    assert (grid.without, grid.left_out) == ((), ())


def test_a_data_set_without_all_results_is_left_out(sweep: StudyResults) -> None:
    lacking = (sweep.trials["dataset"] == "B") & (sweep.trials["seed"] == 1) & (sweep.trials["arm"] == sweep.arms[0])
    assert lacking.sum() == 1
    trials = sweep.trials.assign(status=sweep.trials["status"].mask(lacking, "failed"))
    grid = study_grid(replace(sweep, trials=trials))
    assert not isinstance(grid, str)
    assert grid.left_out == ("B",)
    assert grid.results["dataset"].unique().tolist() == ["A"]
    lost = trials.assign(status=trials["status"].mask(trials["trial_id"] == trials["trial_id"].iloc[0], "pending"))
    assert study_grid(replace(sweep, trials=lost)) == (
        "An analysis of variance needs all results of at least one data set: each combination of the factors under "
        f"each seed. The first that is missing is {sweep.arms[0]} on A under seed 0."
    )


def make_factorial(
    make_results: MakeResults, make_config: Callable[..., object], combinations: dict[str, dict[str, object]]
) -> StudyResults:
    """Labels of arms -> their factors, on one data set under two seeds."""
    generator = np.random.default_rng(0)
    return make_results(
        {(label, "A"): list(generator.uniform(0.5, 1.0, size=2)) for label in combinations},
        factors=combinations,
        configs={label: make_config(**each) for label, each in combinations.items()},
    )


def test_an_arm_that_no_factor_applies_to_stands_apart(make_results: MakeResults, make_config) -> None:
    sizes = {f"dsn, model.kernel_size={size}": {"model.kernel_size": size} for size in (9, 21)}
    grid = study_grid(make_factorial(make_results, make_config, sizes | {"dense": {}}))
    assert not isinstance(grid, str)
    assert grid.factors == ("model.kernel_size",)
    assert grid.without == ("dense",)
    assert set(grid.results["model.kernel_size"]) == {9, 21}


def test_one_at_a_time_is_no_grid_unless_there_is_one_factor(make_results: MakeResults, make_config) -> None:
    """The base stands for its own value, 39, which need not be listed and may be."""
    alone = {"dsn": {}, "dsn, a": {"model.kernel_size": 9}, "dsn, b": {"model.kernel_size": 39}}
    grid = study_grid(make_factorial(make_results, make_config, alone))
    assert not isinstance(grid, str)
    assert len(grid.results) == 4
    assert isinstance(grid_effects(grid.results, grid.factors), Anova)
    two = {"dsn": {}, "dsn, a": {"model.kernel_size": 9}, "dsn, b": {"model.depth": 2}}
    grid = study_grid(make_factorial(make_results, make_config, two))
    assert not isinstance(grid, str)
    assert str(grid_effects(grid.results, grid.factors)).endswith(
        "of 8 results it lacks 2, first model.kernel_size=9, model.depth=2 on A under seed 0."
    )


def test_true_and_1_are_two_values(make_results: MakeResults) -> None:
    grid = make_grid([2], 2, 1, np.random.default_rng(0))
    grid["f0"] = grid["f0"].map({0: True, 1: 1}).astype(object)
    assert isinstance(grid_effects(grid, ["f0"]), Anova)


def test_a_study_without_factors_has_no_grid(make_results: MakeResults, make_config) -> None:
    assert (
        study_grid(make_results({("dsn", "A"): [0.5, 0.6]}))
        == "The study has no factors whose effects could be tested."
    )
    one = {"dsn, a": {"model.kernel_size": 9}}
    assert study_grid(make_factorial(make_results, make_config, one)) == NO_VALUES
