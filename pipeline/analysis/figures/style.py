"""How every figure looks: colours, fonts, legends, names that fit. matplotlib is imported where something is drawn."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours for all kinds of colour vision, without their yellow, which is too faint on white."""

DASHES = ("solid", "dashed", "dotted", "dashdot")
MARKERS = ("o", "s", "^", "D")
"""After the last colour the palette starts again with the next of these."""

MOST_ARMS = len(PALETTE) * len(DASHES)

LOG_FROM = 20.0
"""An axis whose largest value is this many times its smallest is logarithmic."""

PANEL = 3.2
"""Inches of a panel's width, of which three fill the page."""

LETTERS_AN_INCH = 12
"""Of the figures' text, on the safe side."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, selectable
    "svg.hashsalt": "dsn",  # else the ids inside, and so the file, change from run to run
    "text.parse_math": False,  # a $ in the name of an arm is a dollar
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#767676",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": "#767676",
    "ytick.color": "#767676",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "figure.labelsize": 10.0,
    "legend.frameon": False,
}

Look = dict[str, Any]
"""Keyword arguments of a line: its colour, dashes and width."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure.

    Attributes:
        svg: an SVG element that stands alone in a file or inside a page.
        alt: what it shows, for who cannot see it.
        notes: sentences on how to read it and on what it leaves out.
    """

    svg: str
    alt: str
    notes: tuple[str, ...]


def render(name: str, draw: Callable[[], Figure]) -> str:
    """What ``draw`` makes in our style, as an ``<svg>`` element without declaration and metadata.

    The same figure gives the same text. Ids inside begin with ``name``, so that several figures can share a page.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        file = io.StringIO()
        figure = draw()
        _freeze_layout(figure)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    return re.sub(r'( id="| xlink:href="#|url\(#)', rf"\g<1>{name}-", text[text.index("<svg") :])


def _freeze_layout(figure: Figure) -> None:
    """Lay the figure out, once, on round numbers: the solver's last digits depend on where objects lie in memory, and
    the ids of clipping areas are hashes of all digits."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = axes.get_position(original=True).bounds
        axes.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that many inches, outside pyplot's global state."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=72, layout="constrained", facecolor="white")
    FigureCanvasSVG(figure)  # so that texts are measured as they will be written
    return figure


def grid_shape(panels: int) -> tuple[int, int]:
    """(rows, columns) in which so many panels are set."""
    columns = {1: 1, 2: 2, 4: 2}.get(panels, 3)
    return math.ceil(panels / columns), columns


def look(index: int) -> Look:
    """How the line of this index is drawn; the first is a little thicker."""
    dashes = DASHES[index // len(PALETTE) % len(DASHES)]
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": dashes, "linewidth": 2.0 if index == 0 else 1.4}


def marked(index: int) -> Look:
    """The same with a marker at every point."""
    return look(index) | {"marker": MARKERS[index // len(PALETTE) % len(MARKERS)], "markersize": 5.0}


@dataclass(frozen=True, kw_only=True)
class Legend:
    """The legend above a figure's panels. Planned before the figure, which must have room for its rows."""

    labels: tuple[str, ...]
    columns: int

    @property
    def height(self) -> float:
        """Inches."""
        return 0.2 * math.ceil(len(self.labels) / self.columns)

    def draw(self, figure: Figure, looks: Sequence[Look]) -> None:
        """With lines made for it, because any one may be missing from any panel."""
        from matplotlib.lines import Line2D

        lines = [Line2D([], [], **each) for each in looks]
        figure.legend(lines, self.labels, loc="outside upper left", ncols=self.columns)


def label_vertical(figure: Figure, text: str, legend: Legend | None = None) -> None:
    """One label for all vertical axes, centred on the panels: on the whole figure it would run into a tall legend."""
    top = legend.height / figure.get_figheight() if legend else 0.0
    figure.supylabel(text, y=(1 - top) / 2)


def plan_legend(names: Sequence[str], width: float) -> Legend:
    """A legend for ``names`` in a figure of ``width`` inches."""
    letters = int(LETTERS_AN_INCH * width)  # in one line, of which every handle takes 7
    labels = _distinct(names, letters - 7)
    return Legend(labels=labels, columns=max(1, min(len(names), letters // (max(map(len, labels)) + 7))))


def _distinct(names: Sequence[str], longest: int) -> tuple[str, ...]:
    """The names, shortened; numbered if that has made two of them equal."""
    labels = [shortened(name, longest) for name in names]
    if len(set(labels)) < len(labels):
        labels = [f"{number}. {shortened(name, longest - 4)}" for number, name in enumerate(names, start=1)]
    # matplotlib leaves labels that begin with an underscore out of a legend; a word joiner in front is invisible.
    return tuple(f"\u2060{label}" if label.startswith("_") else label for label in labels)


def shortened(label: str, longest: int) -> str:
    """A label with its middle left out if it is too long: labels of one study often share their beginning."""
    if len(label) <= longest:
        return label
    half = (longest - 1) // 2
    return f"{label[:half]}…{label[-half:]}"


def wrapped(label: str, letters: int, lines: int) -> str:
    """A label in at most so many lines of at most so many letters, shortened in its middle if it does not fit."""
    broken = textwrap.wrap(label, letters)
    if len(broken) > lines:
        # Breaking at words leaves lines short; this much fits wherever they break.
        broken = textwrap.wrap(shortened(label, letters * lines * 2 // 3), letters)
    return "\n".join(broken[:lines])


def set_value_axis(axes: Axes, values: Sequence[float], room: float) -> None:
    """The horizontal axis of a factor: logarithmic over a wide range, its ticks at those values whose labels fit.

    Args:
        axes: to be set.
        values: at least two, ascending.
        room: the part of the axis that a label needs.
    """
    from matplotlib.ticker import FixedFormatter, NullLocator

    logarithmic = values[0] > 0 and values[-1] / values[0] >= LOG_FROM
    scale = math.log if logarithmic else float
    if logarithmic:
        axes.set_xscale("log")
    shown = [values[0]]
    for value in values[1:]:
        if scale(value) - scale(shown[-1]) >= room * (scale(values[-1]) - scale(values[0])):
            shown.append(value)
    axes.set_xticks(shown)
    axes.xaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in shown]))
    axes.xaxis.set_minor_locator(NullLocator())
