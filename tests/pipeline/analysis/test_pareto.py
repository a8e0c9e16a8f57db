"""The front of accuracy against cost."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from pipeline.analysis.figures import trade_off
from pipeline.analysis.results import StudyResults


def front(*arms: tuple[float, float]) -> list[str]:
    """Of arms a, b, c and so on, by mean and cost."""
    means = pd.DataFrame(arms, columns=["mean", "flops"]).assign(arm=list("abcdef")[: len(arms)])
    return trade_off.pareto_front(means, "flops")


def test_an_arm_is_on_the_front_unless_another_dominates_it() -> None:
    assert front((0.5, 3), (0.7, 2), (0.6, 1), (0.8, 9)) == ["c", "b", "d"]


def test_an_equal_accuracy_at_a_higher_cost_and_a_lower_one_at_an_equal_cost_are_dominated() -> None:
    assert front((0.7, 2), (0.7, 3)) == ["a"]
    assert front((0.7, 2), (0.6, 2)) == ["a"]


def test_arms_that_agree_in_both_are_on_it_together() -> None:
    assert front((0.7, 2), (0.7, 2), (0.9, 3)) == ["a", "b", "c"]
    assert front((0.700001, 2), (0.70, 3)) == ["a"], "equal is what is equal as it is shown"
    assert front((0.70, 2), (0.700001, 3)) == ["a"]


def test_an_unknown_cost_is_not_on_it() -> None:
    assert front((0.9, math.nan), (0.5, 1)) == ["b"]
    assert front((0.9, math.nan)) == []


def test_of_many_arms_those_on_the_front_are_drawn(make_results: Callable[..., StudyResults]) -> None:
    results = make_results({(f"arm{number}", "A"): [0.5 + number / 1000] for number in range(40)})
    drawings = trade_off.figures(results)
    assert isinstance(drawings, dict)
    drawing = drawings["trade_off"]
    assert 'data-arms="arm39"' in drawing.svg, "the best at equal costs"
    assert 'data-arms="arm27"' not in drawing.svg
    assert drawing.notes[-1].startswith("Only 28 arms are drawn, those on a front first, without arm27; arm28")


def test_costs_that_an_earlier_version_did_not_record_are_not_drawn(make_results: Callable[..., StudyResults]) -> None:
    results = make_results({("a", "A"): [0.5, 0.6], ("b", "A"): [0.7, 0.8], ("c", "A"): [0.6, 0.7]})
    results.trials.loc[results.trials["arm"] == "b", "flops"] = math.nan
    drawings = trade_off.figures(results)
    assert isinstance(drawings, dict)
    assert drawings["trade_off"].svg.count('data-arms="b"') == 1, "against parameters alone"
    results.trials["flops"] = math.nan
    assert isinstance(trade_off.figures(results), dict)
