"""By how much each arm differs from its reference, paired by seed and data set, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.analysis import statistics
from pipeline.analysis.inference.intervals import Interval, bootstrap_interval
from pipeline.analysis.results import StudyResults

_DRAW: Final = 0
"""Seed of each bootstrap: the same trials give the same page, whatever other arms a study has."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An arm's test accuracy minus its reference's under the same seed, a fraction.

    Attributes:
        arm, reference: their labels.
        by_dataset: data set -> the differences of its seeds, at least one; empty as long as nothing is paired.
    """

    arm: str
    reference: str
    by_dataset: Mapping[str, tuple[float, ...]]

    @property
    def means(self) -> tuple[float, ...]:
        """Of each data set, over its seeds."""
        return tuple(float(np.mean(seeds)) for seeds in self.by_dataset.values())

    def interval(self) -> Interval:
        """Of the mean over data sets, by bootstrap over data sets; unknown for too few."""
        return bootstrap_interval(self.means, np.random.default_rng(_DRAW))


def paired_differences(results: StudyResults) -> tuple[Difference, ...]:
    """One for each arm that has a reference, in the order of the study."""
    place = (results.trials, results.arms, results.datasets, results.references)
    pairs = statistics.paired_differences(*place)
    found: dict[str, dict[str, tuple[float, ...]]] = {arm: {} for arm in results.arms if arm in results.references}
    for (arm, dataset), own in pairs.groupby(["arm", "dataset"], sort=False)["difference"]:
        found[str(arm)][str(dataset)] = tuple(own.to_list())
    return tuple(
        Difference(arm=arm, reference=results.references[arm], by_dataset=seeds) for arm, seeds in found.items()
    )
