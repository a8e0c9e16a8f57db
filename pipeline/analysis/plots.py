"""Learning curves: first the data, then the drawing. matplotlib is imported only where something is drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.analysis.results import StudyResults

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours for all kinds of colour vision, without their yellow, which is too faint on white."""

DASHES = ("solid", "dashed", "dotted", "dashdot")
"""After the last colour the palette starts again with the next of these."""

MOST_ARMS = len(PALETTE) * len(DASHES)
MOST_PANELS = 12
MOST_POINTS = 200
"""Epochs drawn of one curve: more cannot be told apart, and every point makes the page longer."""

LOG_FROM = 20.0
"""A panel whose largest mean loss is this many times its smallest has a logarithmic axis."""

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
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": "#767676",
    "ytick.color": "#767676",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "figure.labelsize": 10.0,
    "legend.frameon": False,
}

Look = Mapping[str, Any]
"""Keyword arguments of a line: its colour, dashes and width."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """An SVG element that stands alone in a file or inside a page, and sentences on what it does not show."""

    svg: str
    notes: tuple[str, ...]


def learning_curves(results: StudyResults) -> pd.DataFrame:
    """The training loss of each data set and arm over the epochs: ``dataset, arm, epoch, mean, std, seeds``.

    Mean and sample standard deviation (ddof = 1, NaN for one trial) are over the done trials that have a history,
    ``seeds`` is their number. Only epochs that all of them reached: where a shorter one ended the mean would jump.
    Rows are in the order of the study (the first two columns are categories in that order); data sets and arms without
    a history have none.
    """
    import pandas as pd

    columns = ["dataset", "arm", "epoch", "mean", "std", "seeds"]
    trials = results.trials[
        (results.trials["status"] == "done") & results.trials["trial_id"].isin(set(results.histories))
    ]
    if trials.empty:
        return pd.DataFrame(columns=columns)
    # Positions instead of names: grouping millions of epochs by text would take most of a report's time.
    dataset_at, arm_at = ({name: at for at, name in enumerate(names)} for names in (results.datasets, results.arms))
    losses = pd.concat(
        [
            results.histories[trial][["epoch", "train_loss"]].assign(dataset=dataset_at[dataset], arm=arm_at[arm])
            for trial, dataset, arm in zip(trials["trial_id"], trials["dataset"], trials["arm"], strict=True)
        ]
    )
    curves = losses.groupby(["dataset", "arm", "epoch"])["train_loss"].agg(["mean", "std", "size"]).reset_index()
    curves["seeds"] = curves.groupby(["dataset", "arm"])["size"].transform("max")
    curves = curves[curves["size"] == curves["seeds"]].reset_index(drop=True)
    curves["dataset"] = pd.Categorical.from_codes(curves["dataset"], results.datasets)
    curves["arm"] = pd.Categorical.from_codes(curves["arm"], results.arms)
    return curves[columns]


def draw_learning_curves(curves: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Drawing | None:
    """One panel a data set, one line an arm, a band of one standard deviation over seeds; None without any curve.

    Args:
        curves: from ``learning_curves``.
        arms: all arms of the study in its order, so that an arm keeps its colour whatever is missing.
        datasets: all data sets of the study in its order. The first ``MOST_PANELS`` with a curve are drawn, and the
            first ``MOST_ARMS`` arms; the notes say what is left out.
    """
    import matplotlib

    present = set(curves["dataset"].unique())
    available = [name for name in datasets if name in present]
    if not available:
        return None
    shown, drawn_arms = available[:MOST_PANELS], arms[:MOST_ARMS]
    with matplotlib.rc_context(STYLE):
        figure = _figure(curves, drawn_arms, shown)
        svg = _to_svg(figure)
    return Drawing(svg=svg, notes=_notes(curves, arms, datasets, shown))


def _figure(curves: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """The figure; the caller has set the style."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    columns = {1: 1, 2: 2, 4: 2}.get(len(datasets), 3)
    rows = math.ceil(len(datasets) / columns)
    width = 3.2 * columns if columns > 1 else 5.6
    letters = int(12 * width)  # of a legend in one line, of which every handle takes 7
    labels = _labels(arms, letters - 7)
    legend_columns = max(1, min(len(arms), letters // (max(map(len, labels)) + 7)))
    height = 0.5 + 2.3 * rows + 0.2 * math.ceil(len(arms) / legend_columns)

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    looks = {arm: _look(index) for index, arm in enumerate(arms)}
    for index, dataset in enumerate(datasets):
        _draw_panel(figure.add_subplot(rows, columns, index + 1), curves[curves["dataset"] == dataset], dataset, looks)
    figure.supxlabel("epoch")
    figure.supylabel("training loss (nats)")
    # Lines made for the legend, because an arm may be missing from any one panel.
    lines = [Line2D([], [], **looks[arm]) for arm in arms]
    figure.legend(lines, labels, loc="outside upper left", ncols=legend_columns)
    return figure


def _draw_panel(axes: Axes, curves: pd.DataFrame, title: str, looks: Mapping[str, Look]) -> None:
    """Draws the curves of one data set; the first arm last, so that it lies on top."""
    axes.set_title(_shortened(title, 30), loc="left")
    low, high = curves["mean"].min(), curves["mean"].max()
    logarithmic = bool(low > 0 and high / low >= LOG_FROM)
    for arm in reversed(list(looks)):
        curve = _thinned(curves[curves["arm"] == arm])
        if curve.empty:
            continue
        axes.plot(curve["epoch"], curve["mean"], **looks[arm])
        # A loss is not negative, and a logarithmic axis has no zero.
        bottom = (curve["mean"] - curve["std"]).clip(lower=low / 2 if logarithmic else 0.0)
        top = curve["mean"] + curve["std"]
        axes.fill_between(curve["epoch"], bottom, top, color=looks[arm]["color"], alpha=0.15, linewidth=0)
    _set_axes(axes, logarithmic, low, int(curves["epoch"].max()))


def _set_axes(axes: Axes, logarithmic: bool, low: float, epochs: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    if epochs > 1:
        axes.set_xlim(1, epochs)
    if not logarithmic:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.set_ylim(bottom=low / 1.5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _look(index: int) -> Look:
    """How the arm of this index is drawn; the first is a little thicker."""
    dashes = DASHES[index // len(PALETTE)]
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": dashes, "linewidth": 2.0 if index == 0 else 1.4}


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_POINTS`` rows at even steps, the first and the last among them."""
    if len(curve) <= MOST_POINTS:
        return curve
    last = len(curve) - 1
    return curve.iloc[[round(step * last / (MOST_POINTS - 1)) for step in range(MOST_POINTS)]]


def _labels(arms: Sequence[str], longest: int) -> list[str]:
    """What the legend calls the arms: numbered if shortening has made two of them equal."""
    labels = [_shortened(arm, longest) for arm in arms]
    if len(set(labels)) < len(labels):
        labels = [f"{number}. {_shortened(arm, longest - 4)}" for number, arm in enumerate(arms, start=1)]
    # matplotlib leaves labels that begin with an underscore out of a legend; a word joiner in front is invisible.
    return [f"\u2060{label}" if label.startswith("_") else label for label in labels]


def _shortened(label: str, longest: int) -> str:
    """A label with its middle left out if it is too long: labels of one study often share their beginning."""
    if len(label) <= longest:
        return label
    half = (longest - 1) // 2
    return f"{label[:half]}…{label[-half:]}"


def _to_svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element without declaration and metadata; the same figure gives the same text."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _notes(curves: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    """What the figure shows, and what it leaves out."""
    notes = ["Mean training loss over seeds; the band is one sample standard deviation (none for a single seed)."]
    present = set(curves["dataset"].unique())
    hidden = [name for name in datasets if name in present and name not in shown]
    waiting = [name for name in datasets if name not in present]
    if hidden:
        reach = hidden[0] if len(hidden) == 1 else f"those from {hidden[0]} to {hidden[-1]}"
        notes.append(f"Only the first {len(shown)} of {len(shown) + len(hidden)} panels are drawn, without {reach}.")
    if waiting:
        names = ", ".join(waiting) if len(waiting) <= MOST_PANELS else f"{len(waiting)} data sets"
        notes.append(f"No curves yet of {names}.")
    if len(arms) > MOST_ARMS:
        notes.append(f"Only the first {MOST_ARMS} arms are drawn, without {', '.join(arms[MOST_ARMS:])}.")
    if (curves.groupby(["dataset", "arm"], observed=True).size() > MOST_POINTS).any():
        notes.append(f"At most {MOST_POINTS} epochs of each curve are drawn, at even steps.")
    return tuple(notes)
