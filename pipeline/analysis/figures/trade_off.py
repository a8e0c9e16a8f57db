"""Accuracy against cost, a point an arm: first the data, then the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.analysis import statistics
from pipeline.analysis.figures.style import (
    LOG_FROM,
    MOST_ARMS,
    PANEL,
    Drawing,
    label_vertical,
    marked,
    new_figure,
    plan_legend,
    render,
)
from pipeline.analysis.results import StudyResults
from pipeline.wording import listed, part_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST_AXES = (("parameters", 1e3, "parameters (K)"), ("flops", 1e6, "FLOPs of one series (M)"))
"""Column of a cost, its unit, and what the axis says."""

SPREAD = "Bars are one sample standard deviation over seeds of that mean (none for a single seed)."


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure with a panel a cost; it takes two arms with results on the same data sets."""
    means, shared = trade_off(results)
    if len(means) < 2:
        return "Accuracy against cost needs two arms with the same done seeds on some data set."
    over = part_of(len(shared), len(results.datasets), "data set")
    notes = [f"Means over {over}. {SPREAD} Points that coincide hide each other; the first arm is on top."]
    missing = [arm for arm in results.arms if arm not in set(means["arm"])]
    if missing:
        notes.append(f"No results of {listed(missing, between='; ')}.")
    if len(means) > MOST_ARMS:
        left_out = means["arm"].tolist()[MOST_ARMS:]
        notes.append(f"Only the first {MOST_ARMS} arms are drawn, without {listed(left_out, between='; ')}.")
    looks = {arm: index for index, arm in enumerate(results.arms)}
    drawn = means.head(MOST_ARMS)
    svg = render("trade_off", lambda: _figure(drawn, looks))
    return {"trade_off": Drawing(svg=svg, alt="Mean accuracy against cost, a point an arm", notes=tuple(notes))}


def trade_off(results: StudyResults) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of ``statistics.arm_means`` that have a mean, and the data sets that they are over."""
    means, shared = statistics.arm_means(results.trials, results.arms, results.datasets)
    return means[means["mean"].notna()].reset_index(drop=True), shared


def _figure(means: pd.DataFrame, looks: dict[str, int]) -> Figure:
    arms = means["arm"].tolist()
    legend = plan_legend(arms, 3 * PANEL)
    figure = new_figure(3 * PANEL, 3.4 + legend.height)
    first = None
    for index, (cost, unit, label) in enumerate(COST_AXES):
        axes = figure.add_subplot(1, len(COST_AXES), index + 1, sharey=first)
        first = first or axes
        _draw_panel(axes, means, cost, unit, looks)
        axes.set_xlabel(label)
    label_vertical(figure, "mean test accuracy (%)", legend)
    legend.draw(figure, [marked(looks[arm]) | {"linestyle": "none"} for arm in arms])
    return figure


def _draw_panel(axes: Axes, means: pd.DataFrame, cost: str, unit: float, looks: dict[str, int]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    # The first arm last, so that it lies on top.
    for row in reversed(means.to_dict("records")):
        spread = None if row["seeds"] < 2 else 100 * row["std"]
        point = marked(looks[row["arm"]]) | {"linestyle": "none", "markersize": 7.0}
        axes.errorbar(row[cost] / unit, 100 * row["mean"], yerr=spread, elinewidth=1.0, capsize=2.5, **point)
    low, high = means[cost].min() / unit, means[cost].max() / unit
    if low > 0 and high / low >= LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, 1.06 * high)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
