"""How far kernels reach: histograms of eNRF sizes by layer and arm. First the data, then the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.analysis.figures.style import (
    LETTERS_AN_INCH,
    PALETTE,
    PANEL,
    Drawing,
    label_vertical,
    new_figure,
    plan_legend,
    render,
    wrapped,
)
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, listed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 12
MOST_LAYERS = 6
MOST_BARS = 60
"""Bars of a panel: where kernels have more taps, each covers several sizes."""

NAME_LETTERS = 21
"""Letters in a line of the column with the names of the arms."""


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure: a row an arm, a column a layer."""
    done = results.trials[results.trials["status"] == "done"]
    if done.empty:
        return "No trial is done yet, so there is no kernel to measure."
    histogram = receptive_fields(results)
    if histogram.empty:
        return (
            "The sizes of the kernels of this study's trials are not there: an earlier version of this program trained "
            "them, or their files have been removed."
        )
    arms = [arm for arm in results.arms if arm in set(histogram["arm"])]
    drawing = draw_receptive_fields(histogram, arms)
    notes = [*drawing.notes]
    without = done[~done["trial_id"].isin(set(results.receptive_fields))]["trial_id"].nunique()
    if without:
        lacking = f"Without {counted(without, 'trial')} whose sizes are not there: "
        notes.append(lacking + "an earlier version trained them, or their files have been removed.")
    return {"receptive_fields": Drawing(svg=drawing.svg, alt=drawing.alt, notes=tuple(notes))}


def receptive_fields(results: StudyResults) -> pd.DataFrame:
    """The share of kernels by size: ``arm, layer, group, size, share, trials``.

    ``share`` is the part of the layer's kernels (all groups together) that are in that group and have that eNRF size,
    a mean over the arm's ``trials`` done trials, of all data sets and seeds, that have the layer and have recorded it;
    each trial weighs the same. So the shares of a layer add up to 1. Sizes that no kernel has have no row.
    """
    import numpy as np
    import pandas as pd

    columns = ["arm", "layer", "group", "size", "share", "trials"]
    trials = results.trials[results.trials["trial_id"].isin(set(results.receptive_fields))]
    trials = trials.drop_duplicates(["arm", "trial_id"])
    if trials.empty:
        return pd.DataFrame(columns=columns)
    # Positions instead of names, as in learning_curves; and arrays, for a large study has thousands of small frames.
    arm_at = {arm: at for at, arm in enumerate(results.arms)}
    frames = [results.receptive_fields[trial] for trial in trials["trial_id"]]
    lengths = [len(frame) for frame in frames]
    counts = pd.DataFrame(
        {
            name: np.concatenate([frame[name].to_numpy() for frame in frames])
            for name in ("layer", "group", "size", "kernels")
        }
    )
    counts["arm"] = np.repeat([arm_at[arm] for arm in trials["arm"]], lengths)
    counts["trial"] = np.repeat(np.arange(len(frames)), lengths)
    layers = counts.groupby(["arm", "trial", "layer"])["kernels"]
    counts["share"] = counts["kernels"] / layers.transform("sum")
    trained = layers.size().groupby(["arm", "layer"]).size().rename("trials")
    shares = counts.groupby(["arm", "layer", "group", "size"])["share"].sum().reset_index()
    shares = shares.join(trained, on=["arm", "layer"])
    shares["share"] /= shares["trials"]
    shares["arm"] = [results.arms[at] for at in shares["arm"]]
    return shares[columns]


def mean_sizes(histogram: pd.DataFrame) -> pd.Series:
    """Mean eNRF size by (arm, layer)."""
    weighted = histogram.assign(weighted=histogram["size"] * histogram["share"])
    return weighted.groupby(["arm", "layer"])["weighted"].sum()


def draw_receptive_fields(histogram: pd.DataFrame, arms: Sequence[str]) -> Drawing:
    """Small multiples with one horizontal axis for all: a row an arm, a column a layer, a colour a kernel group.

    Args:
        histogram: from ``receptive_fields``.
        arms: those to draw, of which the first ``MOST_ROWS`` are; each has a row in ``histogram``.
    """
    shown, layers = arms[:MOST_ROWS], sorted(histogram["layer"].unique())
    drawn = histogram[histogram["arm"].isin(shown) & histogram["layer"].isin(layers[:MOST_LAYERS])]
    notes = [
        "The eNRF size of a kernel is the number of taps from its first active one to its last (0: none is active). "
        "Bars are shares of the layer's kernels, stacked by kernel group; the triangle marks the mean size. "
        + _basis(drawn, shown)
        + " All panels share the horizontal axis; each row has its own vertical one."
    ]
    width = _bar_width(drawn)
    if width > 1:
        notes.append(f"A bar covers {width} sizes.")
    if len(arms) > len(shown):
        notes.append(f"Only the first {len(shown)} arms are drawn, without {listed(arms[len(shown) :], between='; ')}.")
    if len(layers) > MOST_LAYERS:
        notes.append(f"Only the first {MOST_LAYERS} of {len(layers)} layers are drawn.")
    return Drawing(
        svg=render("receptive_fields", lambda: _figure(drawn, shown, layers[:MOST_LAYERS])),
        alt="Histograms of the kernels' receptive field sizes, a row an arm, a column a layer",
        notes=tuple(notes),
    )


def _basis(histogram: pd.DataFrame, arms: Sequence[str]) -> str:
    """Over how many trials the means are."""
    trials = histogram.groupby("arm")["trials"].max()
    if trials.nunique() == 1:
        return f"Each row is the mean over all data sets and seeds: {counted(int(trials.iloc[0]), 'trained network')}."
    each = listed([f"{trials[arm]} of {arm}" for arm in arms], most=MOST_ROWS, between="; ")
    return f"Each row is the mean over the trained networks of all data sets and seeds: {each}."


def _bar_width(histogram: pd.DataFrame) -> int:
    return -(-(int(histogram["size"].max()) + 1) // MOST_BARS)


def _figure(histogram: pd.DataFrame, arms: Sequence[str], layers: Sequence[int]) -> Figure:
    groups = sorted(histogram["group"].unique())
    width = PANEL * 3
    legend = plan_legend([f"kernel group {group}" for group in groups], width)
    figure = new_figure(width, 0.6 + 1.05 * len(arms) + (legend.height if len(groups) > 1 else 0))
    names = [wrapped(arm, NAME_LETTERS, 4) for arm in arms]
    beside = max(len(line) for name in names for line in name.splitlines()) / (LETTERS_AN_INCH - 1)  # they are bold
    share = (width - beside) / len(layers)
    grid = figure.add_gridspec(len(arms), len(layers) + 1, width_ratios=[beside, *[share] * len(layers)])
    means = mean_sizes(histogram)
    first = None
    for row, arm in enumerate(arms):
        name = figure.add_subplot(grid[row, 0])
        name.set_axis_off()
        name.text(0, 0.5, names[row], va="center", fontweight="bold", fontsize=8.5)
        leftmost = None
        for column, layer in enumerate(layers):
            own = histogram[(histogram["arm"] == arm) & (histogram["layer"] == layer)]
            axes = figure.add_subplot(grid[row, column + 1], sharex=first, sharey=leftmost)
            first, leftmost = first or axes, leftmost or axes
            _draw_panel(axes, own, _bar_width(histogram), int(histogram["size"].max()))
            axes.tick_params(labelbottom=row == len(arms) - 1, labelleft=column == 0, labelsize=8)
            if len(own):
                mean = means[arm, layer]
                # Above the bars: a line through them would hide some.
                axes.plot(mean, 0.97, "v", color="#000000", markersize=4.5, transform=axes.get_xaxis_transform())
                axes.set_title(f"layer {layer}: mean {mean:.1f}", loc="left", fontsize=8, fontweight="normal", pad=3)
    figure.supxlabel("eNRF size (taps)")
    label_vertical(figure, "kernels of the layer (%)", legend if len(groups) > 1 else None)
    if len(groups) > 1:
        legend.draw(figure, [{"color": PALETTE[(group - 1) % len(PALETTE)], "linewidth": 6.0} for group in groups])
    return figure


def _draw_panel(axes: Axes, histogram: pd.DataFrame, width: int, largest: int) -> None:
    """Bars of one layer of one arm, the groups on top of each other."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    bars = largest // width + 1
    edges = np.arange(bars + 1) * width - 0.5
    bottom = np.zeros(bars)
    for group, own in histogram.groupby("group"):
        heights = np.bincount(own["size"] // width, weights=100 * own["share"], minlength=bars)
        color = PALETTE[(int(group) - 1) % len(PALETTE)]
        axes.stairs(bottom + heights, edges, baseline=bottom, fill=True, color=color)
        bottom += heights
    axes.set_ylim(bottom=0)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
