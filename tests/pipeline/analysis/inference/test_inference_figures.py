"""The critical difference diagram and the comparison matrix: what is in them, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from pipeline.analysis.figures import comparison_matrix, critical_difference
from pipeline.analysis.figures.critical_difference import MOST_BARS, Bar, bars, draw_ranking
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.inference.ranks import Friedman, Ranking
from pipeline.analysis.results import StudyResults

MakeResults = Callable[..., StudyResults]


def words(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("}text")]


def drawn(found: Mapping[str, Drawing] | str, name: str) -> Drawing:
    assert not isinstance(found, str)
    return found[name]


def make_ranking(size: int, apart: Callable[[int, int], bool], names: str = "system{}") -> Ranking:
    """Systems of ranks 1, 2, 3 and so on, of which pairs are separated or not as ``apart`` says."""
    p = np.array(
        [
            [0.001 if one != other and apart(*sorted((one, other))) else 1.0 for other in range(size)]
            for one in range(size)
        ]
    )
    return Ranking(
        systems=tuple(names.format(number) for number in range(size)),
        ranks=tuple(1.0 + number for number in range(size)),
        datasets=tuple(f"set{number}" for number in range(40)),
        left_out=(),
        friedman=Friedman(statistic=30.0, df=size - 1, p=0.00001),
        p=p,
        adjusted=p,
    )


def test_bars_lie_in_lanes_without_overlap() -> None:
    """Neighbours by up to two are alike: 012, 123, 234, 345; of which the first and the last share a lane."""
    found = bars(make_ranking(6, lambda one, other: other - one > 2), 6)
    assert found == (
        Bar(members=(0, 1, 2), lane=0),
        Bar(members=(1, 2, 3), lane=1),
        Bar(members=(2, 3, 4), lane=2),
        Bar(members=(3, 4, 5), lane=0),
    )


def test_a_bar_may_pass_over_a_system_that_is_none_of_its() -> None:
    assert bars(make_ranking(3, lambda one, other: 1 in (one, other)), 3) == (Bar(members=(0, 2), lane=0),)


def test_a_group_is_cut_to_the_systems_that_are_drawn() -> None:
    ranking = make_ranking(25, lambda one, other: False)
    (bar,) = bars(ranking, 20)
    assert bar.members == tuple(range(20))
    drawing = draw_ranking(ranking)
    assert "system19" in words(drawing.svg)
    assert "system20" not in words(drawing.svg)
    assert drawing.notes[-1] == (
        "Only the first 20 of 25 ranked arms are drawn, without system20; system21; system22; system23; system24."
    )


def test_too_many_bars_are_cut_to_the_largest_groups() -> None:
    """Pairs of neighbours, 19 of them, and three that are all alike."""
    ranking = make_ranking(20, lambda one, other: other - one > 1 and (one, other) != (17, 19))
    found = bars(ranking, 20)
    assert len(found) == MOST_BARS
    assert max(len(bar.members) for bar in found) == 3
    assert f"No more than {MOST_BARS} bars are drawn, those of the largest groups." in draw_ranking(ranking).notes


@pytest.mark.parametrize("size", [2, 3, 20])
def test_a_diagram_alone_says_what_it_shows(size: int) -> None:
    texts = words(draw_ranking(make_ranking(size, lambda one, other: True)).svg)
    assert "average rank over 40 data sets (1 is best)" in texts
    assert {"1.00", f"{size}.00"} <= set(texts)
    assert "Friedman test: p < 0.0001; two-sided Wilcoxon tests with Holm's correction, α = 0.05" in texts
    assert [text for text in texts if text.startswith("system")]


def test_a_diagram_without_bars_says_that_every_pair_is_separated() -> None:
    assert draw_ranking(make_ranking(3, lambda one, other: True)).notes[0].endswith("every pair is separated.")


def test_a_diagram_of_arms_that_do_not_differ_says_so() -> None:
    ranking = replace(make_ranking(3, lambda one, other: True), friedman=Friedman(statistic=1.0, df=2, p=0.6065))
    drawing = draw_ranking(ranking)
    assert "Friedman test: p = 0.6065, so no pair is separated (α = 0.05)" in words(drawing.svg)
    assert "So no pair is separated" in drawing.notes[-1]


def test_names_that_shortening_makes_equal_are_numbered() -> None:
    names = "a very long beginning that all of these arms share, {} and an end that is quite as long as it"
    texts = words(draw_ranking(make_ranking(3, lambda one, other: True, names)).svg)
    assert any(text.startswith("2. a very long") for text in texts)


@pytest.fixture
def many(make_results: MakeResults) -> StudyResults:
    arms = {f"arm{number:02}": 0.9 - number / 100 for number in range(14)}
    return make_results(
        {(arm, f"set{number}"): [level - number / 100] for arm, level in arms.items() for number in range(9)}
    )


def test_a_matrix_has_each_pair_twice_and_means_on_its_diagonal(make_results: MakeResults) -> None:
    levels = {"dsn": 0.6, "up": 0.7, "down": 0.5}
    results = make_results({(arm, f"set{number}"): [level] for arm, level in levels.items() for number in range(10)})
    texts = words(drawn(comparison_matrix.figures(results), "comparison_matrix").svg)
    for text in (
        "+10.00",
        "−10.00",
        "+20.00",
        "−20.00",
        "10/0/0",
        "0/0/10",
        "p = 0.0059",
        "70.00%",
        "60.00%",
        "50.00%",
    ):
        assert any(text in found for found in texts), text
    cells = [found.strip()[:6] for found in texts if found.strip()[:1] in {"+", "−"} or found.endswith("%")]
    assert cells == ["70.00%", "+10.00", "+20.00", "−10.00", "60.00%", "+10.00", "−20.00", "−10.00", "50.00%"], (
        "row by row"
    )
    assert [text for text in texts if text in levels] == ["up", "up", "dsn", "dsn", "down", "down"]


def test_a_matrix_is_capped_and_numbered_where_names_do_not_fit(many: StudyResults) -> None:
    drawing = drawn(comparison_matrix.figures(many), "comparison_matrix")
    texts = words(drawing.svg)
    assert "arm09" in texts
    assert "arm10" not in texts
    assert drawing.notes[-1] == "Only the first 10 of 14 ranked arms are drawn, without arm10; arm11; arm12; arm13."
    longer = {arm: f"{arm}, sparsity.level=0.85" for arm in many.arms}
    trials = many.trials.replace({"arm": longer})
    renamed = replace(many, arms=tuple(longer.values()), references={}, trials=trials)
    texts = words(drawn(comparison_matrix.figures(renamed), "comparison_matrix").svg)
    assert {"1", "10"} <= set(texts)


def test_two_arms_have_a_diagram_and_no_matrix(many: StudyResults) -> None:
    two = replace(many, arms=many.arms[:2], references={}, trials=many.trials[many.trials["arm"].isin(many.arms[:2])])
    texts = words(drawn(critical_difference.figures(two), "critical_difference").svg)
    assert "two-sided Wilcoxon test, α = 0.05" in texts
    assert comparison_matrix.figures(two) == "A matrix needs 3 arms with results; of two, the table says it all."
