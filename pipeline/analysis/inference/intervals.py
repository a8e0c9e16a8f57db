"""How sure a mean difference is: intervals that hold the true mean 95 times in 100."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import special

LEVEL: Final = 0.95

RESAMPLES: Final = 10_000

FEWEST: Final = 5
"""Values that a bootstrap needs at least: fewer can be drawn in hardly more ways than there are tails to cut off."""

Interval = tuple[float, float]

UNKNOWN: Final[Interval] = (math.nan, math.nan)


def t_interval(values: Sequence[float]) -> Interval:
    """Student's, of the mean of independent values that are about normal: the paired differences of one data set's
    seeds. Unknown for fewer than two."""
    if len(values) < 2:
        return UNKNOWN
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(special.stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * error
    return mean - reach, mean + reach


def bootstrap_interval(values: Sequence[float], generator: np.random.Generator) -> Interval:
    """Percentiles of the mean when as many of the values are drawn with replacement: of the mean over data sets, as if
    these were drawn from all that might have been taken. Unknown for fewer than ``FEWEST``."""
    if len(values) < FEWEST:
        return UNKNOWN
    drawn = generator.integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
