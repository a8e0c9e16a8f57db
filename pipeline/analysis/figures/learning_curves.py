"""Training loss over epochs: first the data, then the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.analysis.figures.style import (
    LOG_FROM,
    MOST_ARMS,
    PANEL,
    Drawing,
    Look,
    grid_shape,
    label_vertical,
    look,
    new_figure,
    plan_legend,
    render,
    shortened,
)
from pipeline.analysis.results import StudyResults
from pipeline.wording import listed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12
MOST_POINTS = 200
"""Epochs drawn of one curve: more cannot be told apart, and every point makes the page longer."""


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """The learning curves of the first ``MOST_PANELS`` data sets that have any."""
    available = datasets_with_curves(results)
    if not available:
        return "No trial is done yet, so there is no learning curve."
    # Only what is drawn is read: curves of 85 data sets are thousands of files.
    curves = learning_curves(results, available[:MOST_PANELS])
    drawing = draw_learning_curves(curves, results.arms, available[:MOST_PANELS])
    notes = (*drawing.notes, *_left_out(results, available))
    return {"learning_curves": Drawing(svg=drawing.svg, alt=drawing.alt, notes=notes)}


def datasets_with_curves(results: StudyResults) -> list[str]:
    """The data sets in which some done trial has a history, in the order of the study."""
    present = set(_trials(results)["dataset"])
    return [name for name in results.datasets if name in present]


def learning_curves(results: StudyResults, datasets: Sequence[str]) -> pd.DataFrame:
    """The training loss of each of ``datasets`` and arm over epochs: ``dataset, arm, epoch, mean, std, seeds``.

    Mean and sample standard deviation (ddof = 1, NaN for one trial) are over the done trials that have a history,
    ``seeds`` is their number. Only epochs that all of them reached: where a shorter one ended the mean would jump.
    Rows are in the order of the study (the first two columns are categories in that order); data sets and arms without
    a history have none.
    """
    import pandas as pd

    columns = ["dataset", "arm", "epoch", "mean", "std", "seeds"]
    trials = _trials(results)
    trials = trials[trials["dataset"].isin(datasets)]
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


def draw_learning_curves(curves: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Drawing:
    """One panel a data set, one line an arm, a band of one standard deviation over seeds.

    Args:
        curves: from ``learning_curves``.
        arms: all arms of the study in its order, so that an arm keeps its colour whatever is missing. The first
            ``MOST_ARMS`` are drawn.
        datasets: those to draw; each has a curve.
    """
    notes = ["Mean training loss over seeds; the band is one sample standard deviation (none for a single seed)."]
    if len(arms) > MOST_ARMS:
        notes.append(f"Only the first {MOST_ARMS} arms are drawn, without {listed(arms[MOST_ARMS:], between='; ')}.")
    if (curves.groupby(["dataset", "arm"], observed=True).size() > MOST_POINTS).any():
        notes.append(f"At most {MOST_POINTS} epochs of each curve are drawn, at even steps.")
    return Drawing(
        svg=render("learning_curves", lambda: _figure(curves, arms[:MOST_ARMS], datasets)),
        alt="Training loss over epochs, a panel a data set, a line an arm",
        notes=tuple(notes),
    )


def _trials(results: StudyResults) -> pd.DataFrame:
    """The done trials that have a history."""
    done = results.trials["status"] == "done"
    return results.trials[done & results.trials["trial_id"].isin(set(results.histories))]


def _figure(curves: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    rows, columns = grid_shape(len(datasets))
    width = PANEL * columns if columns > 1 else 5.6
    legend = plan_legend(arms, width)
    figure = new_figure(width, 0.5 + 2.3 * rows + legend.height)
    looks = {arm: look(index) for index, arm in enumerate(arms)}
    for index, dataset in enumerate(datasets):
        _draw_panel(figure.add_subplot(rows, columns, index + 1), curves[curves["dataset"] == dataset], dataset, looks)
    figure.supxlabel("epoch")
    label_vertical(figure, "training loss (nats)", legend)
    legend.draw(figure, list(looks.values()))
    return figure


def _draw_panel(axes: Axes, curves: pd.DataFrame, title: str, looks: Mapping[str, Look]) -> None:
    """Draws the curves of one data set; the first arm last, so that it lies on top."""
    axes.set_title(shortened(title, 30), loc="left")
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


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_POINTS`` rows at even steps, the first and the last among them."""
    if len(curve) <= MOST_POINTS:
        return curve
    last = len(curve) - 1
    return curve.iloc[[round(step * last / (MOST_POINTS - 1)) for step in range(MOST_POINTS)]]


def _left_out(results: StudyResults, available: Sequence[str]) -> list[str]:
    """The data sets that are not drawn, and why."""
    notes = []
    hidden = available[MOST_PANELS:]
    waiting = [name for name in results.datasets if name not in available]
    if hidden:
        reach = hidden[0] if len(hidden) == 1 else f"those from {hidden[0]} to {hidden[-1]}"
        notes.append(f"Only the first {MOST_PANELS} of {len(available)} panels are drawn, without {reach}.")
    if waiting:
        notes.append(f"No curves yet of {listed(waiting, most=MOST_PANELS)}.")
    return notes
