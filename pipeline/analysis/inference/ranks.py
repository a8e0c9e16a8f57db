"""Average ranks of several systems over data sets, and which of them the data sets tell apart.

The procedure of Demšar (2006) as this field uses it: the Friedman test first, over all systems; if it finds a
difference, a two-sided Wilcoxon signed-rank test of each pair, with Holm's correction for all pairs.

Departures from ``aeon.visualisation.plot_critical_difference``: two-sided at 0.05 instead of one-sided at 0.1; Pratt's
treatment of ties; Holm's step-down procedure; groups that are no runs of neighbours in rank are found too; and what is
ranked are accuracies as they are shown, in percent with two decimals.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pipeline.analysis.inference.accuracies import Accuracies
from pipeline.analysis.inference.wilcoxon import holm, signed_rank_p, smallest_p

ALPHA: Final = 0.05

FEWEST_DATASETS: Final = 6
"""Over fewer no signed-rank test can have a p below ``ALPHA``, whatever the accuracies."""


@dataclass(frozen=True, kw_only=True)
class Friedman:
    """The Friedman test, corrected for ties: chi-square with one degree of freedom less than there are systems."""

    statistic: float
    df: int
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Systems from the best average rank to the worst, and the tests between them.

    Attributes:
        systems: by average rank; equal ones in the order in which they were given.
        ranks: the average rank of each, 1 if it is the best everywhere.
        datasets: those that the ranks are over.
        left_out: those that not all systems share.
        friedman: None for two systems, where it would be a sign test and the pair's own test says more.
        p, adjusted: shape [system, system], two-sided, without and with Holm's correction; 1 on the diagonal.
    """

    systems: tuple[str, ...]
    ranks: tuple[float, ...]
    datasets: tuple[str, ...]
    left_out: tuple[str, ...]
    friedman: Friedman | None
    p: NDArray[np.float64]
    adjusted: NDArray[np.float64]

    @property
    def pairs(self) -> int:
        """How many are tested."""
        return len(self.systems) * (len(self.systems) - 1) // 2

    @property
    def differ(self) -> bool:
        """Whether the Friedman test lets single pairs be looked at."""
        return self.friedman is None or self.friedman.p < ALPHA

    @property
    def separated(self) -> NDArray[np.bool_]:
        """Shape [system, system]: which pairs are told apart at ``ALPHA``; none unless systems ``differ``."""
        return (self.adjusted < ALPHA) & self.differ

    @property
    def smallest_adjusted(self) -> float:
        """The smallest p after correction that so many data sets and pairs allow; from ``ALPHA`` on nothing could be
        told apart, whatever the accuracies."""
        return min(1.0, self.pairs * smallest_p(len(self.datasets)))

    def cliques(self) -> tuple[tuple[int, ...], ...]:
        """The maximal groups of systems of which no pair is separated, as ascending positions in ``systems``: each
        system is in at least one, perhaps alone. Sorted. Their number may be exponential in that of the systems."""
        apart = self.separated
        size = len(self.systems)
        alike = {one: {other for other in range(size) if other != one and not apart[one, other]} for one in range(size)}
        return tuple(sorted(tuple(sorted(clique)) for clique in _maximal_cliques(alike, set(), set(alike), set())))


def rank_systems(accuracies: Accuracies) -> Ranking | str:
    """Ranks and tests, or the sentence that says why there are none."""
    systems, datasets = len(accuracies.systems), len(accuracies.datasets)
    if systems < 2:
        return "Ranks need two arms with results."
    if datasets < FEWEST_DATASETS:
        return (
            f"Ranks and their tests need {FEWEST_DATASETS} data sets on which all arms with results have the same done "
            f"seeds: over fewer, no signed-rank test can have a p below {ALPHA}. "
            f"There {'is' if datasets == 1 else 'are'} {datasets or 'none'}."
        )
    shown = accuracies.hundredths
    ranks = _ranks(shown)
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    p, adjusted = _pairwise(shown[:, order])
    return Ranking(
        systems=tuple(accuracies.systems[at] for at in order),
        ranks=tuple(float(rank) for rank in ranks.mean(axis=0)[order]),
        datasets=accuracies.datasets,
        left_out=accuracies.left_out,
        friedman=friedman(ranks) if systems > 2 else None,
        p=p,
        adjusted=adjusted,
    )


def friedman(ranks: NDArray[np.float64]) -> Friedman:
    """Whether average ranks differ by more than chance.

    Args:
        ranks: shape [data set, system], ties averaged; at least two of either.
    """
    number, systems = ranks.shape
    middle = (systems + 1) / 2
    within = float(((ranks - middle) ** 2).sum())
    between = float(((ranks.sum(axis=0) - number * middle) ** 2).sum())
    # Without any difference there is nothing to divide by, and nothing to be found.
    statistic = (systems - 1) * between / within if within else 0.0
    return Friedman(statistic=statistic, df=systems - 1, p=float(special.chdtrc(systems - 1, statistic)))


def _ranks(shown: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shape [data set, system]: 1 for the highest; equal ones share the mean of their ranks."""
    own, other = shown[:, :, None], shown[:, None, :]
    ranks: NDArray[np.float64] = 0.5 + (other > own).sum(axis=2) + (other == own).sum(axis=2) / 2
    return ranks


def _pairwise(shown: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p of each pair of columns, without and with Holm's correction, each of shape [system, system]."""
    systems = shown.shape[1]
    pairs = list(itertools.combinations(range(systems), 2))
    values = [signed_rank_p(shown[:, one] - shown[:, other]) for one, other in pairs]
    matrices = np.ones((2, systems, systems))
    for (one, other), *found in zip(pairs, values, holm(values), strict=True):
        matrices[:, one, other] = matrices[:, other, one] = found
    return matrices[0], matrices[1]


def _maximal_cliques(
    alike: dict[int, set[int]], clique: set[int], candidates: set[int], done: set[int]
) -> Iterator[set[int]]:
    """Bron and Kerbosch's search (1973), with the pivot of Tomita and others (2006)."""
    if not candidates and not done:
        yield clique
        return
    pivot = max(sorted(candidates | done), key=lambda one: len(alike[one] & candidates))
    for one in sorted(candidates - alike[pivot]):
        yield from _maximal_cliques(alike, clique | {one}, candidates & alike[one], done & alike[one])
        candidates = candidates - {one}
        done = done | {one}
