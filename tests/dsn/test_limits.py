"""Limits: what they admit, what they say, and that a dataclass keeps to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, limits_of, require_limits


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "words"),
    [
        (Limits(least=3, most=9, multiple_of=3), [3, 6, 9], [2, 4, 12], "between 3 and 9 and a multiple of 3"),
        (Limits(above=0, most=1), [1e-300, 1], [0, 1.0000001], "above 0 and at most 1"),
        (Limits(least=0, below=1, instead="dense"), [0, 0.99], [-1e-9, 1], "at least 0 and below 1, or 'dense'"),
        (Limits(above=0), [1e308], [0, -1], "above 0 and finite"),
    ],
)
def test_an_interval(limits: Limits, inside: list[float], outside: list[float], words: str) -> None:
    assert all(limits.hold(value) for value in inside)
    assert not any(limits.hold(value) for value in [*outside, math.inf, -math.inf, math.nan])
    assert str(limits) == words


@dataclass(frozen=True)
class _Setting:
    level: float | str = limited(0.5, Limits(least=0, most=1, instead="dense"))
    name: str = "x"

    def __post_init__(self) -> None:
        require_limits(self)


def test_a_dataclass_keeps_to_its_limits_and_leaves_words_alone() -> None:
    assert _Setting().level == 0.5
    assert _Setting(level="dense").level == "dense"
    assert list(limits_of(_Setting)) == ["level"]
    with pytest.raises(InvalidInput) as caught:
        _Setting(level=2)
    assert (caught.value.key, caught.value.value, caught.value.problem) == (
        "level",
        2,
        "must be between 0 and 1, or 'dense'",
    )
