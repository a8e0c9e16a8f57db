"""The plan's estimates, corrected by trials whose times are known. Pure.

A trial takes what the plan says times a factor. Its logarithm is a sum: how much slower everything is here, what the
data set adds, what the arm adds, and what the cell of both adds, which other seeds tell of. Each part is a median, so
that one odd trial decides nothing (median polish: Tukey, Exploratory Data Analysis, 1977), and is drawn towards 0 the
more, the fewer trials it rests on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

SHRINKAGE = 1.0
"""Of ``n`` trials of a data set, an arm or a cell, ``n / (n + SHRINKAGE)`` of what they say is believed."""

SWEEPS = 3
"""How often what data sets explain and what arms explain is taken out of each other, in turn."""

LARGEST = 1e6
"""No plan is wrong by so much: a time that says so is none."""

Key = TypeVar("Key", bound=Hashable)

FEWEST = 4
"""Measured trials, of which two halves can tell of each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a plan says of a trial: whose it is, and how many seconds it takes."""

    arm: str
    dataset: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A trial whose time is known.

    Attributes:
        estimate: what the plan said.
        seconds: what it took, on the wall.
    """

    estimate: Estimate
    seconds: float

    @property
    def log_ratio(self) -> float:
        return math.log(self.seconds) - math.log(self.estimate.seconds)

    @property
    def usable(self) -> bool:
        """Clocks that are set make times of 0, and of years."""
        both = self.seconds, self.estimate.seconds
        return all(0 < each < math.inf for each in both) and abs(self.log_ratio) <= math.log(LARGEST)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Logarithms of what estimates are to be multiplied by; what has not been measured is not in it. Without anything,
    the plan is believed.

    Attributes:
        overall: of every trial.
        datasets, arms, cells: what is added for those of a data set, an arm, an arm on a data set.
    """

    overall: float = 0.0
    datasets: Mapping[str, float] = field(default_factory=dict)
    arms: Mapping[str, float] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], float] = field(default_factory=dict)
    _factors: dict[tuple[str, str], float] = field(default_factory=dict, compare=False, repr=False)

    def factor(self, arm: str, dataset: str) -> float:
        """How many times as long as planned a trial of ``arm`` on ``dataset`` takes."""
        cell = arm, dataset
        known = self._factors.get(cell)
        if known is None:
            added = self.datasets.get(dataset, 0.0) + self.arms.get(arm, 0.0) + self.cells.get(cell, 0.0)
            known = self._factors[cell] = math.exp(self.overall + added)
        return known

    def seconds(self, estimate: Estimate) -> float:
        """``estimate``, corrected."""
        return estimate.seconds * self.factor(estimate.arm, estimate.dataset)


def corrected_by(measured: Iterable[Measured]) -> Correction:
    """What the measured trials say, in O(n log n); the same whatever their order."""
    known = [each for each in measured if each.usable]
    if not known:
        return Correction()
    overall = _weighted_median([(each.log_ratio, each.estimate.seconds) for each in known])
    left = [each.log_ratio - overall for each in known]
    of_dataset = [each.estimate.dataset for each in known]
    of_arm = [each.estimate.arm for each in known]
    of_cell = list(zip(of_arm, of_dataset, strict=True))
    datasets: Mapping[str, float] = {}
    arms: Mapping[str, float] = {}
    for _ in range(SWEEPS):
        datasets = _parts(of_dataset, _without(left, of_arm, arms))
        arms = _parts(of_arm, _without(left, of_dataset, datasets))
    rest = _without(_without(left, of_dataset, datasets), of_arm, arms)
    return Correction(overall=overall, datasets=datasets, arms=arms, cells=_parts(of_cell, rest))


def error_factor(measured: Sequence[Measured]) -> float | None:
    """How right corrected estimates are: half of all trials take within this factor of what they say. Found by
    foretelling every second of those that are measured from the others, and these from those. None of fewer than
    ``FEWEST``."""
    known = [each for each in measured if each.usable]
    if len(known) < FEWEST:
        return None
    halves = known[::2], known[1::2]
    wrong: list[float] = []
    for half, other in (halves, halves[::-1]):
        correction = corrected_by(other)
        wrong += [abs(math.log(each.seconds / correction.seconds(each.estimate))) for each in half]
    return math.exp(median(wrong))


def _without(values: Sequence[float], keys: Sequence[Key], parts: Mapping[Key, float]) -> list[float]:
    return [value - parts.get(key, 0.0) for value, key in zip(values, keys, strict=True)]


def _parts(keys: Sequence[Key], values: Sequence[float]) -> dict[Key, float]:
    """The median of each key's values, drawn towards 0."""
    of_key: defaultdict[Key, list[float]] = defaultdict(list)
    for key, value in zip(keys, values, strict=True):
        of_key[key].append(value)
    return {key: median(own) * len(own) / (len(own) + SHRINKAGE) for key, own in of_key.items()}


def _weighted_median(weighted: Iterable[tuple[float, float]]) -> float:
    """Of pairs of a value and its weight: as much weight is below as above. The mean of two that both are."""
    ordered = sorted(weighted)
    half = math.fsum(weight for _, weight in ordered) / 2
    below = 0.0
    for (value, weight), (following, _) in zip(ordered, [*ordered[1:], ordered[-1]], strict=True):
        below += weight
        if math.isclose(below, half):
            return (value + following) / 2
        if below > half:
            return value
    return ordered[-1][0]
