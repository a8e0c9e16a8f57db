"""What a study varies, as dimensions: its factors, and its arms where several have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.analysis.results import StudyResults
from pipeline.wording import spelled

ARM = "arm"
"""The dimension of the arms' names in the study file."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The arms of a study by what distinguishes them.

    Attributes:
        factors: dotted keys, in the order of the study.
        names: the arms' names in the study file that have factors.
        values: label of an arm -> dimension -> its value in words, also where a combination leaves it at the base's; a
            factor that does not apply to an arm is not there.
    """

    factors: tuple[str, ...]
    names: tuple[str, ...]
    values: Mapping[str, Mapping[str, str]]

    def crossing(self) -> tuple[str, str] | None:
        """The two dimensions that the study crosses, the one of fewer values last, or None if it is no such study.

        Values taken one at a time are no crossing: most of the places of a table would be empty.
        """
        dimensions = {key: self.of(key) for key in ((ARM,) if len(self.names) > 1 else ()) + self.factors}
        dimensions = {key: values for key, values in dimensions.items() if len(values) > 1}
        if len(dimensions) != 2:
            return None
        one, two = dimensions
        places = {(values[one], values[two]) for values in self._crossed().values()}
        if len(places) < len(dimensions[one]) + len(dimensions[two]):
            return None
        return (two, one) if one == ARM or len(dimensions[one]) < len(dimensions[two]) else (one, two)

    def of(self, dimension: str) -> tuple[str, ...]:
        """The values of a dimension among the arms that have factors, in the order of the study."""
        return tuple(dict.fromkeys(values[dimension] for values in self._crossed().values() if dimension in values))

    def _crossed(self) -> dict[str, Mapping[str, str]]:
        return {arm: values for arm, values in self.values.items() if values[ARM] in self.names}

    def at(self, place: Mapping[str, str]) -> str | None:
        """The label of the arm that has these values of these dimensions, if there is one."""
        found = (arm for arm, values in self._crossed().items() if place.items() <= values.items())
        return next(found, None)


def grid_of(results: StudyResults) -> Grid:
    """The dimensions of a study; without factors where it has none."""
    found = combinations(results)
    return Grid(
        factors=tuple(dict.fromkeys(key for values in found.values() for key in values if key != ARM)),
        names=tuple(dict.fromkeys(results.arm_name(arm) for arm, values in found.items() if len(values) > 1)),
        values={arm: {key: spelled(value) for key, value in values.items()} for arm, values in found.items()},
    )


def combinations(results: StudyResults) -> dict[str, dict[str, Any]]:
    """Label of each arm -> ``ARM`` and the factors that arms of its name take -> its values.

    Where a combination does not set a factor, as those of ``one_at_a_time`` do not, the value is its configuration's.
    An arm that no factor applies to has its name alone.
    """
    by_name: dict[str, dict[str, None]] = {}
    for arm in results.arms:
        by_name.setdefault(results.arm_name(arm), {}).update(dict.fromkeys(results.factors[arm]))
    found = {}
    for arm in results.arms:
        name, settings = results.arm_name(arm), {**results.configs[arm].settings(), **results.factors[arm]}
        found[arm] = {ARM: name} | {key: settings.get(key) for key in by_name[name]}
    return found
