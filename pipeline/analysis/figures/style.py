"""How every figure looks: colours, fonts, legends, names that fit. matplotlib is imported where something is drawn."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.layout import GAP, LETTERS_AN_INCH, LINE, lay_out
from pipeline.analysis.figures.svg import finished, tag

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

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

NAME_LETTERS = 23
"""Letters in a line of the names of a figure's rows: ``sparsity.explore=false`` is not broken."""

WORD_ROOM = 0.25
"""The part of a factor's axis from a value that is a word to the next value."""

MOST_POINTS = 200
"""Points drawn of one curve: more cannot be told apart, and every point makes the page longer."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, selectable
    "svg.hashsalt": "dsn",  # else the ids inside, and so the file, change from run to run
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "text.parse_math": False,  # a $ in the name of an arm is a dollar
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#767676",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titley": 1.0,  # else matplotlib measures the ticks to see whether some are in the way
    "axes.formatter.limits": (-12, 12),  # no power of ten above an axis, where its title is
    "axes.formatter.useoffset": False,  # nor a number to be added
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
class Picture:
    """What is drawn, under a name that is its own on a page.

    Attributes:
        name: what ids inside begin with.
        svg: an SVG element that stands alone in a file or, by ``svg.on_page``, inside a page.
        draw: draws it again.
    """

    name: str
    svg: str
    draw: Callable[[], Figure] = field(compare=False, repr=False)

    def pdf(self) -> bytes:
        """The same for print. It takes as long as the SVG or longer, so it is made only where it is asked for.

        Fonts are embedded, and nothing in it tells when or with which version it was made: the same figure gives the
        same bytes.
        """
        import matplotlib
        from matplotlib.backends.backend_pdf import FigureCanvasPdf

        with matplotlib.rc_context(STYLE):
            file = io.BytesIO()
            canvas = FigureCanvasPdf(_laid_out(self.draw))
            canvas.print_pdf(file, metadata=dict.fromkeys(_PDF_STAMPS))  # type: ignore[no-untyped-call]
        return file.getvalue()


_PDF_STAMPS = ("Creator", "Producer", "CreationDate")
_SVG_STAMPS = ("Date", "Creator", "Format", "Type")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure.

    Attributes:
        picture: what is seen.
        alt: what it shows, for who cannot see it.
        notes: sentences on how to read it and on what it leaves out.
    """

    picture: Picture
    alt: str
    notes: tuple[str, ...]

    @property
    def svg(self) -> str:
        """The picture as an SVG element."""
        return self.picture.svg


def render(name: str, draw: Callable[[], Figure]) -> Picture:
    """What ``draw`` makes in our style. The same figure gives the same text."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with matplotlib.rc_context(STYLE):
        file = io.StringIO()
        # Not savefig, which draws everything once more beforehand, for layout engines.
        canvas = FigureCanvasSVG(_laid_out(draw))
        canvas.print_svg(file, metadata=dict.fromkeys(_SVG_STAMPS))  # type: ignore[no-untyped-call]
    return Picture(name=name, svg=finished(file.getvalue(), name), draw=draw)


def _laid_out(draw: Callable[[], Figure]) -> Figure:
    figure = draw()
    lay_out(figure)
    return figure


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that many inches, outside pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=72, facecolor="white")
    figure.subplots_adjust(left=0.0, top=1.0)
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


def group_bands(groups: int) -> list[range]:
    """Kernel groups, numbered from 1, by colour: one each, or runs of neighbours if they are more than the colours."""
    run = max(1, -(-groups // len(PALETTE)))
    return [range(first, min(first + run, groups + 1)) for first in range(1, groups + 1, run)]


def group_color(group: int, groups: int) -> str:
    """The colour of a kernel group's band."""
    return next(color for color, band in zip(PALETTE, group_bands(groups), strict=False) if group in band)


def group_legend(groups: int, width: float) -> tuple[Legend, list[Look]]:
    """The legend of the bands, for a figure of ``width`` inches, and their looks: thick lines, as of bars."""
    bands = group_bands(groups)
    labels = [
        f"kernel group {band[0]}" if len(band) == 1 else f"kernel groups {band[0]} to {band[-1]}" for band in bands
    ]
    return plan_legend(labels, width), [{"color": color, "linewidth": 6.0} for color in PALETTE[: len(bands)]]


@dataclass(frozen=True, kw_only=True)
class Legend:
    """The legend above a figure's panels. Planned before the figure, which must have room for its rows.

    Attributes:
        series: what the entries stand for.
        labels: their names as far as there is room.
        columns: of the legend.
    """

    series: tuple[str, ...]
    labels: tuple[str, ...]
    columns: int

    @property
    def height(self) -> float:
        """Inches."""
        return 0.1 + 0.185 * math.ceil(len(self.labels) / self.columns)

    def draw(self, figure: Figure, looks: Sequence[Look]) -> None:
        """With lines made for it, because any one may be missing from any panel."""
        from matplotlib.lines import Line2D

        lines = [Line2D([], [], **each) for each in looks]
        legend = figure.legend(lines, self.labels, loc="upper left", ncols=self.columns)
        figure.subplots_adjust(top=1 - self.height / figure.get_figheight())
        for parts in (legend.legend_handles, legend.get_texts()):
            for part, series in zip(parts, self.series, strict=True):
                assert part is not None, "lines have handles"
                tag(part, legend=series)


def plan_legend(names: Sequence[str], width: float, words: Mapping[str, str] | None = None) -> Legend:
    """A legend for ``names`` in a figure of ``width`` inches, which calls them by ``words`` if there are any."""
    letters = int(LETTERS_AN_INCH * width)  # in one line, of which every handle takes 7
    labels = _distinct([words[name] for name in names] if words else names, letters - 7)
    return Legend(
        series=tuple(names), labels=labels, columns=max(1, min(len(names), letters // (max(map(len, labels)) + 7)))
    )


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


def name_rows(figure: Figure, names: Sequence[str], places: Sequence[tuple[Transform, float]]) -> None:
    """Writes the names of a figure's rows, wrapped and if need be shortened, on the left of its panels.

    Args:
        figure: its label of the vertical axes is on the left of the names.
        names: from above.
        places: the middle of each row, in coordinates that the transform takes.
    """
    from matplotlib.transforms import blended_transform_factory

    lines = [wrapped(name, NAME_LETTERS, 4) for name in names]
    begin = LINE + 2 * GAP
    width = max(len(line) for name in lines for line in name.splitlines()) / LETTERS_AN_INCH + GAP
    figure.subplots_adjust(left=(begin + width) / figure.get_figwidth())
    for name, (transform, middle) in zip(lines, places, strict=True):
        at = blended_transform_factory(figure.transFigure, transform)
        place = (begin / figure.get_figwidth(), middle)
        figure.text(*place, name, transform=at, va="center", fontweight="bold", fontsize=8.5)


def plain_numbers(axis: Axis) -> None:
    """Labels the ticks of an axis whose numbers may be of any size."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_POINTS`` rows at even steps, the first and the last among them."""
    if len(curve) <= MOST_POINTS:
        return curve
    last = len(curve) - 1
    return curve.iloc[[round(step * last / (MOST_POINTS - 1)) for step in range(MOST_POINTS)]]


@dataclass(frozen=True, kw_only=True)
class ValueAxis:
    """The horizontal axis of a factor: its numbers from 0 to 1, and before them what it has of words.

    Attributes:
        numbers: at least two, ascending; over a wide range they are set by their logarithms.
        words: values that are no numbers, such as ``dense`` of a sparsity.
    """

    numbers: tuple[float, ...]
    words: tuple[str, ...] = ()

    def at(self, value: float | str) -> float:
        """Where a value is."""
        if isinstance(value, str):
            return WORD_ROOM * (self.words.index(value) - len(self.words))
        first, last = self._scaled(self.numbers[0]), self._scaled(self.numbers[-1])
        return (self._scaled(value) - first) / (last - first)

    def set(self, axes: Axes, width: float) -> None:
        """Ticks at the words, and at those numbers whose labels fit into the axis' ``width``, in inches."""
        low, high = (self.at(self.words[0]) if self.words else 0.0) - 0.06, 1.06
        shown = [self.numbers[0]]
        for value in self.numbers[1:]:
            apart = width * (self.at(value) - self.at(shown[-1])) / (high - low)
            if apart * LETTERS_AN_INCH >= (len(f"{value:g}") + len(f"{shown[-1]:g}")) / 2 + 1:
                shown.append(value)
        ticks: list[float | str] = [*self.words, *shown]
        labels = [shortened(tick, 10) if isinstance(tick, str) else f"{tick:g}" for tick in ticks]
        axes.set_xticks([self.at(tick) for tick in ticks], labels)
        axes.set_xlim(low, high)

    def _scaled(self, value: float) -> float:
        wide = self.numbers[0] > 0 and self.numbers[-1] / self.numbers[0] >= LOG_FROM
        return math.log(value) if wide else value
