"""Where a figure's panels lie: in a grid, with room around them for what is written there.

matplotlib's layout engines measure every text of every panel twice, which took most of a report's time, and the last
digits of what they find depend on where objects lie in memory. Here letters are counted: the same figure gets the same
places, to the last digit, and the page may be read in other fonts than would have been measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from numpy.typing import NDArray

LETTERS_AN_INCH = 12
"""Of the figures' text, on the safe side"""

LINE = 0.15
"""Inches of a line of text."""

GAP = 0.05
"""Inches between what is written and what is next to it."""

_TICK = 0.1
"""Inches from an axis to the labels of its ticks."""


@dataclass(frozen=True, kw_only=True)
class _Track:
    """A column or row of panels, in inches from the left or from the top of the figure."""

    begin: float
    length: float

    @property
    def end(self) -> float:
        return self.begin + self.length


def lay_out(figure: Figure) -> None:
    """Sets the places of the panels that are in a grid, and of the labels around them; other axes stay where they are.

    Columns are as far apart as what is written between them asks for, and rows likewise; the grid's ratios share out
    what is left. ``figure.subplotpars`` say where it begins, beside the names of rows and below a legend.
    """
    panels = {axes: spec for axes in figure.axes if (spec := axes.get_subplotspec()) is not None}
    if not panels:
        return
    for _ in range(2):  # the ticks of an axis, and so the room for their labels, depend on its length
        _place(figure, panels)
    for axes in panels:
        # Without these, matplotlib measures what is around an axis to find a place for its label, even for none.
        width, height = _inches(axes)
        axes.xaxis.set_label_coords(0.5, -_tick_room(axes.xaxis) / height)
        axes.yaxis.set_label_coords(-_tick_room(axes.yaxis) / width, 0.5)


def _place(figure: Figure, panels: Mapping[Axes, SubplotSpec]) -> None:
    import numpy as np

    width, height = figure.get_size_inches()
    grid = next(iter(panels.values())).get_gridspec()
    beside = max(GAP + _lines(figure.get_supylabel()), width * figure.subplotpars.left)
    below = GAP + _lines(figure.get_supxlabel())
    above = height * (1 - figure.subplotpars.top) + GAP
    margins: list[list[tuple[float, float]]] = [[] for _ in range(grid.ncols)]
    heights: list[list[tuple[float, float]]] = [[] for _ in range(grid.nrows)]
    for axes, spec in panels.items():
        margins[spec.colspan.start].append((_left(axes), _right(axes)))
        heights[spec.rowspan.start].append((_top(axes), _bottom(axes)))
    columns = _tracks((beside, width - GAP), margins, np.asarray(grid.get_width_ratios()))
    rows = _tracks((above, height - below), heights, np.asarray(grid.get_height_ratios()))
    for axes, spec in panels.items():
        across, down = columns[spec.colspan.start], rows[spec.rowspan.start]
        place = (across.begin / width, 1 - down.end / height, across.length / width, down.length / height)
        left, bottom, wide, high = (round(part, 6) for part in place)
        axes.set_position((left, bottom, wide, high))
    middle = (columns[0].begin + columns[-1].end) / 2, (rows[0].begin + rows[-1].end) / 2
    figure.supxlabel(figure.get_supxlabel(), x=middle[0] / width, y=GAP / 2 / height)
    figure.supylabel(figure.get_supylabel(), x=GAP / 2 / width, y=1 - middle[1] / height)


def _tracks(
    between: tuple[float, float], margins: Sequence[Sequence[tuple[float, float]]], ratios: NDArray[Any]
) -> list[_Track]:
    """What is left between two places, shared out by ``ratios`` once every panel has its margins before and after."""
    widest = [
        (max((one for one, _ in each), default=0.0), max((two for _, two in each), default=0.0)) for each in margins
    ]
    begin, end = between
    free = max(end - begin - sum(map(sum, widest)), 0.1)  # a panel without room is still there
    tracks = []
    for (before, after), ratio in zip(widest, ratios, strict=True):
        track = _Track(begin=begin + before, length=free * ratio / ratios.sum())
        tracks.append(track)
        begin = track.end + after
    return tracks


def _left(axes: Axes) -> float:
    first, _ = _overhang(axes)
    return max(_tick_room(axes.yaxis) + _lines(axes.get_ylabel()), first)


def _right(axes: Axes) -> float:
    _, last = _overhang(axes)
    return max(last, GAP)


def _bottom(axes: Axes) -> float:
    return _tick_room(axes.xaxis) + _lines(axes.get_xlabel()) + GAP


def _top(axes: Axes) -> float:
    """Half a line is for the highest label of the vertical axis."""
    title = max(_lines(axes.get_title(loc=side)) for side in ("left", "center", "right"))
    ticks = _tick_room(axes.xaxis, "top")
    return max(title + ticks + (GAP if title else 0.0), LINE / 2)


def _tick_room(axis: Axis, side: str = "") -> float:
    """Inches of the axis' ticks and their labels, on its left or its bottom unless another side is given."""
    upright = axis is axis.axes.yaxis
    labels = _tick_labels(axis, side or ("left" if upright else "bottom"))
    if not labels:
        return GAP
    texts = [text for _, text in labels]
    return _TICK + (max(map(_letters, texts)) / LETTERS_AN_INCH if upright else max(map(_lines, texts)))


def _tick_labels(axis: Axis, side: str) -> list[tuple[float, str]]:
    """Those on a side of the panel: where along the axis, from 0 to 1, and what they say."""
    if not axis.axes.axison or not axis.get_tick_params().get(f"label{side}", False):
        return []
    places, scale = axis.get_majorticklocs(), axis.get_transform()
    first, last = scale.transform(axis.get_view_interval())
    along = (scale.transform(places) - first) / (last - first)
    texts = axis.get_major_formatter().format_ticks(places.tolist())
    return [(at, text) for at, text in zip(along, texts, strict=True) if -1e-9 <= at <= 1 + 1e-9 and text]


def _overhang(axes: Axes) -> tuple[float, float]:
    """By how many inches the labels of the horizontal axis reach over its ends."""
    width, _ = _inches(axes)
    labels = _tick_labels(axes.xaxis, "bottom") + _tick_labels(axes.xaxis, "top")
    reach = [(at * width, _letters(text) / LETTERS_AN_INCH / 2) for at, text in labels]
    before, after = [half - at for at, half in reach], [at + half - width for at, half in reach]
    return max(before, default=0.0), max(after, default=0.0)


def _lines(text: str) -> float:
    """Inches of height."""
    return LINE * (text.count("\n") + 1) if text else 0.0


def _letters(text: str) -> int:
    """In the longest line."""
    return max(map(len, text.split("\n")))


def _inches(axes: Axes) -> tuple[float, float]:
    figure = axes.get_figure()
    assert figure is not None, "panels are in a figure"
    return axes.bbox.width / figure.dpi, axes.bbox.height / figure.dpi
