"""Arms and published systems side by side: who is compared with whom, and who wins.

Two arms are compared where their cells are comparable (``statistics``). A published accuracy says nothing of seeds, so
an arm meets it wherever all of its own planned trials are done: none is left out because it went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.analysis import beside, statistics
from pipeline.analysis.results import StudyResults
from pipeline.wording import rounded_percent


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a contender reaches on one data set.

    Attributes:
        mean: the accuracy, a fraction; NaN if there is none.
        seeds: the done seeds that it is a mean over; None if it is a published one.
        whole: whether there is nothing left to come.
    """

    mean: float
    seeds: tuple[int, ...] | None
    whole: bool

    def meets(self, other: Score) -> bool:
        """Whether the two may be compared."""
        if self.seeds is not None and other.seeds is not None:
            return statistics.comparable([self.seeds, other.seeds])
        return self.whole and other.whole


_ABSENT = Score(mean=math.nan, seeds=None, whole=False)


def scores(results: StudyResults, cells: pd.DataFrame) -> dict[str, dict[str, Score]]:
    """Name of each arm, then of each published system -> data set -> score; a system lacks data sets.

    Args:
        results: with what is published beside them.
        cells: their ``statistics.accuracy_cells``.
    """
    found: dict[str, dict[str, Score]] = {arm: {} for arm in results.arms}
    for cell in cells.to_dict("records"):
        whole = cell["done"] == cell["planned"] and statistics.comparable([cell["seeds"]])
        found[cell["arm"]][cell["dataset"]] = Score(mean=cell["mean"], seeds=cell["seeds"], whole=whole)
    for system in beside.systems(results):
        found[system.name] = {
            dataset: Score(mean=one.accuracy / 100, seeds=None, whole=True) for dataset, one in system.rows.items()
        }
    return found


def met(own: Mapping[str, Score], other: Mapping[str, Score], datasets: Sequence[str]) -> tuple[str, ...]:
    """The data sets on which the two may be compared."""
    return tuple(name for name in datasets if own.get(name, _ABSENT).meets(other.get(name, _ABSENT)))


def outcome(own: Mapping[str, Score], other: Mapping[str, Score], datasets: Sequence[str]) -> dict[str, int]:
    """``wins, ties, losses`` of the first against the second, and ``left_out``: the data sets not compared.

    By accuracy as ``rounded_percent``; the four add up to the number of data sets.
    """
    compared = met(own, other, datasets)
    counts = {"wins": 0, "ties": 0, "losses": 0, "left_out": len(datasets) - len(compared)}
    for dataset in compared:
        mine, theirs = rounded_percent(own[dataset].mean), rounded_percent(other[dataset].mean)
        counts["wins" if mine > theirs else "losses" if mine < theirs else "ties"] += 1
    return counts
