"""Wilcoxon's signed-rank test, exact, and Holm's correction of many of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def signed_rank_p(differences: NDArray[np.int64]) -> float:
    """The two-sided p of the signed-rank test that differences are as likely to be positive as negative.

    Zeros are ranked and then dropped (Pratt 1959), as in the tool that draws this field's critical difference diagrams
    (hfawaz/cd-diagram): a tie is weak evidence that two systems are equal.

    Departure: p is exact for any number of differences, also with ties, by counting the assignments of signs. scipy's
    ``wilcoxon(zero_method="pratt")`` counts them without ties and zeros for up to 50, and with them for up to 13, where
    both agree; elsewhere it takes the normal distribution, from which the exact p differs in the second digit.

    Args:
        differences: shape [data set]; integers, so that equal sizes are equal.
    """
    # Twice the ranks, which are whole numbers even where ties share their mean.
    ranks = _doubled_ranks(np.abs(differences))
    positive, negative = int(ranks[differences > 0].sum()), int(ranks[differences < 0].sum())
    smaller = min(positive, negative)
    # Probability of each sum of the ranks with a positive sign, as far as it is needed; the distribution is symmetric.
    chances = np.zeros(smaller + 1)
    chances[0] = 1.0
    for rank in ranks[differences != 0]:
        chances[rank:] += chances[: max(0, len(chances) - rank)]
        chances *= 0.5
    return min(1.0, 2 * float(chances.sum()))


def smallest_p(number: int) -> float:
    """The smallest two-sided p that a test of the signs of so many differences can have: all of them alike."""
    return min(1.0, 2.0 ** (1 - number))


def holm(values: Sequence[float]) -> list[float]:
    """Step-down adjusted p-values (Holm 1979) of all tests of one family, in their order.

    A test is significant at a level if its adjusted p is below it, whichever the level. Departure: aeon's
    multi-comparison matrix goes on after the first test that is not significant, and its critical difference diagram
    divides the level by the number of systems less one for every pair; neither is Holm's procedure.
    """
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values)[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def _doubled_ranks(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the ranks, from 1 for the smallest; equal sizes share the mean of theirs."""
    _, inverse, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled: NDArray[np.int64] = (2 * last - counts + 1)[inverse]
    return doubled
