"""The critical difference diagram: average ranks on an axis, bars over what no test separates; data, then drawing.

Departure from the usual drawing: a bar has a dot at each of its members, as a group that no test separates need not be
a run of neighbours, and a bar alone would then claim those between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.analysis.figures.style import PALETTE, PANEL, Drawing, new_figure, render, wrapped
from pipeline.analysis.inference.accuracies import shared_accuracies, study_columns
from pipeline.analysis.inference.ranks import ALPHA, Ranking, rank_systems
from pipeline.analysis.inference.sentences import printed, ranked_over, tested_by
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, listed, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SYSTEMS = 20
MOST_BARS = 12
"""More would push the names off the page; they are the largest groups."""

_LETTERS = 28
"""Of a name, in each of at most three lines."""

_WIDTH = 3 * PANEL
_NAMES, _REACH = 2.9, 0.38
"""Inches beside the axis on either side, and how much of that the lines to the names take, with a rank on them."""

_ABOVE, _BELOW, _BAR, _LINE, _GAP, _FOOT = 0.55, 0.2, 0.13, 0.15, 0.13, 0.35
"""Inches: above the axis, from it to the bars, from bar to bar, of a line of a name, between names, and of the foot."""

_DARK, _FAINT = "#333333", "#5c5c5c"

_BARS = "A bar joins arms of which no test separates any two; its dots say which, as a bar may pass over others."
_NO_BARS = "There is no bar between arms that no test separates: every pair is separated."


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """The diagram of all arms with results, over the data sets that they share."""
    ranking = rank_systems(shared_accuracies(study_columns(results)))
    if isinstance(ranking, str):
        return ranking
    drawing = draw_ranking(ranking)
    return {"critical_difference": replace(drawing, notes=(*drawing.notes, *printed(results)))}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A group that no test separates.

    Attributes:
        members: positions in the ranking, ascending, two or more.
        lane: how far below the axis, from 0.
    """

    members: tuple[int, ...]
    lane: int


def bars(ranking: Ranking, most: int) -> tuple[Bar, ...]:
    """The maximal groups among the first ``most`` systems, each in the highest lane that has room for it.

    Of more than ``MOST_BARS``, the largest.
    """
    groups = [clique for clique in _first(ranking, most).cliques() if len(clique) > 1]
    kept = set(sorted(groups, key=len, reverse=True)[:MOST_BARS])
    ends: list[int] = []
    found = []
    for clique in (group for group in groups if group in kept):
        lane = next((lane for lane, end in enumerate(ends) if end < clique[0]), len(ends))
        ends[lane:] = [clique[-1], *ends[lane + 1 :]]
        found.append(Bar(members=clique, lane=lane))
    return tuple(found)


def draw_ranking(ranking: Ranking) -> Drawing:
    """The first ``MOST_SYSTEMS`` of a ranking; ranks and tests are those of all."""
    shown = min(len(ranking.systems), MOST_SYSTEMS)
    drawn = bars(ranking, shown)
    notes = [_BARS if drawn else _NO_BARS, *ranked_over(ranking), *tested_by(ranking)]
    if len(drawn) == MOST_BARS:
        notes.append(f"No more than {MOST_BARS} bars are drawn, those of the largest groups.")
    if shown < len(ranking.systems):
        cut = listed(ranking.systems[shown:], between="; ")
        notes.append(f"Only the first {shown} of {len(ranking.systems)} ranked arms are drawn, without {cut}.")
    return Drawing(
        picture=render("critical-difference", lambda: _figure(ranking, shown, drawn)),
        alt="Critical difference diagram: average ranks of the arms, and bars over those that no test separates",
        notes=tuple(notes),
    )


def _first(ranking: Ranking, most: int) -> Ranking:
    """Its best systems, with what was found of them among all."""
    part = slice(most)
    return replace(
        ranking,
        systems=ranking.systems[part],
        ranks=ranking.ranks[part],
        p=ranking.p[part, part],
        adjusted=ranking.adjusted[part, part],
    )


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Ranks from ``low`` on the left to ``high`` on the right, both whole."""

    low: int
    high: int

    def at(self, rank: float) -> float:
        """Inches from the left edge."""
        return _NAMES + (_WIDTH - 2 * _NAMES) * (rank - self.low) / (self.high - self.low)


def _figure(ranking: Ranking, shown: int, drawn: Sequence[Bar]) -> Figure:
    names = _labels(ranking.systems[:shown])
    best = math.ceil(shown / 2)
    # Downwards: on the left the best first, on the right the worst, so that no two lines cross.
    sides = [range(best), range(shown - 1, best - 1, -1)]
    row = _GAP + _LINE * (1 + max(name.count("\n") for name in names))
    first = _BELOW + _BAR * (1 + max((bar.lane for bar in drawn), default=0)) + row / 2
    height = _ABOVE + first + row * (best - 0.5) + _FOOT
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes((0, 0, 1, 1))  # all places are known: one unit is an inch
    axes.set(xlim=(0, _WIDTH), ylim=(_ABOVE - height, _ABOVE))
    axes.set_axis_off()
    low = math.floor(ranking.ranks[0])
    axis = _Axis(low=low, high=max(low + 1, math.ceil(ranking.ranks[shown - 1])))
    for side, sign in zip(sides, (-1, 1), strict=True):
        for number, at in enumerate(side):
            _draw_name(axes, axis.at(ranking.ranks[at]), -first - number * row, names[at], ranking.ranks[at], sign)
    _draw_axis(axes, axis, len(ranking.datasets))
    for bar in drawn:
        places = [axis.at(ranking.ranks[at]) for at in bar.members]
        level = [-_BELOW - bar.lane * _BAR] * len(places)
        axes.plot(places, level, color=PALETTE[0], linewidth=2.4, marker="o", markersize=5.0, solid_capstyle="round")
    axes.text(_WIDTH / 2, _ABOVE - height + 0.08, _tests(ranking), ha="center", va="bottom", color=_FAINT, fontsize=8.0)
    return figure


def _labels(systems: Sequence[str]) -> list[str]:
    """The names in several lines; numbered if shortening has made two of them equal."""
    labels = [wrapped(name, _LETTERS, 3) for name in systems]
    if len(set(labels)) == len(labels):
        return labels
    return [wrapped(f"{number}. {name}", _LETTERS, 3) for number, name in enumerate(systems, start=1)]


def _tests(ranking: Ranking) -> str:
    """What a diagram that stands alone has to say."""
    if ranking.friedman is None:
        return f"two-sided Wilcoxon test, α = {ALPHA}"
    pairs = f"two-sided Wilcoxon tests with Holm's correction, α = {ALPHA}"
    p = p_value(ranking.friedman.p)
    friedman = f"Friedman test: p {p if p.startswith('<') else f'= {p}'}"
    return f"{friedman}; {pairs}" if ranking.differ else f"{friedman}, so no pair is separated (α = {ALPHA})"


def _draw_axis(axes: Axes, axis: _Axis, datasets: int) -> None:
    first, last = axis.at(axis.low), axis.at(axis.high)
    axes.plot([first, last], [0, 0], color=_DARK, linewidth=1.2, solid_capstyle="butt")
    for rank in range(axis.low, axis.high + 1):
        axes.plot([axis.at(rank)] * 2, [0, 0.07], color=_DARK, linewidth=1.2)
        axes.text(axis.at(rank), 0.1, str(rank), ha="center", va="bottom", color=_DARK)
    axes.text(first - 0.15, 0.1, "better", ha="right", va="bottom", color=_FAINT)
    axes.text(last + 0.15, 0.1, "worse", ha="left", va="bottom", color=_FAINT)
    label = f"average rank over {counted(datasets, 'data set')} (1 is best)"
    axes.text(_WIDTH / 2, 0.3, label, ha="center", va="bottom", color=_DARK)


def _draw_name(  # noqa: PLR0917
    axes: Axes, place: float, level: float, name: str, rank: float, side: int
) -> None:
    """A line from the axis down and to the name, its rank upon it; ``side`` is -1 for the left and 1 for the right."""
    edge, towards, away = (
        (_NAMES - _REACH, "right", "left") if side < 0 else (_WIDTH - _NAMES + _REACH, "left", "right")
    )
    axes.plot([place, place, edge], [0, level, level], color="#767676", linewidth=0.8, solid_joinstyle="miter")
    axes.text(edge + 0.06 * side, level, name, ha=towards, va="center", linespacing=1.15)
    axes.text(edge, level + 0.015, f"{rank:.2f}", ha=away, va="bottom", color=_FAINT, fontsize=7.5)
