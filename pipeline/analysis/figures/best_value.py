"""The best value of a factor on each data set, and what choosing it so would reach: first the data, then the drawing.

The paper's Figure 13: dense networks with the best kernel size of each data set, against a DSN. The choice is made by
test accuracy, so its accuracy is an upper bound and no result.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.analysis import statistics
from pipeline.analysis.cells import Row
from pipeline.analysis.figures import scatter
from pipeline.analysis.figures.style import PALETTE, PANEL, Drawing, grid_shape, new_figure, render, wrapped
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.figures.sweep import numeric_factors, sweep_by_dataset
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_label
from pipeline.wording import counted, listed, part_of, percent, rounded_percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_DATASETS = 2
MOST_LINES = 4

_NOTE = (
    "Chosen by test accuracy: an upper bound of what a choice for each data set could reach, which nobody could have "
    "made without the labels. A data set on which several values are equally good counts for each of them."
)


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure, of the first factor that has enough values: its lines, with the reference of each beside them."""
    for factor in numeric_factors(results):
        best = best_values(results, factor)
        if len(best):
            return {"best_value": draw_best_values(best, factor, tried_values(results, factor), len(results.datasets))}
    return (
        f"Choosing the best value for each data set needs a factor with two numbers, and {FEWEST_DATASETS} data sets "
        "on which all of them have the same done seeds."
    )


def best_values(results: StudyResults, factor: str) -> pd.DataFrame:
    """The best values by line of the sweep and data set: ``line, dataset, values, own, reference, other, sign``.

    ``values`` are those whose accuracy is the highest, as ``rounded_percent``, ascending; ``own`` is the accuracy at
    the first of them, a fraction; ``other`` that of ``reference``, the one arm with which the whole line is compared
    (if there is none, it is empty and ``other`` NaN). ``sign`` is 1, 0 or -1 as ``own`` is above, equal to or below
    ``other``, both as ``rounded_percent``, and 0 without one. A data set counts where the line and its reference all
    have the same done seeds; a line of one number, or with fewer than ``FEWEST_DATASETS`` data sets, has no row.
    """
    import pandas as pd

    cells = {(cell["dataset"], cell["arm"]): cell for cell in results.accuracy_cells.to_dict("records")}
    points = sweep_by_dataset(results, factor)
    points = points[points["value"].notna()]
    rows: list[dict[str, object]] = []
    for line, own in points.groupby("line", sort=False):
        reference, tried = _reference(results, list(own["arm"].unique())), own["value"].nunique()
        by_dataset: dict[str, list[Row]] = {}
        for point in own.to_dict("records"):
            by_dataset.setdefault(point["dataset"], []).append(point)
        found = [
            {"line": line, "reference": reference, **best}
            for dataset, values in by_dataset.items()
            if len(values) == tried
            for best in _best(values, cells.get((dataset, reference)))
        ]
        if tried > 1 and len(found) >= FEWEST_DATASETS:
            rows += found
    return pd.DataFrame(rows, columns=["line", "dataset", "values", "own", "reference", "other", "sign"])


def tried_values(results: StudyResults, factor: str) -> dict[str, list[float]]:
    """Line of the sweep -> the numbers that it has results of, ascending; some may be the best on no data set."""
    points = sweep_by_dataset(results, factor)
    points = points[points["value"].notna()]
    return {str(line): sorted(own["value"].unique()) for line, own in points.groupby("line", sort=False)}


def _reference(results: StudyResults, arms: Sequence[str]) -> str:
    """The one arm that all of ``arms`` are compared with, which may be among them, or an empty string."""
    references = {results.references.get(arm, arm) for arm in arms}
    return references.pop() if len(references) == 1 else ""


def _best(values: Sequence[Row], reference: Row | None) -> list[dict[str, object]]:
    """The best of one data set's ``values``, which ascend, beside its ``reference``, if there is one.

    Empty where the seeds differ.
    """
    if not statistics.comparable([row["seeds"] for row in (*values, *([reference] if reference else []))]):
        return []
    percents = [rounded_percent(row["mean"]) for row in values]
    best = [row for row, shown in zip(values, percents, strict=True) if shown == max(percents)]
    other = float(reference["mean"]) if reference else float("nan")
    against = rounded_percent(other) if reference else max(percents)
    sign = (max(percents) > against) - (max(percents) < against)
    row = {"dataset": best[0]["dataset"], "values": tuple(each["value"] for each in best), "own": best[0]["mean"]}
    return [row | {"other": other, "sign": sign}]


def draw_best_values(best: pd.DataFrame, factor: str, tried: Mapping[str, Sequence[float]], datasets: int) -> Drawing:
    """How often each value is the best, and beside it the accuracy of that choice against the reference.

    Args:
        best: from ``best_values``, not empty.
        factor: its name.
        tried: from ``tried_values``.
        datasets: how many the study has.
    """
    lines = list(dict.fromkeys(best["line"]))
    shown = lines[:MOST_LINES]
    notes = [_NOTE, _over({line: int((best["line"] == line).sum()) for line in shown}, datasets)]
    if len(lines) > len(shown):
        left_out = listed(lines[len(shown) :], between="; ")
        notes.append(f"Only the first {len(shown)} of {len(lines)} lines are drawn, without {left_out}.")
    return Drawing(
        picture=render("best_value", lambda: _figure(best, shown, factor, tried)),
        alt=f"How often each value of {setting_label(factor)} is the best, and its accuracy against the reference",
        notes=tuple(notes),
    )


def _over(counts: Mapping[str, int], datasets: int) -> str:
    """On how many data sets each line rests."""
    condition = "those on which all values have the same done seeds"
    if len(set(counts.values())) > 1:
        each = listed([f"{part_of(count, datasets, 'data set')} for {line}" for line, count in counts.items()])
        return f"Over {each}: {condition}."
    (count,) = set(counts.values())
    return f"Over {part_of(count, datasets, 'data set')}" + ("." if count == datasets else f", {condition}.")


def _figure(best: pd.DataFrame, lines: Sequence[str], factor: str, tried: Mapping[str, Sequence[float]]) -> Figure:
    """A panel a line, and a second one for each that has a reference."""
    of_line = {line: best[best["line"] == line] for line in lines}
    compared = [line for line in lines if of_line[line]["reference"].iloc[0]]
    rows, columns = grid_shape(len(lines) + len(compared))
    figure = new_figure(PANEL * columns, 0.3 + (PANEL + 0.1) * rows)
    places = iter(range(1, rows * columns + 1))
    for line in lines:
        _draw_counts(figure.add_subplot(rows, columns, next(places)), of_line[line], tried[line], factor)
        if line in compared:
            _draw_against(figure.add_subplot(rows, columns, next(places)), of_line[line])
    return figure


def _draw_counts(axes: Axes, best: pd.DataFrame, values: Sequence[float], factor: str) -> None:
    from matplotlib.ticker import MaxNLocator

    where = {
        value: [name for name, each in zip(best["dataset"], best["values"], strict=True) if value in each]
        for value in values
    }
    bars = axes.bar(range(len(values)), list(map(len, where.values())), color=PALETTE[0], width=0.7)
    for bar, (value, names) in zip(bars, where.items(), strict=True):
        said = [f"{setting_label(factor)}: {value:g}", f"the best on {counted(len(names), 'data set')}", listed(names)]
        tag(bar, marks=[Mark(text="\n".join(said if names else said[:2]))])
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_title(wrapped(best["line"].iloc[0], 30, 2), loc="left")
    axes.set_xlabel(setting_label(factor))
    axes.set_ylabel("data sets where it is the best")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid(visible=False, axis="x")


def _draw_against(axes: Axes, best: pd.DataFrame) -> None:
    scatter.draw_panel(axes, best, scatter.axis_limits(best), _mark)
    axes.set_title(f"{wrapped(best['line'].iloc[0], 22, 2)}, best values", loc="left")
    axes.set_xlabel(f"test accuracy (%) of {wrapped(best['reference'].iloc[0], 26, 2)}")
    axes.set_ylabel("test accuracy (%) of the best value")


def _mark(point: Mapping[Hashable, Any]) -> Mark:
    """Of a data set: the best value, its accuracy, and the reference's."""
    values = listed([f"{value:g}" for value in point["values"]])
    own, other = percent(point["own"]), percent(point["other"])
    lines = [point["dataset"], f"best {values}: {own}%", f"{point['reference']}: {other}%"]
    return Mark(text="\n".join(lines), dataset=point["dataset"])
