"""Combinations of factor values, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dsn.errors import InvalidInput
from pipeline.study.factors import MODES, Factors

VALUES: dict[str, list[Any]] = {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("grid", [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]),
        ("zip", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ("one_at_a_time", [{}, {"a": 1}, {"a": 2}, {"b": "x"}, {"b": "y"}]),
    ],
)
def test_the_ways_to_combine(mode: Any, expected: list[dict[str, Any]]) -> None:
    assert list(Factors(values=VALUES, mode=mode).combinations()) == expected


@pytest.mark.parametrize("mode", MODES)
def test_no_values_are_one_combination_of_nothing(mode: Any) -> None:
    assert list(Factors(values={}, mode=mode).combinations()) == [{}]


def test_lists_of_different_length_cannot_be_zipped() -> None:
    with pytest.raises(InvalidInput, match="one length") as caught:
        Factors(values={"a": [1, 2], "b": [1]}, mode="zip")
    assert caught.value.key == "values"


def test_factors_are_crossed_with_all_arms_or_with_those_that_are_named() -> None:
    assert Factors(values=VALUES).crosses("x")
    named = Factors(values=VALUES, arms=["x"])
    assert (named.crosses("x"), named.crosses("y")) == (True, False)


@pytest.mark.parametrize("arms", [[], ["x", "x"]])
def test_arms_to_cross_with_are_listed_once_each(arms: list[str]) -> None:
    with pytest.raises(InvalidInput, match="at least one arm, each once") as caught:
        Factors(values=VALUES, arms=arms)
    assert (caught.value.key, caught.value.value) == ("arms", arms)
