"""What each combination of factor values reaches and costs, data set by data set: the layout of the paper's Table 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.behind import behind
from pipeline.analysis.cells import Row, best_of, leading, text_cells
from pipeline.analysis.grids import ARM, Grid, grid_of
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_name
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.accuracy import ARM_PARTS, arm_cell, mean_cell
from pipeline.analysis.tables.cost import cost_cells, cost_columns, place_cost_cells
from pipeline.wording import ABSENT, counted, listed

COSTS = ("parameters", "flops_published")

MOST_ROWS = 60
"""Rows of data sets; a study of more shows the means alone, as its other tables have the rest."""


def factors_table(results: StudyResults) -> Table | None:
    """A row a data set and combination of factor values: accuracy, parameters and FLOPs; below, means over data sets.

    The best of each data set is marked. None without factors.
    """
    grid = grid_of(results)
    if not grid.factors:
        return None
    cells = results.accuracy_cells
    costs = results.cost_cells
    by_place = {(row["dataset"], row["arm"]): row for row in cells.to_dict("records")}
    cost_by_place = {(row["dataset"], row["arm"]): row for row in costs.to_dict("records")}
    named = len({results.arm_name(arm) for arm in results.arms}) > 1
    dimensions = ((ARM,) if named else ()) + grid.factors
    whole = len(by_place) <= MOST_ROWS
    rows: list[tuple[Cell, ...]] = []
    for dataset in results.datasets if whole else ():
        best = best_of([by_place[dataset, arm]["mean"] for arm in results.arms])
        rows += [
            (
                *_words(dataset, grid.values[arm], dimensions),
                arm_cell(by_place[dataset, arm], best=mark),
                *place_cost_cells(cost_by_place[dataset, arm], COSTS),
            )
            for arm, mark in zip(results.arms, best, strict=True)
        ]
    means = _mean_rows(cells, costs, grid, dimensions, results) if len(results.datasets) > 1 or not whole else []
    return Table(
        title=f"Over {' and '.join(map(setting_name, grid.factors))}" if len(grid.factors) < 3 else "Over the factors",
        columns=(
            Column(name="data set", numeric=False),
            *(Column(name=key, numeric=key != ARM and _numeric(grid.of(key))) for key in dimensions),
            Column(name="accuracy (%)", parts=ARM_PARTS),
            *cost_columns(COSTS),
        ),
        rows=tuple(rows),
        summary=tuple(means),
        notes=tuple(_notes(cells, whole=whole, results=results)),
        keys=1 + len(dimensions),
    )


def _words(name: str, values: Mapping[str, str], dimensions: Sequence[str]) -> Iterator[Cell]:
    yield from text_cells((name, *(values.get(key, ABSENT) for key in dimensions)))


def _mean_rows(
    cells: pd.DataFrame, costs: pd.DataFrame, grid: Grid, dimensions: Sequence[str], results: StudyResults
) -> list[tuple[Cell, ...]]:
    """A row an arm: the means of the accuracy table, and the costs over the same data sets."""
    shared = statistics.shared_datasets(cells)
    means = statistics.mean_over_datasets(cells, shared)
    spent: dict[str, Row] = {
        str(row["arm"]): row for row in statistics.metric_means(costs, results.arms, shared, COSTS).to_dict("records")
    }
    name = f"mean over {counted(len(shared), 'data set')}"
    best = best_of([means[arm] for arm in results.arms])
    return [
        (
            *_words(name, grid.values[arm], dimensions),
            mean_cell(means[arm], arm, shared, results, best=mark),
            *leading(cost_cells(spent[arm], COSTS), behind(results, (arm,), shared)),
        )
        for arm, mark in zip(results.arms, best, strict=True)
    ]


def _notes(cells: pd.DataFrame, *, whole: bool, results: StudyResults) -> Iterator[str]:
    if whole:
        yield "Mean ± sample standard deviation over seeds; a single seed has none."
        if ((cells["done"] > 0) & (cells["done"] < cells["planned"])).any():
            yield "(2/3) marks a cell with two of its three planned trials done."
    shared = statistics.shared_datasets(cells)
    left_out = [name for name in results.datasets if name not in shared]
    if left_out:
        yield f"Means leave out {listed(left_out)}, where the arms with results do not have the same done seeds."
    yield "FLOPs are those of one series, counted as the published code does."


def _numeric(words: Sequence[str]) -> bool:
    """Whether most of a factor's values are numbers: a column of them is set flush right."""
    return sum(word.replace(".", "", 1).isdigit() for word in words) * 2 > len(words)
