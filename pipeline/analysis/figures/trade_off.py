"""Accuracy against cost, a point an arm, and which arms no other beats in both: first the data, then the drawing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.labels import accuracy_in_words, arm_labels, short_labels
from pipeline.analysis.figures.layout import LETTERS_AN_INCH
from pipeline.analysis.figures.style import (
    LOG_FROM,
    MOST_ARMS,
    PANEL,
    Drawing,
    marked,
    new_figure,
    plain_numbers,
    plan_legend,
    render,
    shortened,
)
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_label
from pipeline.wording import listed, part_of, rounded_percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST_AXES = (("parameters", 1e3, "parameters (K)"), ("flops", 1e6, "FLOPs of one series (M)"))
"""Column of a cost, its unit, and what the axis says."""

SPREAD = "Bars are one sample standard deviation over seeds of that mean (none for a single seed)."

FAINT = 0.35
"""Opacity of the arms that are not on the front."""

LONGEST_NAME = 24

_FRONT = (
    "The line is the Pareto front: the arms than which no other is as accurate, in percent rounded to two decimals, at "
    "a lower cost, or more accurate at the same. The others are faint."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure with a panel a cost; it takes two arms with results on the same data sets."""
    means, shared = trade_off(results)
    if len(means) < 2:
        return "Accuracy against cost needs two arms with the same done seeds on some data set."
    over = part_of(len(shared), len(results.datasets), "data set")
    notes = [f"Means over {over}. {SPREAD} Points that coincide hide each other; the first arm is on top.", _FRONT]
    missing = [arm for arm in results.arms if arm not in set(means["arm"])]
    if missing:
        notes.append(f"No results of {listed(missing, between='; ')}.")
    drawn = _most_telling(means)
    if len(means) > MOST_ARMS:
        left_out = [arm for arm in means["arm"] if arm not in set(drawn["arm"])]
        notes.append(
            f"Only {MOST_ARMS} arms are drawn, those on a front first, without {listed(left_out, between='; ')}."
        )
    looks = {arm: index for index, arm in enumerate(results.arms)}
    if len(results.arms) > MOST_ARMS:
        looks = {arm: index for index, arm in enumerate(drawn["arm"])}
    keys = list(dict.fromkeys(key for arm in results.arms for key in results.factors[arm]))
    if keys:
        notes.append(f"Values beside its points are those of {listed([setting_label(key) for key in keys])}.")
    words, names = arm_labels(results), short_labels(results)
    picture = render("trade_off", lambda: _figure(drawn, looks, words, names))
    alt = "Mean accuracy against cost, a point an arm, and the front of those that no other beats in both"
    return {"trade_off": Drawing(picture=picture, alt=alt, notes=tuple(notes))}


def trade_off(results: StudyResults) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of ``statistics.arm_means`` that have a mean, and the data sets that they are over."""
    means, shared = results.arm_means
    return means[means["mean"].notna()].reset_index(drop=True), shared


def pareto_front(means: pd.DataFrame, cost: str) -> list[str]:
    """The arms that no other dominates, by rising cost: none is at least as good in accuracy, as ``rounded_percent``,
    and in ``cost``, and better in one of them. Arms that agree in both are on it together or not at all; one whose cost
    is not known is not on it.

    Args:
        means: with columns ``arm``, ``mean`` and ``cost``.
        cost: the column.
    """
    known = means[means[cost].notna()]
    known = known.assign(shown=known["mean"].map(rounded_percent)).sort_values([cost, "shown"], ascending=[True, False])
    front: list[str] = []
    best, best_cost = float("-inf"), float("nan")
    for arm, spent, shown in zip(known["arm"], known[cost], known["shown"], strict=True):
        if shown > best or (shown == best and spent == best_cost):
            front.append(arm)
            best, best_cost = shown, spent
    return front


def _most_telling(means: pd.DataFrame) -> pd.DataFrame:
    """The first ``MOST_ARMS`` in the order of the study; of those on a front none is left out for one that is not."""
    front = {arm for cost, _, _ in COST_AXES for arm in pareto_front(means, cost)}
    chosen = means.assign(off=~means["arm"].isin(front)).sort_values("off", kind="stable").head(MOST_ARMS)
    return means.loc[sorted(chosen.index)]


def _figure(
    means: pd.DataFrame, looks: Mapping[str, int], words: Mapping[str, str], names: Mapping[str, str]
) -> Figure:
    arms = means["arm"].tolist()
    legend = plan_legend(arms, 3 * PANEL, words)
    figure = new_figure(3 * PANEL, 3.4 + legend.height)
    first = None
    for index, (cost, unit, label) in enumerate(COST_AXES):
        axes = figure.add_subplot(1, len(COST_AXES), index + 1, sharey=first)
        first = first or axes
        _draw_panel(axes, means[means[cost].notna()], (cost, unit), looks, names)
        axes.set_xlabel(label)
    figure.supylabel("mean test accuracy (%)")
    legend.draw(figure, [marked(looks[arm]) | {"linestyle": "none"} for arm in arms])
    return figure


def _draw_panel(
    axes: Axes, means: pd.DataFrame, quantity: tuple[str, float], looks: Mapping[str, int], names: Mapping[str, str]
) -> None:
    cost, unit = quantity
    front = pareto_front(means, cost)
    # The first arm last, so that it lies on top.
    for row in reversed(means.to_dict("records")):
        spread = None if row["seeds"] < 2 else 100 * row["std"]
        point = marked(looks[row["arm"]]) | {"linestyle": "none", "markersize": 7.0}
        point |= {} if row["arm"] in front else {"alpha": FAINT}
        bars = axes.errorbar(row[cost] / unit, 100 * row["mean"], yerr=spread, elinewidth=1.0, capsize=2.5, **point)
        tag(bars.lines[0], series=row["arm"], marks=[_mark(row)])
        for part in (*bars.lines[1], *bars.lines[2]):
            tag(part, series=row["arm"])
    if means.empty:
        return
    _set_costs(axes, means[cost] / unit)
    _draw_front(axes, means, front, quantity, names)


def _draw_front(
    axes: Axes, means: pd.DataFrame, front: Sequence[str], quantity: tuple[str, float], names: Mapping[str, str]
) -> None:
    """The line, and beside its points their names where nothing is in the way; the legend has all of them."""
    cost, unit = quantity
    places = {row["arm"]: (row[cost] / unit, 100 * row["mean"]) for row in means.to_dict("records")}
    axes.plot(*zip(*(places[arm] for arm in front), strict=True), color="#767676", linewidth=1.0, zorder=1)
    axes.margins(y=0.12)
    axes.autoscale_view()
    in_axes = axes.transData + axes.transAxes.inverted()
    points = [tuple(in_axes.transform(place)) for place in places.values()]
    taken: list[Box] = []
    for arm in reversed(front):
        name = shortened(names[arm], LONGEST_NAME)
        for side, box in _boxes(tuple(in_axes.transform(places[arm])), len(name)):
            if _free(box, points, taken):
                said: dict[str, Any] = {"ha": side, "va": "bottom", "fontsize": 8, "textcoords": "offset points"}
                text = axes.annotate(name, places[arm], (-6 if side == "right" else 6, 3), **said)
                tag(text, series=arm)
                taken.append(box)
                break


Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in parts of the axes."""


def _boxes(point: tuple[float, float], letters: int) -> list[tuple[str, Box]]:
    """Where a name may stand that ends, or begins, beside a point and a little above it."""
    width, height, aside = letters / (LETTERS_AN_INCH * 4.2), 0.16 / 2.7, 0.02
    x, y = point
    return [
        ("right", (x - aside - width, y + 0.01, x - aside, y + 0.01 + height)),
        ("left", (x + aside, y + 0.01, x + aside + width, y + 0.01 + height)),
    ]


def _free(box: Box, points: Sequence[tuple[float, float]], taken: Sequence[Box]) -> bool:
    left, bottom, right, top = box
    if left < 0 or right > 1 or top > 1:
        return False
    if any(left - 0.02 < x < right + 0.02 and bottom - 0.02 < y < top + 0.02 for x, y in points):
        return False
    return not any(left < end and right > begin and bottom < high and top > low for begin, low, end, high in taken)


def _set_costs(axes: Axes, costs: pd.Series) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    low, high = costs.min(), costs.max()
    if low > 0 and high / low >= LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, 1.06 * high)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    plain_numbers(axes.xaxis)


def _mark(row: Mapping[Hashable, Any]) -> Mark:
    cost = f"{row['parameters'] / 1e3:.4g} K parameters, {row['flops'] / 1e6:.3g} M FLOPs"
    text = "\n".join([row["arm"], accuracy_in_words(row["mean"], row["std"], row["seeds"]), cost])
    return Mark(text=text, arms=(row["arm"],))
