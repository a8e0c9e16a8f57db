"""Each system against each other: the multi-comparison matrix (Ismail-Fawaz and others, 2023).

Departure from ``aeon.visualisation.create_multi_comparison_matrix``, whose p is one-sided: the tests are those of
``ranks``, so that matrix and critical difference diagram never disagree.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pipeline.analysis.inference.accuracies import Accuracies
from pipeline.analysis.inference.ranks import Ranking


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One system against another, from the side of the first.

    Attributes:
        first, second: the systems.
        difference: mean over data sets of the first's accuracy minus the second's, a fraction.
        wins, ties, losses: data sets in which the first's accuracy, as ``rounded_percent``, is above, equal to or below
            the second's.
        p, adjusted: of the two-sided signed-rank test, without and with Holm's correction.
        separated: whether the two are told apart.
    """

    first: str
    second: str
    difference: float
    wins: int
    ties: int
    losses: int
    p: float
    adjusted: float
    separated: bool


def compare_pairs(accuracies: Accuracies, ranking: Ranking) -> tuple[Pair, ...]:
    """Every ordered pair of different systems, in the order of their ranks.

    Args:
        accuracies: what was ranked.
        ranking: of these accuracies.
    """
    shown, fractions = accuracies.hundredths, accuracies.fractions
    columns = [accuracies.systems.index(system) for system in ranking.systems]
    separated = ranking.separated
    pairs = []
    for one, other in itertools.permutations(range(len(columns)), 2):
        first, second = columns[one], columns[other]
        pairs.append(
            Pair(
                first=ranking.systems[one],
                second=ranking.systems[other],
                difference=float((fractions[:, first] - fractions[:, second]).mean()),
                wins=int((shown[:, first] > shown[:, second]).sum()),
                ties=int((shown[:, first] == shown[:, second]).sum()),
                losses=int((shown[:, first] < shown[:, second]).sum()),
                p=float(ranking.p[one, other]),
                adjusted=float(ranking.adjusted[one, other]),
                separated=bool(separated[one, other]),
            )
        )
    return tuple(pairs)
