"""Accuracy, and beside it what it costs, against a factor's values: first the data, then the drawings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis import statistics
from pipeline.analysis.figures.labels import accuracy_in_words
from pipeline.analysis.figures.style import (
    MOST_ARMS,
    PANEL,
    Drawing,
    Look,
    ValueAxis,
    grid_shape,
    marked,
    new_figure,
    plain_numbers,
    plan_legend,
    render,
    shortened,
)
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.figures.trade_off import COST_AXES, SPREAD
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_in_words, setting_label
from pipeline.wording import listed, part_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FACTORS = 6
MOST_DATASETS = 9
"""Of a study with more of them the table tells how each does."""

_HIDDEN = "Lines that coincide hide each other; the first is on top."


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """A figure a numeric factor, of the first ``MOST_FACTORS``, and one by data set if there are few of them."""
    factors = numeric_factors(results)
    if not factors:
        return "The study has no factor with at least two numbers to sweep over."
    drawings = {}
    for factor in factors[:MOST_FACTORS]:
        notes = _notes(results, factor, factors)
        points, shared = sweep(results, factor)
        if points["value"].nunique() >= 2:
            over = part_of(len(shared), len(results.datasets), "data set")
            drawings[f"sweep_{factor}"] = draw_sweep(points, factor, over, notes)
        if 2 <= len(results.datasets) <= MOST_DATASETS:
            cells = sweep_by_dataset(results, factor)
            if cells["value"].nunique() >= 2:
                drawings[f"sweep_by_dataset_{factor}"] = draw_sweep_by_dataset(cells, factor, notes)
    return drawings or "No sweep yet: it needs two values of a factor with the same done seeds on some data set."


def numeric_factors(results: StudyResults) -> list[str]:
    """The factors, in the order of the study, that have two numbers or more. What is said of the data is no quantity:
    the year of a split is a name."""
    keys = dict.fromkeys(key for arm in results.arms for key in results.factors[arm])
    return [key for key in keys if not key.startswith("data.") and len(_numbers(results, key)) > 1]


def sweep(results: StudyResults, factor: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The points of all lines, and the data sets that they are means over.

    A line joins the combinations that differ in ``factor`` alone; where no two do, as factors that are zipped change
    together, it joins those of one arm of the file. An arm without a result has no point.

    Returns:
        ``line``, ``value`` and ``word`` beside the columns of ``statistics.arm_means``; lines in the order of the
        study, values ascending. A value that is no number is a ``word`` (else empty), and its ``value`` is NaN; both
        are absent from the single point of an arm that the factor does not apply to, which come last.
    """
    means, shared = results.arm_means
    points = _without_lone_points(_placed(results, factor, means[means["mean"].notna()]))
    return points.reset_index(drop=True), shared


def sweep_by_dataset(results: StudyResults, factor: str) -> pd.DataFrame:
    """The same on each data set: ``line``, ``value`` and ``word`` beside the columns of
    ``statistics.accuracy_cells``."""
    cells = results.accuracy_cells
    points = _without_lone_points(_placed(results, factor, cells[cells["done"] > 0]))
    order = {name: at for at, name in enumerate(results.datasets)}
    return points.sort_values("dataset", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def draw_sweep(points: pd.DataFrame, factor: str, over: str, notes: Sequence[str]) -> Drawing:
    """Accuracy on the left, costs beside it, a line each of the first ``MOST_ARMS`` lines.

    Args:
        points: from ``sweep``.
        factor: what the horizontal axes say.
        over: the data sets, in words.
        notes: what to say besides.
    """
    shown, cut = _shown(points)
    panels = (("mean", 0.01, "mean test accuracy (%)"), *COST_AXES)
    return Drawing(
        picture=render(f"sweep-{factor}", lambda: _costs_figure(shown, factor, panels)),
        alt=f"Mean accuracy, parameters and FLOPs against {setting_label(factor)}",
        notes=(f"Means over {over}. {SPREAD} {_HIDDEN}", *notes, *cut),
    )


def draw_sweep_by_dataset(points: pd.DataFrame, factor: str, notes: Sequence[str]) -> Drawing:
    """Small multiples, a data set each, with a line each of the first ``MOST_ARMS`` lines.

    Args:
        points: from ``sweep_by_dataset``.
        factor: what the horizontal axes say.
        notes: what to say besides.
    """
    shown, cut = _shown(points)
    unequal = [name for name, own in shown.groupby("dataset", sort=False) if not statistics.comparable(own["seeds"])]
    spread = "A point is the mean over seeds, its bar one sample standard deviation (none for a single seed)."
    said = [f"{spread} Each panel has its own vertical axis. {_HIDDEN}", *notes, *cut]
    if unequal:
        said.append(f"The points do not all rest on the same seeds on {listed(unequal, most=MOST_DATASETS)}.")
    return Drawing(
        picture=render(f"sweep-by-dataset-{factor}", lambda: _datasets_figure(shown, factor)),
        alt=f"Accuracy against {setting_label(factor)}, a panel a data set",
        notes=tuple(said),
    )


def _values(results: StudyResults, factor: str) -> dict[str, float | str]:
    """Arm -> its value of ``factor``, a number or a word, also where the combination leaves it at the base's; arms that
    the factor does not apply to have none."""
    swept = {results.arm_name(arm) for arm in results.arms if factor in results.factors[arm]}
    settings = {
        arm: results.configs[arm].settings().get(factor) for arm in results.arms if results.arm_name(arm) in swept
    }
    return {
        arm: value if isinstance(value, str) else float(value)
        for arm, value in settings.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _numbers(results: StudyResults, factor: str) -> set[float]:
    return {value for value in _values(results, factor).values() if not isinstance(value, str)}


def _unswept(results: StudyResults, factor: str) -> list[str]:
    """The arms that the factor does not apply to."""
    swept = {results.arm_name(arm) for arm in results.arms if factor in results.factors[arm]}
    return [arm for arm in results.arms if results.arm_name(arm) not in swept]


def _lines(results: StudyResults, factor: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Arm -> the name of its line: the label without ``factor``'s part."""
    names = {arm: results.arm_name(arm) for arm in values}
    others = {arm: _without(results.factors[arm], factor) for arm in values}
    lines = {arm: ", ".join([names[arm], *others[arm]]) for arm in values}
    return names if len(set(lines.values())) == len(lines) else lines


def _without(combination: Mapping[str, Any], factor: str) -> list[str]:
    return [setting_in_words(key, value) for key, value in combination.items() if key != factor]


def _placed(results: StudyResults, factor: str, means: pd.DataFrame) -> pd.DataFrame:
    """``means``, which have a row an arm (and data set), with ``line``, ``value`` and ``word``, in order."""
    values = _values(results, factor)
    lines = _lines(results, factor, values) | {arm: arm for arm in _unswept(results, factor)}
    points = means[means["arm"].isin(set(lines))]
    known = [values.get(arm, "") for arm in points["arm"]]
    points = points.assign(
        line=points["arm"].map(lines),
        value=[float("nan") if isinstance(value, str) else value for value in known],
        word=[value if isinstance(value, str) else "" for value in known],
    )
    # In a study that varies one factor at a time, a value may be the base's: the same trainings twice.
    points = points.drop_duplicates([*points.columns.intersection(["dataset"]), "line", "value", "word"])
    order = {line: at for at, line in enumerate(dict.fromkeys(lines.values()))}
    ordered = points.assign(at=points["line"].map(order)).sort_values(["at", "value"], kind="stable")
    return ordered.drop(columns="at")


def _without_lone_points(points: pd.DataFrame) -> pd.DataFrame:
    """Without lines of a single value, if there are others: combinations that vary another factor."""
    swept = ~_is_level(points)
    values = points.drop_duplicates(["line", "value", "word"]).groupby("line").size()
    alone = swept & (points["line"].map(values) == 1)
    return points[~alone] if (swept & ~alone).any() else points


def _notes(results: StudyResults, factor: str, factors: Sequence[str]) -> list[str]:
    notes = []
    values, unswept = _values(results, factor), _unswept(results, factor)
    if unswept:
        what = "does not vary it: its level is" if len(unswept) == 1 else "do not vary it: their levels are"
        notes.append(f"{listed(unswept, between='; ')} {what} drawn across, with a band instead of a bar.")
    if values and _lines(results, factor, values) == {arm: results.arm_name(arm) for arm in values}:
        along = sorted({key for arm in values for key in results.factors[arm] if key != factor})
        changing = listed([setting_label(key) for key in along])
        notes += [f"Varied together with {setting_label(factor)}: {changing}."] if along else []
    if factor == factors[0] and len(factors) > MOST_FACTORS:
        rest = listed([setting_label(key) for key in factors[MOST_FACTORS:]])
        notes.append(f"Only the first {MOST_FACTORS} factors have a figure, not {rest}.")
    return notes


def _shown(points: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The points of the first ``MOST_ARMS`` lines, and the sentence that says which are left out."""
    lines = list(dict.fromkeys(points["line"]))
    if len(lines) <= MOST_ARMS:
        return points, []
    left_out = listed(lines[MOST_ARMS:], between="; ")
    note = f"Only the first {MOST_ARMS} of {len(lines)} lines are drawn, without {left_out}."
    return points[points["line"].isin(lines[:MOST_ARMS])], [note]


def _is_level(points: pd.DataFrame) -> pd.Series:
    """Of which points the factor does not apply."""
    return points["value"].isna() & (points["word"] == "")


def _looks(points: pd.DataFrame) -> dict[str, Look]:
    """Line -> how it is drawn; a level, which goes across, has no markers and dashes of its own."""
    levels = set(points.loc[_is_level(points), "line"])
    across = {"marker": "none", "linestyle": (0, (5, 2))}
    lines = dict.fromkeys(points["line"])
    return {line: marked(index) | (across if line in levels else {}) for index, line in enumerate(lines)}


def _axis(points: pd.DataFrame) -> ValueAxis:
    words = tuple(word for word in dict.fromkeys(points["word"]) if word)
    return ValueAxis(numbers=tuple(sorted(points["value"].dropna().unique())), words=words)


def _costs_figure(points: pd.DataFrame, factor: str, panels: Sequence[tuple[str, float, str]]) -> Figure:
    looks, width = _looks(points), 3 * PANEL
    legend = plan_legend(list(looks), width)
    figure = new_figure(width, 3.0 + legend.height)
    for index, (column, unit, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        _draw_panel(axes, points, (column, unit), looks, _axis(points))
        axes.set_title(label, loc="left", fontweight="normal")
        if column != "mean":
            axes.set_ylim(bottom=0)
            plain_numbers(axes.yaxis)
    figure.supxlabel(setting_label(factor))
    if len(looks) > 1:
        legend.draw(figure, list(looks.values()))
    return figure


def _datasets_figure(points: pd.DataFrame, factor: str) -> Figure:
    looks, datasets = _looks(points), list(dict.fromkeys(points["dataset"]))
    rows, columns = grid_shape(len(datasets))
    width = PANEL * max(columns, 2)  # a single panel so far shall not change its size when others come
    legend = plan_legend(list(looks), width)
    figure = new_figure(width, 0.4 + 2.5 * rows + legend.height)
    for index, dataset in enumerate(datasets):
        axes = figure.add_subplot(rows, columns, index + 1)
        _draw_panel(axes, points[points["dataset"] == dataset], ("mean", 0.01), looks, _axis(points))
        axes.set_title(shortened(dataset, 30), loc="left")
    figure.supxlabel(setting_label(factor))
    figure.supylabel("test accuracy (%)")
    if len(looks) > 1:
        legend.draw(figure, list(looks.values()))
    return figure


def _draw_panel(
    axes: Axes, points: pd.DataFrame, quantity: tuple[str, float], looks: Mapping[str, Look], axis: ValueAxis
) -> None:
    """Numbers are joined, words stand beside them, and what the factor does not apply to goes across.

    ``quantity`` is the column that is drawn, and its unit.
    """
    column, unit = quantity
    known = points[points[column].notna()]  # an earlier version may not have recorded a cost
    for line in reversed(list(looks)):
        own = known[known["line"] == line]
        for joined in (own[own["value"].notna()], own[own["word"] != ""]):
            at = [axis.at(word or value) for value, word in zip(joined["value"], joined["word"], strict=True)]
            spread = joined["std"] / unit if column == "mean" and joined["std"].notna().any() else None
            bars = axes.errorbar(at, joined[column] / unit, yerr=spread, elinewidth=1.0, capsize=2.5, **looks[line])
            tag(bars.lines[0], series=line, marks=[_mark(row) for row in joined.to_dict("records")])
            for part in (*bars.lines[1], *bars.lines[2]):
                tag(part, series=line)
            if spread is not None and len(joined) > 1 and joined["value"].notna().all():
                low, high = (joined[column] / unit + sign * spread.fillna(0) for sign in (-1, 1))
                band = axes.fill_between(at, low, high, color=looks[line]["color"], alpha=0.1, linewidth=0)
                tag(band, series=line)
        for level in own[_is_level(own)].to_dict("records"):
            _draw_level(axes, level, quantity, looks[line])
    axis.set(axes, PANEL - 0.6)


def _mark(point: Mapping[Hashable, Any]) -> Mark:
    """Of a point of ``sweep`` or ``sweep_by_dataset``."""
    dataset, seeds = point.get("dataset", ""), point["seeds"]
    done = len(seeds) if isinstance(seeds, tuple) else seeds
    reached = accuracy_in_words(point["mean"], point["std"], done)
    cost = (
        [f"{point['parameters'] / 1e3:.4g} K parameters, {point['flops'] / 1e6:.3g} M FLOPs"]
        if "flops" in point
        else []
    )
    said = [point["arm"], *([dataset] if dataset else []), reached, *cost]
    return Mark(text="\n".join(said), arms=(point["arm"],), dataset=dataset)


def _draw_level(axes: Axes, level: Mapping[Hashable, Any], quantity: tuple[str, float], look: Look) -> None:
    column, unit = quantity
    height, color = level[column] / unit, look["color"]
    across = axes.axhline(height, color=color, linewidth=look["linewidth"], linestyle=look["linestyle"])
    tag(across, series=level["line"], marks=[_mark(level)])
    if column == "mean" and level["std"] > 0:
        spread = level["std"] / unit
        band = axes.axhspan(height - spread, height + spread, color=color, alpha=0.1, linewidth=0)
        tag(band, series=level["line"])
