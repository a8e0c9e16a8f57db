"""Which numbers a setting takes, declared beside its default, for those who check it and those who describe it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TypeVar

from dsn.errors import InvalidInput

Value = TypeVar("Value")

_KEY = "limits"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """An interval of finite numbers; an end that is None is open to infinity.

    Attributes:
        least, most: the ends, which belong to it.
        above, below: the ends, which do not.
        multiple_of: only multiples of it.
        instead: a word that the setting takes too.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    multiple_of: int | None = None
    instead: str | None = None

    def hold(self, value: float) -> bool:
        """Whether they admit ``value``."""
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
            and (self.multiple_of is None or value % self.multiple_of == 0)
        )

    def __str__(self) -> str:
        """What a number must be, in words."""
        if self.least is not None and self.most is not None:
            parts = [f"between {self.least} and {self.most}"]
        else:
            ends = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
            parts = [f"{words} {end}" for words, end in ends.items() if end is not None]
            parts += ["finite"] if self.most is None and self.below is None else []
        parts += [f"a multiple of {self.multiple_of}"] if self.multiple_of is not None else []
        return " and ".join(parts) + (f", or {self.instead!r}" if self.instead else "")


def limited(default: Value, limits: Limits) -> Value:
    """A dataclass field of that default, whose numbers ``require_limits`` keeps within ``limits``."""
    return field(default=default, metadata={_KEY: limits})


def limits_of(kind: type) -> dict[str, Limits]:
    """The limits of a dataclass's fields, of those that have any."""
    return {each.name: each.metadata[_KEY] for each in fields(kind) if _KEY in each.metadata}


def require_limits(config: object) -> None:
    """Check the numbers among the fields of a dataclass instance.

    Raises:
        InvalidInput: one is outside its limits.
    """
    for key, limits in limits_of(type(config)).items():
        value = getattr(config, key)
        if isinstance(value, int | float) and not limits.hold(value):
            raise InvalidInput(f"must be {limits}", key=key, value=value)
