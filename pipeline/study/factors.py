"""Factors of a study: values of settings, and the ways to combine them. MODES lists the ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dsn.config import STRICT
from dsn.errors import InvalidInput

Value = str | bool | int | float | None
Values = Mapping[str, list[Value]]
Combination = dict[str, Value]


def grid(values: Values) -> Iterator[Combination]:
    """Every value of each with every value of all others."""
    return (dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))


def zipped(values: Values) -> Iterator[Combination]:
    """The first values together, then the second ones, and so on."""
    return (dict(zip(values, chosen, strict=True)) for chosen in zip(*values.values(), strict=True))


def one_at_a_time(values: Values) -> Iterator[Combination]:
    """None of them once (the base), then each value alone."""
    yield {}
    for key, listed in values.items():
        for value in listed:
            yield {key: value}


MODES: Mapping[str, Callable[[Values], Iterator[Combination]]] = {
    "grid": grid,
    "zip": zipped,
    "one_at_a_time": one_at_a_time,
}


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Values that are combined with each other and crossed with the arms.

    Attributes:
        mode: a key of MODES.
        values: dotted key of the configuration -> its values.
        arms: names of the arms that the values are crossed with; null for all. The others stand once, as written,
            and may set what is a factor for those that are crossed.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    values: dict[str, list[Value]]
    mode: Literal["grid", "zip", "one_at_a_time"] = "grid"
    arms: list[str] | None = None

    def __post_init__(self) -> None:
        for key, values in self.values.items():
            # Of equal values only true and 1 (false and 0) are two: 1 and 1.0 would be one training under two labels.
            if not values or len({(isinstance(value, bool), value) for value in values}) < len(values):
                raise InvalidInput("must list at least one value, each once", key=f"values.{key}", value=values)
        lengths = {key: len(values) for key, values in self.values.items()}
        if self.mode == "zip" and len(set(lengths.values())) > 1:
            raise InvalidInput("must be lists of one length, to be zipped", key="values", value=lengths)
        if self.arms is not None and (not self.arms or len(set(self.arms)) < len(self.arms)):
            raise InvalidInput("must list at least one arm, each once", key="arms", value=self.arms)

    def crosses(self, arm: str) -> bool:
        """Whether the arm of this name takes the values."""
        return self.arms is None or arm in self.arms

    def combinations(self) -> Iterator[Combination]:
        """The combinations, in the order of the file."""
        return MODES[self.mode](self.values) if self.values else iter([{}])
