"""Each arm against each other: mean difference, wins, ties and losses, and p, as a coloured matrix."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.analysis.figures.layout import LETTERS_AN_INCH
from pipeline.analysis.figures.style import PANEL, Drawing, new_figure, render, wrapped
from pipeline.analysis.inference.accuracies import Accuracies, shared_accuracies, study_columns
from pipeline.analysis.inference.matrix import Pair, compare_pairs
from pipeline.analysis.inference.ranks import Ranking, rank_systems
from pipeline.analysis.inference.sentences import printed, ranked_over, tested_by
from pipeline.analysis.results import StudyResults
from pipeline.wording import listed, p_value, percent, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_SYSTEMS = 3
"""Of two, the table says as much in a line."""

MOST_SYSTEMS = 10
"""More cells would be too small for their text; the table of pairs has the others."""

_WIDEST, _ROW, _NAMES, _LINE = 1.3, 0.52, 2.2, 0.15
"""Inches: of the widest cells, of their height, of the column of names, and of a line of the headings."""

_LETTERS = 24
"""Of a name, in each of at most three lines."""

Color = tuple[float, float, float]

_WORSE: Color = (0.95, 0.64, 0.38)
_BETTER: Color = (0.46, 0.68, 0.87)
_GREY: Color = (0.94, 0.94, 0.94)
"""Orange for a row's arm that is worse and blue for one that is better: told apart by all kinds of colour vision."""

_NOTE = (
    "A cell sets its row's arm against its column's: mean difference of accuracy in points, which the colour repeats; "
    "wins/ties/losses over data sets, by accuracy as it is shown; and p, after correction. Bold is separated. Arms "
    "stand in the order of their average ranks, their mean accuracies on the diagonal."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """The matrix of all arms with results, over the data sets that they share."""
    accuracies = shared_accuracies(study_columns(results))
    ranking = rank_systems(accuracies)
    if isinstance(ranking, str):
        return ranking
    if len(ranking.systems) < FEWEST_SYSTEMS:
        return f"A matrix needs {FEWEST_SYSTEMS} arms with results; of two, the table says it all."
    drawing = draw_matrix(accuracies, ranking)
    return {"comparison_matrix": replace(drawing, notes=(*drawing.notes, *printed(results)))}


def draw_matrix(accuracies: Accuracies, ranking: Ranking) -> Drawing:
    """The first ``MOST_SYSTEMS`` of a ranking; tests are those of all.

    Args:
        accuracies: what was ranked.
        ranking: of these accuracies.
    """
    shown = ranking.systems[:MOST_SYSTEMS]
    pairs = {(pair.first, pair.second): pair for pair in compare_pairs(accuracies, ranking)}
    means = dict(zip(accuracies.systems, accuracies.fractions.mean(axis=0).tolist(), strict=True))
    notes = [_NOTE, *ranked_over(ranking), *tested_by(ranking)]
    if len(shown) < len(ranking.systems):
        cut = listed(ranking.systems[MOST_SYSTEMS:], between="; ")
        notes.append(f"Only the first {MOST_SYSTEMS} of {len(ranking.systems)} ranked arms are drawn, without {cut}.")
    return Drawing(
        picture=render("comparison-matrix", lambda: _figure(shown, pairs, means)),
        alt="Mean difference, wins, ties, losses and p of each arm against each other",
        notes=tuple(notes),
    )


def _figure(systems: Sequence[str], pairs: Mapping[tuple[str, str], Pair], means: Mapping[str, float]) -> Figure:
    cell = min(_WIDEST, (3 * PANEL - _NAMES) / len(systems))
    rows, heads = _headings(systems, int(cell * (LETTERS_AN_INCH - 1)))
    above = 0.2 + _LINE * (1 + max(head.count("\n") for head in heads))
    width, height = _NAMES + cell * len(systems), above + _ROW * len(systems)
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))  # all places are known: one unit is an inch
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    largest = max(abs(pairs[one, other].difference) for one, other in itertools.permutations(systems, 2))
    for row, first in enumerate(systems):
        top = above + row * _ROW
        axes.text(_NAMES - 0.1, top + _ROW / 2, rows[row], ha="right", va="center", linespacing=1.1)
        axes.text(_NAMES + (row + 0.5) * cell, above - 0.08, heads[row], ha="center", va="baseline", linespacing=1.1)
        for column, second in enumerate(systems):
            corner = (_NAMES + column * cell, top)
            if first == second:
                _draw_cell(axes, corner, cell, _GREY, f"{percent(means[first])}%", bold=False)
            else:
                pair = pairs[first, second]
                strength = pair.difference / largest if largest else 0.0
                _draw_cell(axes, corner, cell, _color(strength), _text(pair), bold=pair.separated)
    return figure


def _headings(systems: Sequence[str], letters: int) -> tuple[list[str], list[str]]:
    """Names of the rows and of the columns, the latter as numbers if they do not fit into so many letters."""
    heads = ["\n".join(textwrap.wrap(name, letters, break_long_words=False)) for name in systems]
    if all(head.count("\n") < 3 and max(map(len, head.splitlines())) <= letters for head in heads):
        return [wrapped(name, _LETTERS, 3) for name in systems], heads
    numbers = [str(number) for number in range(1, len(systems) + 1)]
    return [wrapped(f"{number}. {name}", _LETTERS, 3) for number, name in zip(numbers, systems, strict=True)], numbers


def _text(pair: Pair) -> str:
    p = p_value(pair.adjusted)
    outcome = f"{pair.wins}/{pair.ties}/{pair.losses}"
    return f"{points(pair.difference)}\n{outcome}\np {p if p.startswith('<') else f'= {p}'}"


def _color(strength: float) -> Color:
    """White for 0, towards the ends of the scale for -1 and 1; never so dark that black text is hard to read."""
    end = _WORSE if strength < 0 else _BETTER
    red, green, blue = (1 - abs(strength) * (1 - part) for part in end)
    return red, green, blue


def _draw_cell(axes: Axes, corner: tuple[float, float], width: float, color: Color, text: str, *, bold: bool) -> None:
    from matplotlib.patches import Rectangle

    left, top = corner
    axes.add_patch(Rectangle((left, top), width, _ROW, facecolor=color, edgecolor="white", linewidth=1.5))
    weight = "bold" if bold else "normal"
    place = (left + width / 2, top + _ROW / 2)
    axes.text(*place, text, ha="center", va="center", fontsize=7.5, fontweight=weight, linespacing=1.2)
