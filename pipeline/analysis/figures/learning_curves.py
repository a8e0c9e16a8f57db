"""Training loss, and test accuracy where it was asked for, over epochs: first the data, then the drawings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.labels import arm_labels
from pipeline.analysis.figures.style import (
    LOG_FROM,
    MOST_POINTS,
    PALETTE,
    PANEL,
    Drawing,
    Look,
    grid_shape,
    look,
    new_figure,
    plain_numbers,
    plan_legend,
    render,
    shortened,
)
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.results import Columns, StudyResults
from pipeline.wording import counted, listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_PANELS = 12

MOST_LINES = 2 * len(PALETTE)
"""Arms of a panel: in a small one, more cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What is drawn over epochs.

    Attributes:
        name: of the figure's file.
        column: of the histories.
        words: what notes call it.
        axis: what the vertical axes say.
        unit: what a value is divided by.
        most: the largest value that there can be, in that unit.
        note: what to say besides.
    """

    name: str
    column: str
    words: str
    axis: str
    unit: float = 1.0
    most: float = math.inf
    note: str = ""


TRAIN_LOSS = Quantity(name="learning_curves", column="train_loss", words="training loss", axis="training loss (nats)")
TEST_ACCURACY = Quantity(
    name="learning_curves_test",
    column="test_accuracy",
    words="test accuracy",
    axis="test accuracy (%)",
    unit=0.01,
    most=100.0,
    note=" It is logged and never selected on: results are those of the network with the lowest training loss.",
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """The learning curves of the first ``MOST_PANELS`` data sets that have any; test accuracy first, if recorded."""
    available = datasets_with_curves(results)
    if not available:
        return "No trial is done yet, so there is no learning curve."
    # Only what is drawn is read: curves of 85 data sets are thousands of files.
    records = epoch_records(results, available[:MOST_PANELS])
    drawings = {}
    for quantity in (TEST_ACCURACY, TRAIN_LOSS):
        curves = learning_curves(records, quantity)
        if len(curves):
            datasets = [name for name in available[:MOST_PANELS] if name in set(curves["dataset"])]
            drawing = draw_learning_curves(curves, quantity, arm_labels(results), datasets)
            notes = (*drawing.notes, *_left_out(results, available))
            drawings[quantity.name] = replace(drawing, notes=notes)
    return drawings


def datasets_with_curves(results: StudyResults) -> list[str]:
    """The data sets in which some done trial of an arm that is drawn has a history, in the order of the study."""
    present = set(_trials(results)["dataset"])
    return [name for name in results.datasets if name in present]


def epoch_records(results: StudyResults, datasets: Sequence[str]) -> pd.DataFrame:
    """The histories of the first ``MOST_LINES`` arms on ``datasets`` in one frame: ``dataset, arm, epoch, train_loss,
    test_accuracy``.

    The first two columns are categories in the order of the study; ``test_accuracy`` is NaN in epochs in which it was
    not asked for.
    """
    import numpy as np
    import pandas as pd

    quantities = [quantity.column for quantity in (TRAIN_LOSS, TEST_ACCURACY)]
    trials = _trials(results)
    trials = trials[trials["dataset"].isin(datasets)]
    if trials.empty:
        return pd.DataFrame(columns=["dataset", "arm", "epoch", *quantities])
    # Positions instead of names: grouping millions of epochs by text would take most of a report's time.
    places = {
        column: {name: at for at, name in enumerate(names)}
        for column, names in (("dataset", results.datasets), ("arm", results.arms))
    }
    histories = [results.histories[trial] for trial in trials["trial_id"]]
    lengths = [len(history["epoch"]) for history in histories]
    codes = {name: np.repeat([at[each] for each in trials[name]], lengths) for name, at in places.items()}
    return pd.DataFrame(
        {
            "dataset": pd.Categorical.from_codes(codes["dataset"], results.datasets),
            "arm": pd.Categorical.from_codes(codes["arm"], results.arms),
            "epoch": np.concatenate([history["epoch"] for history in histories]),
        }
        | {name: np.concatenate([_recorded(history, name) for history in histories]) for name in quantities}
    )


def _recorded(history: Columns, name: str) -> NDArray[np.float64]:
    """NaN where an earlier version did not record it: a test accuracy."""
    import numpy as np

    return history[name] if name in history else np.full(len(history["epoch"]), np.nan)


def learning_curves(records: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """A quantity of each data set and arm over epochs: ``dataset, arm, epoch, mean, std, seeds``, in its unit.

    Mean and sample standard deviation (ddof = 1, NaN for one trial) are over the trials that have recorded it,
    ``seeds`` is their number. Only epochs that all of them recorded: where a shorter one ended the mean would jump.
    Rows are in the order of the study; data sets and arms without a record have none.

    Args:
        records: from ``epoch_records``.
        quantity: which.
    """
    known = records[["dataset", "arm", "epoch", quantity.column]].dropna()
    curves = known.groupby(["dataset", "arm", "epoch"], observed=True)[quantity.column]
    curves = curves.agg(["mean", "std", "size"]).reset_index()
    curves["seeds"] = curves.groupby(["dataset", "arm"], observed=True)["size"].transform("max")
    curves = curves[curves["size"] == curves["seeds"]].reset_index(drop=True)
    curves[["mean", "std"]] /= quantity.unit
    return curves[["dataset", "arm", "epoch", "mean", "std", "seeds"]]


def draw_learning_curves(
    curves: pd.DataFrame, quantity: Quantity, arms: Mapping[str, str], datasets: Sequence[str]
) -> Drawing:
    """One panel a data set, one line an arm, a band of one standard deviation over seeds.

    Args:
        curves: from ``learning_curves``.
        quantity: what they are of.
        arms: all arms of the study in its order, so that an arm keeps its colour whatever is missing, and what the
            legend calls them. The first ``MOST_LINES`` are drawn.
        datasets: those to draw; each has a curve.
    """
    spread = "the band is one sample standard deviation (none for a single seed)."
    notes = [f"Mean {quantity.words} over seeds; {spread}{quantity.note}"]
    if len(arms) > MOST_LINES:
        notes.append(
            f"Only the first {MOST_LINES} arms are drawn, without {listed(list(arms)[MOST_LINES:], between='; ')}."
        )
    run = _run(curves.groupby(["dataset", "arm"], observed=True).size().max())
    if run > 1:
        notes.append(f"A point of a curve of over {MOST_POINTS} epochs is the mean of up to {run} neighbouring ones.")
    return Drawing(
        picture=render(quantity.name, lambda: _figure(curves, quantity, arms, datasets)),
        alt=f"{quantity.words.capitalize()} over epochs, a panel a data set, a line an arm",
        notes=tuple(notes),
    )


def _trials(results: StudyResults) -> pd.DataFrame:
    """The done trials of the arms that are drawn, if they have a history."""
    chosen = (results.trials["status"] == "done") & results.trials["arm"].isin(results.arms[:MOST_LINES])
    return results.trials[chosen & results.trials["trial_id"].isin(set(results.histories))]


def _figure(curves: pd.DataFrame, quantity: Quantity, arms: Mapping[str, str], datasets: Sequence[str]) -> Figure:
    rows, columns = grid_shape(len(datasets))
    width = PANEL * columns if columns > 1 else 5.6
    drawn = list(arms)[:MOST_LINES]
    legend = plan_legend(drawn, width, arms)
    figure = new_figure(width, 0.5 + 2.3 * rows + legend.height)
    looks = {arm: look(index) for index, arm in enumerate(drawn)}
    logarithmic = quantity is TRAIN_LOSS and _mostly_steep(curves[curves["dataset"].isin(datasets)])
    for index, dataset in enumerate(datasets):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.set_title(shortened(dataset, 30), loc="left")
        _draw_panel(axes, curves[curves["dataset"] == dataset], quantity, looks, logarithmic=logarithmic)
    figure.supxlabel("epoch")
    figure.supylabel(quantity.axis)
    legend.draw(figure, list(looks.values()))
    return figure


def _mostly_steep(curves: pd.DataFrame) -> bool:
    """Whether a logarithmic axis shows more in at least half of the panels. All have the same: panels side by side are
    compared, and half of them on another scale would mislead."""
    spans = curves.groupby("dataset", observed=True)["mean"].agg(["min", "max"])
    if (spans["min"] <= 0).any():
        return False
    return bool((spans["max"] / spans["min"] >= LOG_FROM).mean() >= 0.5)


def _draw_panel(
    axes: Axes, curves: pd.DataFrame, quantity: Quantity, looks: Mapping[str, Look], *, logarithmic: bool
) -> None:
    """Draws the curves of one data set; the first arm last, so that it lies on top."""
    low = curves["mean"].min()
    by_arm = {str(arm): own for arm, own in curves.groupby("arm", observed=True)}
    for arm in reversed([arm for arm in looks if arm in by_arm]):
        curve = by_arm[arm]
        epoch, mean, std = (_by_runs(curve[name].to_numpy()) for name in ("epoch", "mean", "std"))
        # A line through a single point would be invisible.
        single: Look = {"marker": "o", "markersize": 3.5} if len(curve) == 1 else {}
        (line,) = axes.plot(epoch, mean, **looks[arm], **single)
        tag(line, series=arm, marks=[_mark(curve.iloc[-1], quantity)])
        # Nothing drawn is negative, an accuracy is at most 1, and a logarithmic axis has no zero.
        bottom = (mean - std).clip(min=low / 2 if logarithmic else 0.0)
        top = (mean + std).clip(max=quantity.most)
        band = axes.fill_between(epoch, bottom, top, color=looks[arm]["color"], alpha=0.15, linewidth=0)
        tag(band, series=arm)
    _set_epochs(axes, int(curves["epoch"].max()))
    if quantity is TRAIN_LOSS:
        _set_losses(axes, logarithmic, low)


def _run(epochs: int) -> int:
    """How many neighbouring epochs of a curve are drawn as one point."""
    return -(-epochs // MOST_POINTS)


def _by_runs(values: NDArray[Any]) -> NDArray[np.float64]:
    """Their means over each run. Every fifth epoch alone would show the noise of single epochs, and no difference."""
    import numpy as np

    starts = np.arange(0, len(values), _run(len(values)))
    return np.add.reduceat(values, starts) / np.diff(starts, append=len(values))


def _mark(end: pd.Series, quantity: Quantity) -> Mark:
    """Of a curve that ends with this row."""
    arm, dataset, seeds = str(end["arm"]), str(end["dataset"]), int(end["seeds"])
    value = f"{end['mean']:.2f}%" if quantity is TEST_ACCURACY else f"{end['mean']:.3g} nats"
    lines = [arm, dataset, f"{quantity.words} {value} in epoch {end['epoch']}", counted(seeds, "seed")]
    return Mark(text="\n".join(lines), arms=(arm,), dataset=dataset)


def _set_epochs(axes: Axes, epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    if epochs > 1:
        axes.set_xlim(1, epochs)


def _set_losses(axes: Axes, logarithmic: bool, low: float) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    if not logarithmic:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.set_ylim(bottom=low / 1.5)
    low, high = axes.get_ylim()
    # Whole decades alone would leave a short axis with one tick, or none.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    plain_numbers(axes.yaxis)
    axes.yaxis.set_minor_locator(NullLocator())  # dozens of ticks, each laid out like a label


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
