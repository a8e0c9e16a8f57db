"""Two arms on one data set, paired by seed: what their seeds alone can tell.

Under one seed, two arms share initial weights and the order of batches, so luck with these is not in their difference.
It says nothing about other data sets, for which there are ranks and bootstraps over data sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from pipeline.analysis.inference.intervals import Interval, t_interval
from pipeline.analysis.inference.wilcoxon import smallest_p

MOST_EXACT: Final = 20
"""Seeds up to which all signs are tried, which are a million ways."""

_ROUNDING: Final = 1e-9
"""Relative: sums of the same sizes in another order are equal up to this."""


@dataclass(frozen=True, kw_only=True)
class SeedTest:
    """What the paired differences of one data set's seeds say of their mean.

    Attributes:
        seeds: how many pairs there are.
        mean: of the differences, in their unit.
        interval: Student's, which takes the differences as about normal; unknown for fewer than two.
        t_p: two-sided p of the paired t-test; NaN for fewer than two, and where all differences are the same but not
            zero: without any spread there is no scale.
        exact_p: two-sided p of the sign-flip test: the part of all assignments of signs to the differences under which
            their sum is at least as far from zero. It assumes no distribution, and of five seeds cannot fall below
            1/16, so five seeds alone never reach 0.05; six do. NaN beyond ``MOST_EXACT`` seeds.
        smallest_p: what ``exact_p`` cannot fall below, 2 / 2^seeds.
    """

    seeds: int
    mean: float
    interval: Interval
    t_p: float
    exact_p: float
    smallest_p: float


def paired_seed_test(differences: Sequence[float]) -> SeedTest:
    """The tests of one data set's differences, at least one."""
    return SeedTest(
        seeds=len(differences),
        mean=float(np.mean(differences)),
        interval=t_interval(differences),
        t_p=_t_p(differences),
        exact_p=sign_flip_p(differences),
        smallest_p=smallest_p(len(differences)),
    )


def sign_flip_p(differences: Sequence[float]) -> float:
    """The exact two-sided p that is explained in ``SeedTest``."""
    if len(differences) > MOST_EXACT:
        return math.nan
    sums = np.zeros(1)
    for size in np.abs(differences):
        sums = np.concatenate([sums + size, sums - size])
    least = abs(math.fsum(differences)) - _ROUNDING * math.fsum(map(abs, differences))
    return float((np.abs(sums) >= least).mean())


def _t_p(differences: Sequence[float]) -> float:
    if len(differences) < 2:
        return math.nan
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if spread <= _ROUNDING * max(map(abs, differences)):
        return math.nan if mean else 1.0
    statistic = mean / (spread / math.sqrt(len(differences)))
    return float(2 * special.stdtr(len(differences) - 1, -abs(statistic)))
