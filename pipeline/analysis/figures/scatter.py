"""Each arm against its reference, a point a data set: first the data, then the drawing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.analysis import statistics
from pipeline.analysis.figures.layout import LETTERS_AN_INCH
from pipeline.analysis.figures.style import (
    PALETTE,
    PANEL,
    Drawing,
    grid_shape,
    new_figure,
    render,
    wrapped,
)
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, listed, percent
from pipeline.wording import points as in_points

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
FEWEST_DATASETS = 2
"""A single point has no place in a scatter; the table says as much."""

_OUTCOMES = ((1, PALETTE[0], "^"), (0, "#767676", "o"), (-1, PALETTE[1], "v"))
"""Sign, colour and marker of wins, ties and losses."""


_NOTE = (
    "A point is the mean test accuracy over seeds on one data set; above the diagonal the arm is better than its "
    "reference. Equal is what is equal in percent, rounded to two decimals."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure for all arms that can be compared in ``FEWEST_DATASETS`` data sets."""
    if not results.references:
        return "No arm of this study is compared with another."
    points = scatter(results)
    drawable = [arm for arm in results.arms if (points["arm"] == arm).sum() >= FEWEST_DATASETS]
    if not drawable:
        most = int(points.groupby("arm").size().max()) if len(points) else 0
        return (
            f"A scatter needs {FEWEST_DATASETS} data sets in which an arm and its reference have the same done seeds; "
            f"there {'is' if most == 1 else 'are'} {most or 'none'}{' so far' if _unfinished(results) else ''}."
        )
    drawing = draw_scatter(points, drawable)
    left_out = [arm for arm in results.arms if arm in results.references and arm not in drawable]
    missing = (
        (f"Without {listed(left_out, between='; ')}, which can be compared in fewer data sets.",) if left_out else ()
    )
    return {"scatter": replace(drawing, notes=(*drawing.notes, *missing))}


def scatter(results: StudyResults) -> pd.DataFrame:
    """The points: ``statistics.outcomes`` of the study."""
    cells = results.accuracy_cells
    return statistics.outcomes(cells, results.arms, results.datasets, results.references)


def draw_scatter(points: pd.DataFrame, arms: Sequence[str]) -> Drawing:
    """A panel an arm, all with the same axes; above the diagonal the arm is better.

    Args:
        points: from ``scatter``.
        arms: those to draw, of which the first ``MOST_PANELS`` are; each has a point.
    """
    shown = arms[:MOST_PANELS]
    notes = [_NOTE]
    if len(arms) > len(shown):
        left_out = listed(arms[len(shown) :], between="; ")
        notes.append(f"Only the first {len(shown)} of {len(arms)} panels are drawn, without {left_out}.")
    return Drawing(
        picture=render("scatter", lambda: _figure(points[points["arm"].isin(shown)], shown)),
        alt="Accuracy of each arm against its reference, a point a data set",
        notes=tuple(notes),
    )


def _unfinished(results: StudyResults) -> bool:
    return bool(results.trials["status"].isin(["pending", "running"]).any())


def _figure(points: pd.DataFrame, arms: Sequence[str]) -> Figure:
    rows, columns = grid_shape(len(arms))
    references = list(points["reference"].unique())
    figure = new_figure(PANEL * columns if columns > 1 else 4.2, 0.4 + (PANEL + 0.2) * rows if columns > 1 else 4.2)
    limits = axis_limits(points)
    for index, arm in enumerate(arms):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.set_title(wrapped(arm, 30, 3), loc="left")
        draw_panel(axes, points[points["arm"] == arm], limits)
        if len(references) > 1:
            axes.set_xlabel(wrapped(points.loc[points["arm"] == arm, "reference"].iloc[0], 36, 2))
    against = f"of {references[0]}" if len(references) == 1 else "of the reference"
    figure.supxlabel(wrapped(f"test accuracy (%) {against}", int(figure.get_figwidth() * LETTERS_AN_INCH), 2))
    figure.supylabel("test accuracy (%) of the arm")
    return figure


def axis_limits(points: pd.DataFrame) -> tuple[float, float]:
    """Of both axes, in percent, with room around the points, of which ``own`` and ``other`` are fractions."""
    low, high = 100 * points[["own", "other"]].min().min(), 100 * points[["own", "other"]].max().max()
    margin = max(0.04 * (high - low), 0.5)
    return low - margin, high + margin


def _mark(point: Mapping[Hashable, Any]) -> Mark:
    """Of a point of ``scatter``: both accuracies, and whose trials they are."""
    arm, reference, dataset, own, other = (point[key] for key in ("arm", "reference", "dataset", "own", "other"))
    lines = [dataset, f"{arm}: {percent(own)}%", f"{reference}: {percent(other)}%", f"{in_points(own - other)} points"]
    return Mark(text="\n".join(lines), arms=(arm, reference), dataset=dataset)


def draw_panel(
    axes: Axes,
    points: pd.DataFrame,
    limits: tuple[float, float],
    mark: Callable[[Mapping[Hashable, Any]], Mark] = _mark,
) -> None:
    """The points of one comparison (``own, other, sign``) about the diagonal, with their wins, ties and losses.

    Args:
        axes: to draw on.
        points: from ``scatter``, or with other columns besides.
        limits: of both axes.
        mark: what to say of a point.
    """
    from matplotlib.ticker import MaxNLocator

    axes.plot(limits, limits, color="#767676", linewidth=0.8)
    for sign, color, marker in _OUTCOMES:
        own = points[points["sign"] == sign]
        look: dict[str, Any] = {
            "color": color,
            "marker": marker,
            "markersize": 5.1,
            "markeredgewidth": 0,
            "alpha": 0.75,
        }
        (drawn,) = axes.plot(100 * own["other"], 100 * own["own"], linestyle="none", **look)
        tag(drawn, marks=[mark(point) for point in own.to_dict("records")])
    wins, ties, losses = (int((points["sign"] == sign).sum()) for sign, _, _ in _OUTCOMES)
    better = f"{counted(wins, 'win')}\n{counted(ties, 'tie')}"
    axes.text(0.04, 0.96, better, transform=axes.transAxes, ha="left", va="top", linespacing=1.4)
    axes.text(0.96, 0.04, counted(losses, "loss"), transform=axes.transAxes, ha="right", va="bottom")
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
