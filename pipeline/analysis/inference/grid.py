"""The grid of a study: the results that an analysis of variance is of."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.analysis.grids import combinations
from pipeline.analysis.results import StudyResults
from pipeline.wording import spelled


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Results by the values of factors.

    Attributes:
        factors: those that vary, the arms of the study file first if several of them take factors.
        arms: labels of those whose results these are.
        results: a row a result: a column for each of ``factors``, ``dataset``, ``seed``, ``accuracy`` (a fraction).
        without: arms that no factor applies to.
        left_out: data sets that lack a result.
    """

    factors: tuple[str, ...]
    arms: tuple[str, ...]
    results: pd.DataFrame
    without: tuple[str, ...]
    left_out: tuple[str, ...]


def study_grid(results: StudyResults) -> Grid | str:
    """The grid of the arms that take factors, on the data sets that have all its results; or why there is none."""
    crossed = {arm: values for arm, values in combinations(results).items() if len(values) > 1}
    if not crossed:
        return "The study has no factors whose effects could be tested."
    levels = pd.DataFrame(list(crossed.values()), index=list(crossed))
    factors = [name for name in levels.columns if levels[name].map(spelled).nunique() > 1]
    if not factors:
        return "No factor of the study has two values, so there is no effect to be tested."
    # Two labels of one combination, the base's and its own, mean the same trials.
    levels = levels[~levels[factors].map(spelled).duplicated()]
    planned = results.trials[results.trials["arm"].isin(levels.index)]
    done = (planned["status"] == "done") & planned["test_accuracy"].notna()
    lacking = planned[~done]
    complete = [name for name in results.datasets if name not in set(lacking["dataset"])]
    if not complete:
        arm, dataset, seed = lacking[["arm", "dataset", "seed"]].iloc[0]
        return (
            "An analysis of variance needs all results of at least one data set: each combination of the factors under "
            f"each seed. The first that is missing is {arm} on {dataset} under seed {seed}."
        )
    chosen = planned[planned["dataset"].isin(complete)]
    columns = {factor: chosen["arm"].map(levels[factor]) for factor in factors}
    return Grid(
        factors=tuple(factors),
        arms=tuple(levels.index),
        results=chosen[["dataset", "seed"]].assign(accuracy=chosen["test_accuracy"].astype(float), **columns),
        without=tuple(arm for arm in results.arms if arm not in crossed),
        left_out=tuple(name for name in results.datasets if name not in complete),
    )
