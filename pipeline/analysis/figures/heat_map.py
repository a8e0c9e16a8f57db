"""Accuracy and cost of every combination of two factors (the paper's Table 4 at a glance): the drawings.

Their data are in ``factorial``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.factorial import (
    MOST_PAIRS,
    Pair,
    pair_cells,
    pair_cells_by_dataset,
    pair_notes,
    pairs,
)
from pipeline.analysis.figures.labels import accuracy_in_words
from pipeline.analysis.figures.style import PANEL, Drawing, grid_shape, new_figure, render, shortened
from pipeline.analysis.figures.svg import PAGE_COLORS, Mark, tag
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_in_words, setting_label
from pipeline.wording import part_of, percent, rounded_percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_VALUES = 12
MOST_DATASETS = 9

ROW = 0.36
"""Inches of a cell's height."""

NARROWEST = 0.01
"""Accuracies that differ by less than this fraction do not get the whole range of colours: it would exaggerate."""

ON_LIGHT, ON_DARK = "#111111", "#fdfdfd"
"""Of texts in cells, whose colours are the same on a light and on a dark page."""


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """A figure a pair of factors, of the first ``MOST_PAIRS``, and of the first one by data set if there are few."""
    found = pairs(results)
    if not found:
        return "A heat map needs two factors of which two values each are combined with each other."
    drawings = {}
    for pair in found[:MOST_PAIRS]:
        name, notes = f"{pair.first}_by_{pair.second}", pair_notes(pair, found, (MOST_VALUES, MOST_VALUES))
        cells, shared = pair_cells(results, pair)
        if len(cells):
            over = part_of(len(shared), len(results.datasets), "data set")
            drawings[f"heat_map_{name}"] = draw_heat_map(cells, pair, over, notes)
        if pair is found[0] and 2 <= len(results.datasets) <= MOST_DATASETS:
            each = pair_cells_by_dataset(results, pair)
            if len(each):
                drawings[f"heat_map_by_dataset_{name}"] = draw_heat_map_by_dataset(each, pair, notes)
    return drawings or "No heat map yet: no combination of two factors has results on data sets that all share."


def draw_heat_map(cells: pd.DataFrame, pair: Pair, over: str, notes: Sequence[str]) -> Drawing:
    """Accuracy on the left, FLOPs on the right.

    Args:
        cells: from ``factorial.pair_cells``.
        pair: of the factors.
        over: the data sets, in words.
        notes: what to say besides.
    """
    said = (
        f"Mean test accuracy over {over}, and FLOPs of one series, a mean over the same; the highest accuracy is bold."
    )
    return Drawing(
        picture=render(f"heat-map-{pair.first}-{pair.second}", lambda: _figure(cells, pair)),
        alt=f"Mean accuracy and FLOPs by {setting_label(pair.first)} and {setting_label(pair.second)}",
        notes=(said, *notes),
    )


def draw_heat_map_by_dataset(cells: pd.DataFrame, pair: Pair, notes: Sequence[str]) -> Drawing:
    """A panel a data set; arguments as above, with ``cells`` from ``factorial.pair_cells_by_dataset``."""
    said = "Mean test accuracy over seeds; each panel has its own scale of colours, and its highest accuracy is bold."
    return Drawing(
        picture=render(f"heat-map-by-dataset-{pair.first}-{pair.second}", lambda: _datasets_figure(cells, pair)),
        alt=f"Accuracy by {setting_label(pair.first)} and {setting_label(pair.second)}, a panel a data set",
        notes=(said, *notes),
    )


def _figure(cells: pd.DataFrame, pair: Pair) -> Figure:
    rows = min(len(pair.first_values), MOST_VALUES)
    figure = new_figure(3 * PANEL, 1.05 + ROW * rows)
    accuracy, cost = figure.subplots(1, 2)
    _draw_panel(accuracy, cells, pair, "mean")
    accuracy.set_title("mean test accuracy (%)", loc="left", fontweight="normal")
    _draw_panel(cost, cells, pair, "flops")
    cost.set_title("FLOPs of one series (M)", loc="left", fontweight="normal")
    cost.tick_params(labelleft=False)
    figure.supxlabel(setting_label(pair.second))
    figure.supylabel(setting_label(pair.first))
    return figure


def _datasets_figure(cells: pd.DataFrame, pair: Pair) -> Figure:
    datasets = list(dict.fromkeys(cells["dataset"]))
    lines, columns = grid_shape(len(datasets))
    rows = min(len(pair.first_values), MOST_VALUES)
    figure = new_figure(PANEL * columns, 0.5 + (0.6 + ROW * rows) * lines)
    for index, dataset in enumerate(datasets):
        axes = figure.add_subplot(lines, columns, index + 1)
        _draw_panel(axes, cells[cells["dataset"] == dataset], pair, "mean", dataset)
        axes.set_title(shortened(dataset, 30), loc="left")
        axes.tick_params(labelleft=index % columns == 0)
    figure.supxlabel(setting_label(pair.second))
    figure.supylabel(setting_label(pair.first))
    return figure


def _draw_panel(axes: Axes, cells: pd.DataFrame, pair: Pair, column: str, dataset: str = "") -> None:
    """A rectangle a cell, with its number; combinations without a result stay empty."""
    from matplotlib.patches import Rectangle

    rows, columns = pair.first_values[:MOST_VALUES], pair.second_values[:MOST_VALUES]
    drawn = cells[cells["first"].isin(rows) & cells["second"].isin(columns)]
    low, high, best = color_range(drawn, column)
    for cell in drawn.to_dict("records"):
        x, y = columns.index(cell["second"]), rows.index(cell["first"])
        color = cell_color(column, (cell[column] - low) / (high - low))
        patch = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="#ffffff", linewidth=1.5)
        tag(patch, marks=[Mark(text=_told(cell, pair, dataset), arms=cell["arms"], dataset=dataset)])
        axes.add_patch(patch)
        text = percent(cell["mean"]) if column == "mean" else f"{cell['flops'] / 1e6:.3g}"
        weight = "bold" if column == "mean" and rounded_percent(cell["mean"]) == best else "normal"
        size = 8 if len(columns) <= 8 else 6.5
        ink = ON_LIGHT if 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2] > 0.5 else ON_DARK
        axes.text(x, y, text, ha="center", va="center", color=ink, fontweight=weight, fontsize=size)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    letters = max(3, 40 // len(columns))
    axes.set_xticks(range(len(columns)), [shortened(value, letters) for value in columns])
    axes.set_yticks(range(len(rows)), [shortened(value, 20) for value in rows])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def color_range(cells: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """Where the colours begin and end, and the best accuracy as it is shown."""
    low, high = cells[column].min(), cells[column].max()
    least = NARROWEST if column == "mean" else 0.01 * high
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    return low, high, rounded_percent(cells["mean"].max())


def cell_color(column: str, share: float) -> tuple[float, ...]:
    """Sequential, and alike for all kinds of colour vision: the brighter the better, the darker the dearer. No grey is
    as bright or dark as a page may be, and none is one of the colours that a page sets: it is a shade bluer."""
    import matplotlib
    from matplotlib.colors import to_hex

    accuracy = column == "mean"
    color = matplotlib.colormaps["cividis" if accuracy else "Greys"](share if accuracy else 0.1 + 0.7 * share)
    red, green, blue, _ = color
    return (red, green, blue + 1 / 255) if to_hex(color) in PAGE_COLORS else (red, green, blue)


def _told(cell: Mapping[Hashable, Any], pair: Pair, dataset: str) -> str:
    lines = [
        setting_in_words(pair.first, cell["first"]),
        setting_in_words(pair.second, cell["second"]),
        *([dataset] if dataset else []),
        accuracy_in_words(cell["mean"], cell["std"], cell["seeds"]),
    ]
    cost = cell["flops"]
    return "\n".join(lines if math.isnan(cost) else [*lines, f"{cost / 1e6:.3g} M FLOPs"])
