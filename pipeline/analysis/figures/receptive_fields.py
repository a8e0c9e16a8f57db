"""How far kernels reach: histograms of eNRF sizes by layer and arm, and the receptive field of all layers stacked.

First the data, then the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dsn.receptive_field import SizeCount, stacked_size_shares
from pipeline.analysis.figures.labels import arm_labels
from pipeline.analysis.figures.networks import MOST_NETWORKS, evenly_spread, not_there
from pipeline.analysis.figures.panel_rows import PanelRows
from pipeline.analysis.figures.style import (
    PANEL,
    Drawing,
    group_color,
    group_legend,
    name_rows,
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
    # Positions instead of names, as in learning_curves.
    arm_at = {arm: at for at, arm in enumerate(results.arms)}
    found = [results.receptive_fields[trial] for trial in trials["trial_id"]]
    lengths = [len(each["size"]) for each in found]
    codes = np.repeat([arm_at[arm] for arm in trials["arm"]], lengths)
    values = {name: np.concatenate([each[name] for each in found]) for name in columns}
    return pd.DataFrame(
        {
            "arm": pd.Categorical.from_codes(codes, results.arms),
            "trial": np.repeat(np.arange(len(found)), lengths),
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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """A column of panels, one for each of ``arms``: what it is called, its bars, and the ``edges`` between them."""

    title: str
    arms: Sequence[str]
    histogram: pd.DataFrame
    edges: NDArray[Any]

    def of(self, arm: str) -> pd.DataFrame:
        return self.histogram[self.histogram["arm"] == arm]

    def heights(self, histogram: pd.DataFrame) -> NDArray[Any]:
        """Of the bars, in percent."""
        import numpy as np

        bars = (histogram["size"] / (self.edges[1] - self.edges[0])).astype(int)
        return np.bincount(bars, weights=100 * histogram["share"], minlength=len(self.edges) - 1)

    def tops(self) -> list[float]:
        """The highest bar of each arm."""
        return [float(self.heights(self.of(arm)).max()) for arm in self.arms]


def _figure(histogram: pd.DataFrame, stacked: pd.DataFrame, names: Mapping[str, str], layers: Sequence[int]) -> Figure:
    arms, groups = list(names), int(histogram["group"].max())
    legend, looks = group_legend(groups, 3 * PANEL)
    figure = new_figure(3 * PANEL, 0.6 + 1.05 * len(arms) + (legend.height if groups > 1 else 0))
    if groups > 1:
        legend.draw(figure, looks)
    edges = _edges(histogram)
    columns = [
        _Column(title=f"layer {layer}", arms=arms, histogram=histogram[histogram["layer"] == layer], edges=edges)
        for layer in layers
    ]
    rows = _rows(columns)
    first, *others = figure.subplots(1, len(layers) + (1 if len(stacked) else 0), squeeze=False)[0]
    _draw_column(first, columns[0], rows, groups)
    for axes, column in zip(others, columns[1:], strict=False):
        _draw_column(axes, column, rows, groups)
        axes.tick_params(labelleft=False)  # one vertical axis for all layers of an arm
    if len(stacked):
        last = _Column(title="all", arms=arms, histogram=stacked.assign(group=0), edges=_edges(stacked))
        _draw_column(others[-1], last, _rows([last]), groups)
    name_rows(figure, list(names.values()), [(first.transData, rows.middle(row)) for row in range(len(arms))])
    figure.supxlabel("eNRF size (taps)" + ("; last column: receptive field (steps)" if len(stacked) else ""))
    figure.supylabel("kernels (%)")
    return figure


def _edges(histogram: pd.DataFrame) -> NDArray[Any]:
    """Where the bars of a column begin and end."""
    import numpy as np

    width = _bar_width(histogram)
    return np.arange(int(histogram["size"].max()) // width + 2) * width - 0.5


def _rows(columns: Sequence[_Column]) -> PanelRows:
    """The vertical axes of the arms, each the same in all of ``columns``."""
    tops = [round(max(each), 9) for each in zip(*(column.tops() for column in columns), strict=True)]
    ends = [next((end for end in AXIS_ENDS if end >= top), AXIS_ENDS[-1]) for top in tops]
    return PanelRows(ends=tuple(ends), above=0.15)


def _draw_column(axes: Axes, column: _Column, rows: PanelRows, groups: int) -> None:
    """A panel for each arm that has the layer, the kernel groups on top of each other; group 0 stands for all."""
    import numpy as np
    from matplotlib.collections import PolyCollection
    from matplotlib.ticker import MaxNLocator

    means, areas, colors = {}, [], []
    for row, arm in enumerate(column.arms):
        own = column.of(arm)
        bottom = np.zeros(len(column.edges) - 1)
        for group, part in own.groupby("group"):
            top = bottom + column.heights(part)
            areas.append(_steps(column.edges, rows.at(row, bottom), rows.at(row, top)))
            colors.append(group_color(int(group), groups) if group else STACKED_COLOR)
            bottom = top
        if len(own):
            means[row] = float((own["size"] * own["share"]).sum())
    axes.add_collection(PolyCollection(areas, facecolors=colors, linewidth=0), autolim=False)
    # Above the bars: a line through them would hide some.
    marks = [rows.at(row, 1.1 * rows.ends[row]) for row in means]
    axes.plot(list(means.values()), marks, "v", color="#000000", markersize=4.5)
    axes.set_xlim(column.edges[0], column.edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], integer=True))
    rows.draw(axes, {row: f"{column.title}: mean {mean:.1f}" for row, mean in means.items()})


def _steps(edges: NDArray[Any], bottom: NDArray[Any], top: NDArray[Any]) -> NDArray[Any]:
    """The corners of bars from ``bottom`` to ``top`` that touch each other, (corners, 2)."""
    import numpy as np

    across = np.repeat(edges, 2)[1:-1]
    there, back = np.column_stack([across, np.repeat(top, 2)]), np.column_stack([across, np.repeat(bottom, 2)])
    return np.concatenate([there, back[::-1]])
