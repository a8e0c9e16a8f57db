"""How far kernels reach: histograms of eNRF sizes by layer and arm, and the receptive field of all layers stacked.

First the data, then the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dsn.receptive_field import SizeCount, stacked_size_shares
from pipeline.analysis.figures.labels import arm_labels
from pipeline.analysis.figures.networks import MOST_NETWORKS, evenly_spread, not_there
from pipeline.analysis.figures.style import (
    PANEL,
    Drawing,
    group_color,
    group_legend,
    name_row,
    new_figure,
    render,
)
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_ROWS = 12
MOST_LAYERS = 6
MOST_BARS = 60
"""Bars of a panel: where kernels have more taps, each covers several sizes."""

AXIS_ENDS = (2, 5, 10, 20, 50, 100)
"""Where a row's vertical axis may end, in percent: rows of like heights have the same one and can be compared."""

STACKED_COLOR = "#767676"
"""Of a path through all layers, which belongs to no kernel group."""


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure: a row an arm, a column a layer, and one of all layers stacked where there are several."""
    done = results.trials[results.trials["status"] == "done"]
    if done.empty:
        return "No trial is done yet, so there is no kernel to measure."
    measured = set(done.loc[done["trial_id"].isin(set(results.receptive_fields)), "arm"])
    if not measured:
        return not_there("The sizes of the kernels of this study's trials")
    arms = [arm for arm in results.arms if arm in measured]
    counts = kernel_counts(results, arms[:MOST_ROWS])
    drawing = draw_receptive_fields(
        receptive_fields(counts), stacked_receptive_fields(counts), arms, arm_labels(results)
    )
    notes = [*drawing.notes]
    without = done[~done["trial_id"].isin(set(results.receptive_fields))]["trial_id"].nunique()
    if without:
        notes.append(not_there(f"Without {counted(without, 'trial')} whose sizes"))
    return {"receptive_fields": replace(drawing, notes=tuple(notes))}


def kernel_counts(results: StudyResults, arms: Sequence[str]) -> pd.DataFrame:
    """What trials of ``arms`` recorded: ``arm`` (a category), ``trial`` (a number), ``layer, group, size, kernels``.

    Of an arm with more than ``networks.MOST_NETWORKS`` trials it is these that are evenly spread over them.
    """
    import numpy as np
    import pandas as pd

    columns = ["layer", "group", "size", "kernels"]
    trials = results.trials[results.trials["trial_id"].isin(set(results.receptive_fields))]
    trials = trials[trials["arm"].isin(arms)]
    trials = evenly_spread(trials.drop_duplicates(["arm", "trial_id"]))
    if trials.empty:
        return pd.DataFrame(columns=["arm", "trial", *columns])
    # Positions instead of names, as in learning_curves; and arrays, for there are hundreds of small frames.
    arm_at = {arm: at for at, arm in enumerate(results.arms)}
    frames = [results.receptive_fields[trial] for trial in trials["trial_id"]]
    lengths = [len(frame) for frame in frames]
    codes = np.repeat([arm_at[arm] for arm in trials["arm"]], lengths)
    values = {name: np.concatenate([frame[name].to_numpy() for frame in frames]) for name in columns}
    return pd.DataFrame(
        {
            "arm": pd.Categorical.from_codes(codes, results.arms),
            "trial": np.repeat(np.arange(len(frames)), lengths),
            **values,
        }
    )


def receptive_fields(counts: pd.DataFrame) -> pd.DataFrame:
    """The share of kernels by size: ``arm, layer, group, size, share, trials``.

    ``share`` is the part of the layer's kernels (all groups together) that are in that group and have that eNRF size,
    a mean over the arm's ``trials`` done trials, of all data sets and seeds, that have the layer and have recorded it;
    each trial weighs the same. So the shares of a layer add up to 1. Sizes that no kernel has have no row.

    Args:
        counts: from ``kernel_counts``.
    """
    layers = counts.groupby(["arm", "trial", "layer"], observed=True)["kernels"]
    shares = counts.assign(share=counts["kernels"] / layers.transform("sum"))
    trained = layers.size().groupby(["arm", "layer"], observed=True).size().rename("trials")
    shares = shares.groupby(["arm", "layer", "group", "size"], observed=True)["share"].sum().reset_index()
    shares = shares.join(trained, on=["arm", "layer"])
    shares["share"] /= shares["trials"]
    return shares.astype({"arm": str})


def stacked_receptive_fields(counts: pd.DataFrame) -> pd.DataFrame:
    """The share of the paths through all layers by their receptive field: ``arm, size, share``.

    See ``dsn.receptive_field.stacked_size_shares``; a mean over the arm's trials of two layers or more, each of which
    weighs the same. Sizes that no path has have no row.

    Args:
        counts: from ``kernel_counts``.
    """
    import numpy as np
    import pandas as pd

    # The groups of a layer together, for thousands of trials.
    layers = counts.groupby(["arm", "trial", "layer", "size"], observed=True)["kernels"].sum().reset_index()
    found: dict[str, list[NDArray[np.float64]]] = {}
    for (arm, _), own in layers.groupby(["arm", "trial"], observed=True):
        if own["layer"].nunique() > 1:
            found.setdefault(str(arm), []).append(stacked_size_shares(_size_counts(own)))
    rows = []
    for arm, each in found.items():
        share = np.zeros(max(map(len, each)))
        for one in each:
            share[: len(one)] += one / len(each)
        sizes = np.flatnonzero(share)
        rows.append(pd.DataFrame({"arm": arm, "size": sizes, "share": share[sizes]}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["arm", "size", "share"])


def _size_counts(layers: pd.DataFrame) -> Iterator[SizeCount]:
    """Of one network; of which group a kernel is does not matter here."""
    columns = (layers[name].tolist() for name in ("layer", "size", "kernels"))
    for layer, size, kernels in zip(*columns, strict=True):
        yield SizeCount(layer=layer, group=1, size=size, kernels=kernels)


def draw_receptive_fields(
    histogram: pd.DataFrame, stacked: pd.DataFrame, arms: Sequence[str], names: Mapping[str, str]
) -> Drawing:
    """Small multiples: a row an arm, a column a layer, a colour a kernel group, and last a column of all layers.

    Args:
        histogram: from ``receptive_fields``.
        stacked: from ``stacked_receptive_fields``; without rows there is no last column.
        arms: those to draw, of which the first ``MOST_ROWS`` are; each of these has a row in ``histogram``.
        names: arm -> what its row is called.
    """
    shown, layers = arms[:MOST_ROWS], sorted(histogram["layer"].unique())
    drawn = histogram[histogram["arm"].isin(shown) & histogram["layer"].isin(layers[:MOST_LAYERS])]
    stacked = stacked[stacked["arm"].isin(shown)]
    notes = [
        "The eNRF size of a kernel is the number of taps from its first active one to its last (0: none is active). "
        "Bars are shares of the layer's kernels, stacked by kernel group; the triangle marks the mean size. "
        + _basis(drawn, shown)
        + f" The vertical axis of a row ends at {', '.join(map(str, AXIS_ENDS[:-1]))} or {AXIS_ENDS[-1]}%."
    ]
    if len(stacked):
        notes.append(
            "The last column is the receptive field of all layers of an arm, the share of the paths through one kernel "
            "of each: sizes s1 to sd make s1 + ... + sd - (d - 1) steps."
        )
    widths = [_bar_width(each) for each in (drawn, stacked) if len(each)]
    if max(widths) > 1:
        last = f", {widths[1]} in the last column" if len(widths) > 1 else ""
        notes.append(f"A bar covers {counted(widths[0], 'size')}{last}.")
    if len(arms) > len(shown):
        notes.append(f"Only the first {len(shown)} arms are drawn, without {listed(arms[len(shown) :], between='; ')}.")
    if len(layers) > MOST_LAYERS:
        notes.append(f"Only the first {MOST_LAYERS} of {len(layers)} layers are drawn.")
    return Drawing(
        picture=render(
            "receptive_fields",
            lambda: _figure(drawn, stacked, {arm: names[arm] for arm in shown}, layers[:MOST_LAYERS]),
        ),
        alt="Histograms of the kernels' receptive field sizes, a row an arm, a column a layer",
        notes=tuple(notes),
    )


def _basis(histogram: pd.DataFrame, arms: Sequence[str]) -> str:
    """Over how many trials the means are."""
    trials = histogram.groupby("arm")["trials"].max()
    if trials.max() == MOST_NETWORKS:
        most = counted(MOST_NETWORKS, "trained network")
        return f"Each row is the mean over at most {most}, spread evenly over all data sets and seeds."
    if trials.nunique() == 1:
        return f"Each row is the mean over all data sets and seeds: {counted(int(trials.iloc[0]), 'trained network')}."
    each = listed([f"{trials[arm]} of {arm}" for arm in arms], most=MOST_ROWS, between="; ")
    return f"Each row is the mean over the trained networks of all data sets and seeds: {each}."


def _bar_width(histogram: pd.DataFrame) -> int:
    return -(-(int(histogram["size"].max()) + 1) // MOST_BARS)


def _figure(histogram: pd.DataFrame, stacked: pd.DataFrame, arms: Mapping[str, str], layers: Sequence[int]) -> Figure:
    groups = int(histogram["group"].max())
    width, columns = 3 * PANEL, len(layers) + (1 if len(stacked) else 0)
    legend, looks = group_legend(groups, width)
    beside = legend if groups > 1 else None
    figure = new_figure(width, 0.6 + 1.05 * len(arms) + (legend.height if beside else 0))
    axes = figure.subplots(len(arms), columns, sharex="col", squeeze=False)
    for row, (arm, name) in enumerate(arms.items()):
        name_row(axes[row, 0], name)
        own = histogram[histogram["arm"] == arm]
        panels = [own[own["layer"] == layer] for layer in layers]
        titles = [f"layer {layer}" for layer in layers]
        _draw_panels([*axes[row, : len(layers)]], panels, titles, _edges(histogram), groups)
        if len(stacked):
            whole = stacked[stacked["arm"] == arm].assign(group=0)
            _draw_panels([axes[row, -1]], [whole], ["all"], _edges(stacked), groups)
    figure.supxlabel("eNRF size (taps)" + ("; last column: receptive field (steps)" if len(stacked) else ""))
    figure.supylabel("kernels (%)")
    if beside:
        beside.draw(figure, looks)
    return figure


def _edges(histogram: pd.DataFrame) -> NDArray[Any]:
    """Where the bars of a column begin and end."""
    import numpy as np

    width = _bar_width(histogram)
    return np.arange(int(histogram["size"].max()) // width + 2) * width - 0.5


def _draw_panels(
    row: Sequence[Axes], panels: Sequence[pd.DataFrame], titles: Sequence[str], edges: NDArray[Any], groups: int
) -> None:
    """Panels of one arm on one vertical axis, which the first of them has; an arm without a layer has an empty one."""
    from matplotlib.ticker import MaxNLocator

    tops = [_draw_bars(axes, own, edges, groups) for axes, own in zip(row, panels, strict=True)]
    end = next((end for end in AXIS_ENDS if end >= round(max(tops), 9)), AXIS_ENDS[-1])
    for axes, own, title in zip(row, panels, titles, strict=True):
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.15 * end), yticks=[0, end / 2, end])
        axes.tick_params(labelleft=axes is row[0], labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5 if len(row) < 5 else 3, steps=[1, 2, 5, 10], integer=True))
        if own.empty:
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
            axes.tick_params(left=False, labelleft=False)
        else:
            mean = float((own["size"] * own["share"]).sum())
            # Above the bars: a line through them would hide some.
            axes.plot(mean, 1.1 * end, "v", color="#000000", markersize=4.5)
            axes.set_title(f"{title}: mean {mean:.1f}", loc="left", fontsize=8, fontweight="normal", pad=3)


def _draw_bars(axes: Axes, histogram: pd.DataFrame, edges: NDArray[Any], groups: int) -> float:
    """The kernel groups on top of each other; returns how high they reach, in percent. Group 0 stands for all."""
    import numpy as np

    bottom = np.zeros(len(edges) - 1)
    for group, own in histogram.groupby("group"):
        bars = (own["size"] / (edges[1] - edges[0])).astype(int)
        heights = np.bincount(bars, weights=100 * own["share"], minlength=len(bottom))
        color = group_color(int(group), groups) if group else STACKED_COLOR
        axes.stairs(bottom + heights, edges, baseline=bottom, fill=True, color=color)
        bottom += heights
    return float(bottom.max())
