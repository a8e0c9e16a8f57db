"""Whether the effect of one factor depends on another: lines of the one over the other. The drawings.

Their data are in ``factorial``. Lines that are parallel within their bars say no; lines that cross or fan out say yes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.factorial import MOST_PAIRS, Pair, as_number, pair_cells, pair_notes, pairs
from pipeline.analysis.figures.labels import accuracy_in_words
from pipeline.analysis.figures.style import (
    MOST_ARMS,
    PANEL,
    Drawing,
    ValueAxis,
    marked,
    new_figure,
    plan_legend,
    render,
    shortened,
)
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_in_words, setting_label
from pipeline.wording import part_of, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 2 * PANEL

DODGE = 0.012
"""By how much of the axis neighbouring lines are moved apart, so that their bars do not hide each other."""

_NOTE = (
    "Mean test accuracy over {over}; bars are the 95% interval of that mean over seeds (Student's t; none for a single "
    "seed), for these data sets and no others. Where the lines are not parallel, the effect of one factor depends on "
    "the other. Points are moved aside a little, so that bars do not hide each other."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """A figure a pair of factors, of the first ``MOST_PAIRS``."""
    found = pairs(results)
    if not found:
        return "An interaction plot needs two factors of which two values each are combined with each other."
    drawings = {}
    for pair in found[:MOST_PAIRS]:
        cells, shared = pair_cells(results, pair)
        if cells["first"].nunique() > 1 and cells["second"].nunique() > 1:
            over = part_of(len(shared), len(results.datasets), "data set")
            drawing = draw_interaction(cells, pair, over, pair_notes(pair, found, (MOST_ARMS, None)))
            drawings[f"interaction_{pair.first}_by_{pair.second}"] = drawing
    return drawings or "No interaction plot yet: it needs two values of each of two factors with the same done seeds."


def draw_interaction(cells: pd.DataFrame, pair: Pair, over: str, notes: Sequence[str]) -> Drawing:
    """Lines of the first factor over the second, which has at least as many values.

    Args:
        cells: from ``factorial.pair_cells``.
        pair: of the factors.
        over: the data sets, in words.
        notes: what to say besides.
    """
    return Drawing(
        picture=render(f"interaction-{pair.first}-{pair.second}", lambda: _figure(cells, pair)),
        alt=f"Mean accuracy over {setting_label(pair.second)}, a line a value of {setting_label(pair.first)}",
        notes=(_NOTE.format(over=over), *notes),
    )


def _figure(cells: pd.DataFrame, pair: Pair) -> Figure:
    lines = {value: setting_in_words(pair.first, value) for value in pair.first_values[:MOST_ARMS]}
    legend = plan_legend(list(lines.values()), WIDTH)
    figure = new_figure(WIDTH, 3.0 + legend.height)
    axes = figure.add_subplot()
    places = _places(axes, pair)
    looks = [marked(index) for index in range(len(lines))]
    for index, (value, line) in reversed(list(enumerate(lines.items()))):
        own = cells[cells["first"] == value]
        own = own.assign(at=own["second"].map(places)).sort_values("at")
        aside = DODGE * (index - (len(lines) - 1) / 2)
        reach = [100 * (own["mean"] - own["low"]).fillna(0), 100 * (own["high"] - own["mean"]).fillna(0)]
        at, mean = own["at"] + aside, 100 * own["mean"]
        drawn = axes.errorbar(at, mean, yerr=reach, elinewidth=1.0, capsize=2.5, **looks[index])
        marks = [Mark(text=_told(cell, pair), arms=cell["arms"]) for cell in own.to_dict("records")]
        tag(drawn.lines[0], series=line, marks=marks)
        for part in (*drawn.lines[1], *drawn.lines[2]):
            tag(part, series=line)
    figure.supxlabel(setting_label(pair.second))
    figure.supylabel("mean test accuracy (%)")
    legend.draw(figure, looks)
    return figure


def _places(axes: Axes, pair: Pair) -> dict[str, float]:
    """Value of the second factor -> where it is on the axis, which gets its ticks: numbers to scale, words evenly."""
    values = pair.second_values
    numbers = {value: number for value in values if (number := as_number(value)) is not None}
    if len(numbers) > 1:
        words = tuple(value for value in values if value not in numbers)
        axis = ValueAxis(numbers=tuple(numbers.values()), words=words)
        axis.set(axes, WIDTH - 0.8)
        return {value: axis.at(numbers.get(value, value)) for value in values}
    places = {value: index / (len(values) - 1) for index, value in enumerate(values)}
    axes.set_xticks(list(places.values()), [shortened(value, 60 // len(values)) for value in values])
    axes.set_xlim(-0.15, 1.15)
    return places


def _told(cell: Mapping[Hashable, Any], pair: Pair) -> str:
    lines = [setting_in_words(pair.first, cell["first"]), setting_in_words(pair.second, cell["second"])]
    lines.append(accuracy_in_words(cell["mean"], cell["std"], cell["seeds"]))
    if not math.isnan(cell["low"]):
        lines.append(f"95% interval {percent(cell['low'])} to {percent(cell['high'])}%")
    return "\n".join(lines)
