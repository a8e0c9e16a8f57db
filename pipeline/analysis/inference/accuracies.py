"""The matrix that ranks and pairwise tests start from: accuracies of several systems on the data sets they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.beside import systems
from pipeline.analysis.results import StudyResults
from pipeline.wording import rounded_percent

Columns = Mapping[str, Mapping[str, float]]
"""System -> data set -> accuracy, a fraction; NaN or absent where there is none that may be compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracies:
    """Every system on every data set.

    Attributes:
        systems, datasets: names, in the order in which they were given.
        fractions: shape [data set, system].
        left_out: data sets that not all systems share.
    """

    systems: tuple[str, ...]
    datasets: tuple[str, ...]
    fractions: NDArray[np.float64]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.fractions.shape == (len(self.datasets), len(self.systems)), "a matrix of another shape"
        assert not np.isnan(self.fractions).any(), "a data set that not all systems share"

    @property
    def hundredths(self) -> NDArray[np.int64]:
        """Shape [data set, system]: ``rounded_percent`` in hundredths of a point, so that what is shown as equal is
        equal, and differences are exact. Wins, ranks and tests all start here: whoever has the printed table can
        repeat them, and accuracies that others printed with two decimals are treated as our own are."""
        rounded = [[round(100 * rounded_percent(value)) for value in row] for row in self.fractions.tolist()]
        return np.array(rounded, dtype=np.int64).reshape(self.fractions.shape)


def shared_accuracies(columns: Columns) -> Accuracies:
    """The data sets on which every system has an accuracy; the others are named, never filled in.

    Nothing here knows what a system is: a column of an ensemble's accuracies beside one of single networks is for the
    caller to announce.
    """
    named = dict.fromkeys(name for column in columns.values() for name in column)
    shared = [name for name in named if not any(math.isnan(column.get(name, math.nan)) for column in columns.values())]
    fractions = [[column[name] for column in columns.values()] for name in shared]
    return Accuracies(
        systems=tuple(columns),
        datasets=tuple(shared),
        fractions=np.array(fractions, dtype=np.float64).reshape(len(shared), len(columns)),
        left_out=tuple(name for name in named if name not in shared),
    )


def study_columns(results: StudyResults) -> Columns:
    """A column for each arm that has a result, and behind them one for each published system.

    An arm's is its mean accuracy over seeds, NaN on data sets where the arms with results do not all have the same done
    seeds (``statistics.shared_datasets``); beside published systems also where one lacks planned trials, as in
    ``contenders``.
    """
    cells = results.accuracy_cells
    others = systems(results)
    started = cells[cells["arm"].isin(cells.loc[cells["done"] > 0, "arm"])]
    partial = set(started.loc[started["done"] < started["planned"], "dataset"]) if others else set()
    shared = set(statistics.shared_datasets(cells)) - partial
    columns: dict[str, dict[str, float]] = {}
    for arm, own in started.groupby("arm", sort=False):
        means = zip(own["dataset"], own["mean"], strict=True)
        columns[str(arm)] = {name: float(mean) if name in shared else math.nan for name, mean in means}
    return columns | {
        other.name: {name: one.accuracy / 100 for name, one in other.rows.items()} for other in others if columns
    }
