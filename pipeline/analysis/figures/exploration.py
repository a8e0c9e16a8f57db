"""How many weights exploration has tried, and how fast masks change: first the data, then the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.analysis.figures.labels import arm_labels
from pipeline.analysis.figures.networks import (
    arms_of,
    basis,
    drawable,
    evenly_spread,
    layers_of,
    left_out,
)
from pipeline.analysis.figures.style import (
    MOST_ARMS,
    PANEL,
    Drawing,
    Look,
    look,
    new_figure,
    plan_legend,
    render,
    thinned,
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

PANELS = (("itop_rate", "weights active at some time (%)"), ("mask_churn", "active weights changed by an update (%)"))
"""Measure, by its name among the metrics of a whole training (``results.METRICS``), and what its panel says."""

_NOTE = (
    "Left: positions that were active at some time so far, of all weights of the sparse layers (the ITOP rate). Right: "
    "active weights at positions that were off before the update, a mean over an epoch's updates; of a network without "
    "one in that epoch, its latest. Bands are one sample standard deviation over networks (none for a single one). The "
    "first of lines that coincide is on top."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure of both measures, a line an arm."""
    trials = drawable(results, results.mask_updates, "The mask updates of this study's trials")
    if isinstance(trials, str):
        return trials
    arms = arms_of(results, trials)
    drawn = trials[trials["arm"].isin(arms[:MOST_ARMS])]
    curves = exploration(results, evenly_spread(drawn))
    notes = (_NOTE, basis(drawn), *_reach(results, drawn), *left_out(results, arms, MOST_ARMS))
    looks = {arm: look(index) for index, arm in enumerate(results.arms) if arm in arms[:MOST_ARMS]}
    picture = render("exploration", lambda: _figure(curves, looks, arm_labels(results)))
    alt = "Share of weights explored, and of active weights changed by an update, over epochs, a line an arm"
    return {"exploration": Drawing(picture=picture, alt=alt, notes=notes)}


def exploration(results: StudyResults, trials: pd.DataFrame) -> pd.DataFrame:
    """Both measures over epochs, in the order of the study: ``measure, arm, epoch, mean, std, networks``.

    ``itop_rate`` is the part of all weights of the sparse layers whose position was active at some time up to the end
    of the epoch (epoch 0: the start), from the start to the last epoch of training. ``mask_churn`` is the part of the
    active weights that an update turned on where they were off before, a mean over the updates of the epoch, or of the
    latest epoch with one; in epochs in which some network has one, from that on in which all have had one, and 0
    throughout where a topology is fixed. Mean and sample standard deviation (ddof = 1) are over all ``networks`` of the
    arm.

    Args:
        results: of the study.
        trials: which to take the mean over, from ``networks.drawable``.
    """
    import pandas as pd

    parts = []
    for arm, own in trials.groupby("arm", sort=False):
        last = results.configs[str(arm)].training.epochs
        networks = [
            _network(results.mask_updates[trial], _weights(results, str(arm), dataset), last)
            for trial, dataset in zip(own["trial_id"], own["dataset"], strict=True)
        ]
        for measure, _ in PANELS:
            each = _side_by_side([network.epochs for network in networks], [getattr(one, measure) for one in networks])
            # What holds of a network does so until its next update. In steps, these are not those of the others: a mean
            # over the networks with an update in an epoch would be one over other networks in each epoch.
            known = each.ffill()[each.notna().any(axis=1)].dropna()
            curve = {"mean": known.mean(axis=1), "std": known.std(axis=1, ddof=1), "networks": known.count(axis=1)}
            parts.append(pd.DataFrame(curve).rename_axis("epoch").reset_index().assign(measure=measure, arm=arm))
    curves = pd.concat(parts, ignore_index=True)
    return curves[["measure", "arm", "epoch", "mean", "std", "networks"]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Network:
    """Both measures of one network in its ``epochs``, which ascend; NaN where there is none. Arrays, because there are
    hundreds of networks."""

    epochs: NDArray[np.int64]
    itop_rate: NDArray[np.float64]
    mask_churn: NDArray[np.float64]


def _network(updates: Columns, weights: int, last: int) -> _Network:
    """From its record, in which every moment has a row a kernel group; ``last`` is the last epoch of training."""
    import numpy as np

    epoch, step = updates["epoch"], updates["step"]
    steps = int(step.max()) + 1
    moments, at = np.unique(epoch * steps + step, return_inverse=True)
    active, changed, covered = (np.bincount(at, weights=updates[name]) for name in ("active", "changed", "covered"))
    epochs, of_epoch, moments_in = np.unique(moments // steps, return_inverse=True, return_counts=True)
    itop_rate = covered[np.cumsum(moments_in) - 1] / weights
    mask_churn = np.bincount(of_epoch, weights=changed / active) / moments_in
    unknown = float("nan") if len(epochs) > 1 else 0.0  # a fixed topology never changes
    mask_churn[0] = unknown  # the start is no update
    if epochs[-1] < last:
        epochs, itop_rate = np.append(epochs, last), np.append(itop_rate, itop_rate[-1])
        mask_churn = np.append(mask_churn, unknown)
    return _Network(epochs=epochs, itop_rate=itop_rate, mask_churn=mask_churn)


def _side_by_side(epochs: Sequence[NDArray[np.int64]], values: Sequence[NDArray[np.float64]]) -> pd.DataFrame:
    """A row an epoch, a column a network."""
    import numpy as np
    import pandas as pd

    known = np.unique(np.concatenate(epochs))
    columns = np.full((len(epochs), len(known)), np.nan)
    for column, own, each in zip(columns, epochs, values, strict=True):
        column[np.searchsorted(known, own)] = each
    return pd.DataFrame(columns.T, index=known)


def _weights(results: StudyResults, arm: str, dataset: str) -> int:
    """All weights, active or not, of the sparse layers."""
    model = results.configs[arm].model
    layers = layers_of(results, arm, dataset)
    return sum(model.channels * layer.sparse_inputs * model.kernel_size for layer in layers if layer.groups)


def _reach(results: StudyResults, trials: pd.DataFrame) -> list[str]:
    """How much can be covered where kernel groups keep to their regions."""
    limits = {}
    for arm, dataset in trials.groupby("arm", sort=False)["dataset"].first().items():
        regions = sum(
            group.channels * layer.sparse_inputs * group.region
            for layer in layers_of(results, arm, dataset)
            for group in layer.groups or ()
        )
        limits[arm] = regions / _weights(results, arm, dataset)
    below = [f"{100 * limit:.0f}% for {arm}" for arm, limit in limits.items() if limit < 1]
    if not below:
        return []
    return [f"Regions bound what can be covered: {listed(below, most=MOST_ARMS, between='; ')}."]


def _figure(curves: pd.DataFrame, looks: Mapping[str, Look], names: Mapping[str, str]) -> Figure:
    width = 3 * PANEL
    legend = plan_legend(list(looks), width, names)
    figure = new_figure(width, 3.2 + legend.height)
    for index, (measure, label) in enumerate(PANELS):
        axes = figure.add_subplot(1, len(PANELS), index + 1)
        _draw_panel(axes, curves[curves["measure"] == measure], looks)
        axes.set_title(label, loc="left", fontweight="normal")
    figure.supxlabel("epoch")
    legend.draw(figure, list(looks.values()))
    return figure


def _draw_panel(axes: Axes, curves: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """The first arm last, so that it lies on top."""
    from matplotlib.ticker import MaxNLocator

    for arm in reversed(list(looks)):
        curve = thinned(curves[curves["arm"] == arm])
        (line,) = axes.plot(curve["epoch"], 100 * curve["mean"], **looks[arm])
        tag(line, series=arm, marks=[_mark(arm, curve.iloc[-1])])
        bottom, top = (curve["mean"] - curve["std"]).clip(lower=0), (curve["mean"] + curve["std"]).clip(upper=1)
        color = looks[arm]["color"]
        band = axes.fill_between(curve["epoch"], 100 * bottom, 100 * top, color=color, alpha=0.15, linewidth=0)
        tag(band, series=arm)
    axes.set_xlim(0, curves["epoch"].max())
    axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))  # a fixed topology's churn is flat at 0
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def _mark(arm: str, end: pd.Series) -> Mark:
    """Of a curve that ends with this row."""
    networks = counted(int(end["networks"]), "network")
    return Mark(text=f"{arm}\n{100 * end['mean']:.1f}% in epoch {end['epoch']}\n{networks}", arms=(arm,))
