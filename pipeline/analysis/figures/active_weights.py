"""Which taps are active after training (the paper's Figure 8): first the data, then the drawings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsn.architecture import LayerPlan
from dsn.sparsity.regions import KernelGroup
from pipeline.analysis.figures.labels import arm_labels
from pipeline.analysis.figures.networks import (
    arms_of,
    basis,
    drawable,
    evenly_spread,
    layers_of,
    left_out,
)
from pipeline.analysis.figures.panel_rows import PanelRows
from pipeline.analysis.figures.style import (
    PANEL,
    Drawing,
    group_color,
    group_legend,
    name_rows,
    new_figure,
    render,
    shortened,
)
from pipeline.analysis.results import Columns, StudyResults
from pipeline.wording import listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_ROWS = 8
MOST_LAYERS = 6

AXIS_ENDS = (2, 5, 10, 20, 40, 60, 80, 100)
"""Where a row's vertical axis may end, in percent."""

_TITLE: Any = {"loc": "left", "fontsize": 8, "fontweight": "normal", "pad": 3}

_DARKEST, _OUTSIDE = "#1c1e21", "#ececec"
"""Colours of an active weight and of taps that no kernel of the group may use."""

_PICTURE = (
    "Left: the first layer of the selected network of {dataset}, seed {seed}, a column an output channel; {shades}. "
    "Boxes are the regions of the kernel groups; no kernel uses taps on grey. Tap 0 reads the earliest step."
)
_PROFILE = (
    "Right: the share of a kernel group's kernels in which a tap is active; dotted, what it would be if the active "
    "weights lay evenly over the region."
)
_LAYERS = (
    "The share of a kernel group's kernels in which a tap is active, layer by layer; dotted, what it would be if the "
    "active weights lay evenly over the region. Each row has its own vertical axis."
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An arm as a row of the figures: what it is called, the taps of its kernels, and its kernel groups."""

    arm: str
    name: str
    taps: int
    groups: tuple[KernelGroup, ...]


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """The first layer in full, and how often each tap is active in every layer if there are several."""
    trials = drawable(results, results.active_weights, "The active weights of this study's networks")
    if isinstance(trials, str):
        return trials
    arms = arms_of(results, trials)
    trials = trials[trials["arm"].isin(arms[:MOST_ROWS])]
    rows = [_row(results, trials, arm) for arm in arms[:MOST_ROWS]]
    picture, shares = first_layer(results, trials), tap_shares(results, evenly_spread(trials))
    notes = [basis(trials), *left_out(results, arms, MOST_ROWS)]
    drawings = {"active_weights": draw_first_layer(picture, shares, rows, notes)}
    if shares["layer"].max() > 1:
        drawings["active_weights_layers"] = draw_layers(shares, rows, notes)
    return drawings


def first_layer(results: StudyResults, trials: pd.DataFrame) -> pd.DataFrame:
    """The first layer of one network of each arm: ``arm, dataset, seed, channel, tap, share``.

    ``share`` is the part of the layer's inputs whose weight at that output channel and tap is active; there are no rows
    of none. All networks are of one data set and seed: the first of which the most arms have one.

    Args:
        results: of the study.
        trials: from ``networks.drawable``.
    """
    import pandas as pd

    dataset, seed = trials.groupby(["dataset", "seed"], sort=False)["arm"].nunique().idxmax()
    chosen = trials[(trials["dataset"] == dataset) & (trials["seed"] == seed)].drop_duplicates("arm")
    frames = []
    for arm, trial in zip(chosen["arm"], chosen["trial_id"], strict=True):
        active = results.active_weights[trial]
        here = active["layer"] == 1
        share = active["active"][here] / layers_of(results, arm, dataset)[0].sparse_inputs
        place = {"arm": arm, "dataset": dataset, "seed": seed, "channel": active["channel"][here]}
        frames.append(pd.DataFrame(place | {"tap": active["tap"][here], "share": share}))
    return pd.concat(frames, ignore_index=True)


def tap_shares(results: StudyResults, trials: pd.DataFrame) -> pd.DataFrame:
    """How often each tap of a kernel group's region is active: ``arm, layer, group, tap, share, even, networks``.

    ``share`` is the part of the group's kernels (an output channel and an input each) whose weight at that tap is
    active, and ``even`` what it would be if the group's active weights lay evenly over its region; both are means over
    the arm's ``networks`` in ``trials``.

    Args:
        results: of the study.
        trials: from ``networks.drawable``.
    """
    import numpy as np
    import pandas as pd

    # Arrays until all networks are read: a frame for each group of hundreds of them would take seconds.
    found: dict[tuple[str, int, int], list[tuple[NDArray[np.float64], float]]] = {}
    for arm, dataset, trial in zip(trials["arm"], trials["dataset"], trials["trial_id"], strict=True):
        shape = results.configs[arm].model.channels, results.configs[arm].model.kernel_size
        shares = _network_shares(results.active_weights[trial], layers_of(results, arm, dataset), shape)
        for layer, group, share, even in shares:
            found.setdefault((arm, layer, group), []).append((share, even))
    means = []
    for (arm, layer, group), each in found.items():
        mean = np.mean([share for share, _ in each], axis=0)
        place = {"arm": arm, "layer": layer, "group": group, "tap": range(len(mean))}
        even_mean = np.mean([even for _, even in each])
        means.append(pd.DataFrame(place | {"share": mean, "even": even_mean, "networks": len(each)}))
    return pd.concat(means).sort_values(["layer", "group", "tap"], kind="stable", ignore_index=True)


def _network_shares(
    active: Columns, layers: Sequence[LayerPlan], shape: tuple[int, int]
) -> Iterator[tuple[int, int, NDArray[np.float64], float]]:
    """Layer and group, from 1, the share of its kernels at each tap of its region, and what it would be if even."""
    for number, layer in enumerate(layers, start=1):
        here = active["layer"] == number
        counts = _grid(active["channel"][here], active["tap"][here], active["active"][here], shape)
        for index, group in enumerate(layer.groups or (), start=1):
            kernels = group.channels * layer.sparse_inputs
            share = counts[group.start : group.stop, : group.region].sum(axis=0) / kernels
            yield number, index, share, group.active / (kernels * group.region)


def _grid(
    channels: NDArray[Any], taps: NDArray[Any], values: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """``values`` by channel and tap, with zeros where there is none."""
    import numpy as np

    grid = np.zeros(shape)
    grid[channels, taps] = values
    return grid


def draw_first_layer(picture: pd.DataFrame, shares: pd.DataFrame, rows: Sequence[Row], notes: Sequence[str]) -> Drawing:
    """A row an arm: on the left one network's active weights, on the right the mean of many.

    Args:
        picture: from ``first_layer``.
        shares: from ``tap_shares``.
        rows: those to draw; each has rows in ``shares``.
        notes: what to say besides.
    """
    dataset, seed, most = picture["dataset"].iloc[0], picture["seed"].iloc[0], picture["share"].max()
    said = [_PICTURE.format(dataset=dataset, seed=seed, shades=_shades(most)), _PROFILE, *notes]
    missing = [row.arm for row in rows if row.arm not in set(picture["arm"])]
    if missing:
        said.append(f"No network of {listed(missing, between='; ')} on {dataset} with seed {seed}.")
    return Drawing(
        picture=render("active_weights", lambda: _first_layer_figure(picture, shares, rows)),
        alt="Active weights of the first layer by output channel and tap, a row an arm",
        notes=tuple(said),
    )


def draw_layers(shares: pd.DataFrame, rows: Sequence[Row], notes: Sequence[str]) -> Drawing:
    """Small multiples: a row an arm, a column a layer, a line a kernel group over its taps; arguments as above."""
    depth = int(shares["layer"].max())
    said = [_LAYERS, *notes]
    if depth > MOST_LAYERS:
        said.append(f"Only the first {MOST_LAYERS} of {depth} layers are drawn.")
    return Drawing(
        picture=render("active_weights_layers", lambda: _layers_figure(shares, rows, min(depth, MOST_LAYERS))),
        alt="Share of kernels in which each tap is active, a row an arm, a column a layer",
        notes=tuple(said),
    )


def _shades(most: float) -> str:
    if most == 1.0:
        return "what is filled is active"
    return f"the stronger the shade, the more of the inputs have an active weight there (at most {100 * most:.0f}%)"


def _row(results: StudyResults, trials: pd.DataFrame, arm: str) -> Row:
    """Regions and channels of the groups depend on no data set: any will do."""
    dataset = trials.loc[trials["arm"] == arm, "dataset"].iloc[0]
    groups = layers_of(results, arm, dataset)[0].groups
    assert groups is not None, "networks.drawable gives sparse arms"
    return Row(arm=arm, name=arm_labels(results)[arm], taps=results.configs[arm].model.kernel_size, groups=groups)


def _first_layer_figure(picture: pd.DataFrame, shares: pd.DataFrame, rows: Sequence[Row]) -> Figure:
    figure, panels = _panels(rows)
    one = picture.iloc[0]
    panels[0][0].set_title(f"{shortened(str(one['dataset']), 40)}, seed {one['seed']}", **_TITLE)
    for row, (matrix, profile) in zip(rows, panels, strict=True):
        own = shares[(shares["arm"] == row.arm) & (shares["layer"] == 1)]
        _draw_matrix(matrix, picture[picture["arm"] == row.arm], row, picture["share"].max())
        _draw_profile(profile, own, row)
        profile.sharey(matrix)
        networks = int(own["networks"].max())
        profile.set_title("1 network" if networks == 1 else f"mean of {networks} networks", **_TITLE)
        profile.tick_params(labelleft=False)
    figure.supylabel("tap")
    panels[-1][0].set_xlabel("output channel")
    panels[-1][1].set_xlabel("kernels (%)")
    return figure


def _layers_figure(shares: pd.DataFrame, rows: Sequence[Row], depth: int) -> Figure:
    legend, looks = group_legend(max(len(row.groups) for row in rows), 3 * PANEL)
    figure = new_figure(3 * PANEL, 0.6 + 1.15 * len(rows) + legend.height)
    legend.draw(figure, looks)
    drawn = shares[shares["layer"] <= depth]
    tops = [100 * drawn.loc[drawn["arm"] == row.arm, ["share", "even"]].max().max() for row in rows]
    panel_rows = PanelRows(ends=tuple(next(end for end in AXIS_ENDS if end >= round(top, 9)) for top in tops))
    columns = figure.subplots(1, depth, squeeze=False)[0]
    for layer, axes in enumerate(columns, start=1):
        _draw_layer(axes, drawn[drawn["layer"] == layer], rows, panel_rows, f"layer {layer}")
        axes.tick_params(labelleft=layer == 1)
    middles = [(columns[0].transData, panel_rows.middle(at)) for at in range(len(rows))]
    name_rows(figure, [row.name for row in rows], middles)
    figure.supxlabel("tap")
    figure.supylabel("kernels (%)")
    return figure


def _draw_layer(axes: Axes, shares: pd.DataFrame, rows: Sequence[Row], panel_rows: PanelRows, title: str) -> None:
    """A panel for each arm that has the layer, a line a kernel group."""
    from matplotlib.collections import LineCollection

    axes.set_xlim(-0.5, max(row.taps for row in rows) - 0.5)
    lines, colors, even = [], [], {}
    for at, row in enumerate(rows):
        arm = shares[shares["arm"] == row.arm]
        # The first group last: its region is the shortest, so that it hides least.
        for group, own in reversed(list(arm.groupby("group"))):
            lines.append(list(zip(own["tap"], panel_rows.at(at, 100 * own["share"]), strict=True)))
            colors.append(group_color(int(group), len(row.groups)))
            even[at] = panel_rows.at(at, 100 * arm["even"].mean())
    axes.add_collection(LineCollection(lines, colors=colors, linewidth=1.4), autolim=False)
    axes.hlines(list(even.values()), *axes.get_xlim(), color="#767676", linewidth=1.0, linestyle="dotted")
    _set_ticks(axes)
    panel_rows.draw(axes, dict.fromkeys(even, title))


def _panels(rows: Sequence[Row]) -> tuple[Figure, list[list[Axes]]]:
    """A figure with two axes a row beside the arms' names, and the legend of the kernel groups above them."""
    legend, looks = group_legend(max(len(row.groups) for row in rows), 3 * PANEL)
    heights = [min(max(1.3, 0.02 * row.taps + 0.6), 2.3) for row in rows]
    figure = new_figure(3 * PANEL, 0.6 + sum(heights) + legend.height)
    legend.draw(figure, looks)
    grid = figure.add_gridspec(len(rows), 2, width_ratios=[0.64, 0.36], height_ratios=heights)
    panels = grid.subplots(squeeze=False).tolist()
    name_rows(figure, [row.name for row in rows], [(first.transAxes, 0.5) for first, _ in panels])
    return figure, panels


def _draw_matrix(axes: Axes, cells: pd.DataFrame, row: Row, most: float) -> None:
    """One picture element a weight: a vector graphic of thousands of squares would be a hundred times larger."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    channels = row.groups[-1].stop
    axes.set_facecolor(_OUTSIDE)
    axes.grid(visible=False)
    for index, group in enumerate(row.groups, start=1):
        corner, size = (group.start - 0.5, -0.5), (group.channels, group.region)
        axes.add_patch(Rectangle(corner, *size, facecolor="#ffffff", edgecolor="none", zorder=0))
        color = group_color(index, len(row.groups))
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=color, linewidth=1.2, clip_on=False, zorder=3))
    shades = LinearSegmentedColormap.from_list("active", ["#ffffff", _DARKEST])
    channel, tap, share = (cells[name].to_numpy() for name in ("channel", "tap", "share"))
    grid = _grid(channel, tap, share, (channels, row.taps)).T
    axes.imshow(
        np.where(grid > 0, grid, np.nan),
        cmap=shades,
        vmin=0.0,
        vmax=most,
        aspect="auto",
        origin="lower",
        interpolation="none",
        zorder=1,
    )
    axes.set(xlim=(-0.5, channels - 0.5), ylim=(-0.5, row.taps - 0.5))
    _set_ticks(axes)


def _draw_profile(axes: Axes, shares: pd.DataFrame, row: Row) -> None:
    """A line a kernel group over its taps, which are along the vertical axis."""
    axes.axvline(100 * shares["even"].mean(), color="#767676", linewidth=1.0, linestyle="dotted")
    # The first group last: its region is the shortest, so that it hides least.
    for index, own in reversed(list(shares.groupby("group"))):
        axes.plot(100 * own["share"], own["tap"], color=group_color(int(index), len(row.groups)), linewidth=1.4)
    axes.set_xlim(left=0)
    _set_ticks(axes)


def _set_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.tick_params(labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True))
