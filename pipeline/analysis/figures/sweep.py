"""Accuracy, and beside it what it costs, against a factor's numbers: first the data, then the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis import statistics
from pipeline.analysis.figures.style import (
    MOST_ARMS,
    PANEL,
    Drawing,
    Look,
    marked,
    new_figure,
    plan_legend,
    render,
    set_value_axis,
)
from pipeline.analysis.figures.trade_off import COST_AXES, SPREAD
from pipeline.analysis.results import StudyResults
from pipeline.wording import listed, part_of, spelled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FACTORS = 6
LABEL_ROOM = 0.13
"""The part of a panel's axis that a value's label takes."""


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """A figure a numeric factor, of the first ``MOST_FACTORS``."""
    factors = numeric_factors(results)
    if not factors:
        return "The study has no factor with at least two numbers to sweep over."
    drawings = {}
    for factor in factors[:MOST_FACTORS]:
        points, shared = sweep(results, factor)
        if points["value"].nunique() >= 2:
            over = part_of(len(shared), len(results.datasets), "data set")
            drawings[f"sweep_{factor}"] = draw_sweep(points, factor, over, _notes(results, factor, factors))
    return drawings or "No sweep yet: it needs two values of a factor with the same done seeds on some data set."


def numeric_factors(results: StudyResults) -> list[str]:
    """The factors, in the order of the study, that have two numbers or more. What is said of the data is no quantity:
    the year of a split is a name."""
    keys = dict.fromkeys(key for arm in results.arms for key in results.factors[arm])
    return [key for key in keys if not key.startswith("data.") and len(set(_values(results, key).values())) > 1]


def sweep(results: StudyResults, factor: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The points of all lines, and the data sets that they are means over.

    A line joins the combinations that differ in ``factor`` alone; where no two do, as factors that are zipped change
    together, it joins those of one arm of the file. An arm without a result has no point.

    Returns:
        ``line`` and ``value`` beside the columns of ``statistics.arm_means``; lines in the order of the study, values
        ascending.
    """
    means, shared = statistics.arm_means(results.trials, results.arms, results.datasets)
    values = _values(results, factor)
    means = means[means["mean"].notna() & means["arm"].isin(set(values))]
    lines = _lines(results, factor, values)
    points = means.assign(line=means["arm"].map(lines), value=means["arm"].map(values).astype(float))
    # In a study that varies one factor at a time, a value may be the base's: the same trainings twice.
    points = points.drop_duplicates(["line", "value"])
    order = {line: at for at, line in enumerate(dict.fromkeys(lines[arm] for arm in values))}
    ordered = points.assign(at=points["line"].map(order)).sort_values(["at", "value"], kind="stable")
    kept = ordered[ordered.groupby("line")["value"].transform("size") > 1]
    return (kept if len(kept) else ordered).drop(columns="at").reset_index(drop=True), shared


def draw_sweep(points: pd.DataFrame, factor: str, over: str, notes: Sequence[str]) -> Drawing:
    """Accuracy on the left, costs beside it, a line each of the first ``MOST_ARMS`` lines.

    Args:
        points: from ``sweep``.
        factor: what the horizontal axes say.
        over: the data sets, in words.
        notes: what to say besides.
    """
    lines = list(dict.fromkeys(points["line"]))
    shown = lines[:MOST_ARMS]
    said = [f"Means over {over}. {SPREAD} Lines that coincide hide each other; the first is on top.", *notes]
    if len(lines) > len(shown):
        left_out = listed(lines[len(shown) :], between="; ")
        said.append(f"Only the first {len(shown)} of {len(lines)} lines are drawn, without {left_out}.")
    return Drawing(
        svg=render(f"sweep-{factor}", lambda: _figure(points[points["line"].isin(shown)], shown, factor)),
        alt=f"Mean accuracy, parameters and FLOPs against {factor}",
        notes=tuple(said),
    )


def _values(results: StudyResults, factor: str) -> dict[str, float]:
    """Arm -> its number of ``factor``, also where the combination leaves it at the base's; others are left out."""
    settings = {arm: results.configs[arm].settings().get(factor) for arm in results.arms}
    return {
        arm: float(value)
        for arm, value in settings.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _lines(results: StudyResults, factor: str, values: Mapping[str, float]) -> dict[str, str]:
    """Arm -> the name of its line: the label without ``factor``'s part."""
    names = {arm: results.arm_name(arm) for arm in values}
    others = {arm: _without(results.factors[arm], factor) for arm in values}
    lines = {arm: ", ".join([names[arm], *others[arm]]) for arm in values}
    return names if len(set(lines.values())) == len(lines) else lines


def _without(combination: Mapping[str, Any], factor: str) -> list[str]:
    return [f"{key}={spelled(value)}" for key, value in combination.items() if key != factor]


def _notes(results: StudyResults, factor: str, factors: Sequence[str]) -> list[str]:
    notes = []
    values = _values(results, factor)
    words = dict.fromkeys(
        spelled(combination[factor])
        for arm, combination in results.factors.items()
        if factor in combination and arm not in values
    )
    if words:
        notes.append(f"Without the value{'s' if len(words) > 1 else ''} {listed(list(words))}, no number.")
    lines = _lines(results, factor, values)
    if lines == {arm: results.arm_name(arm) for arm in values}:
        along = sorted({key for arm in values for key in results.factors[arm] if key != factor})
        notes += [f"{listed(along)} change{'s' if len(along) == 1 else ''} along with {factor}."] if along else []
    if factor == factors[0] and len(factors) > MOST_FACTORS:
        notes.append(f"Only the first {MOST_FACTORS} factors have a figure, not {listed(factors[MOST_FACTORS:])}.")
    return notes


def _figure(points: pd.DataFrame, lines: Sequence[str], factor: str) -> Figure:
    width = PANEL * 3
    legend = plan_legend(lines, width)
    figure = new_figure(width, 3.0 + legend.height)
    looks = {line: marked(index) for index, line in enumerate(lines)}
    panels = (("mean", 0.01, "mean test accuracy (%)"), *COST_AXES)
    values = sorted(points["value"].unique())
    for index, (column, unit, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        _draw_panel(axes, points, column, unit, looks)
        axes.set_title(label, loc="left", fontweight="normal")
        set_value_axis(axes, values, LABEL_ROOM)
        if column != "mean":
            axes.set_ylim(bottom=0)
    figure.supxlabel(factor)
    if len(lines) > 1:
        legend.draw(figure, list(looks.values()))
    return figure


def _draw_panel(axes: Axes, points: pd.DataFrame, column: str, unit: float, looks: Mapping[str, Look]) -> None:
    for line in reversed(list(looks)):
        own = points[points["line"] == line]
        spread = 100 * own["std"] if column == "mean" and own["std"].notna().any() else None
        axes.errorbar(own["value"], own[column] / unit, yerr=spread, elinewidth=1.0, capsize=2.5, **looks[line])
