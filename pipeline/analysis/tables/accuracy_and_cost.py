"""Accuracy beside cost, data set by data set: the layout of the paper's Tables 8 and 9."""

from __future__ import annotations

from dataclasses import replace

from pipeline.analysis import statistics
from pipeline.analysis.behind import behind
from pipeline.analysis.cells import leading
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.accuracy import accuracy_table
from pipeline.analysis.tables.cost import cost_cells, cost_columns, place_cost_cells

COSTS = ("parameters", "flops_published")

MOST_ARMS = 2
"""Arms whose costs still fit beside their accuracies; of more, the table of costs by data set has them."""


def accuracy_and_cost_table(results: StudyResults) -> Table | None:
    """The table of accuracies with the parameters and FLOPs of each arm behind; None for more than ``MOST_ARMS``, and
    as long as no trial is done."""
    costs = results.cost_cells
    if len(results.arms) > MOST_ARMS or not costs["done"].any():
        return None
    accuracy = accuracy_table(results)
    by_place = {(row["dataset"], row["arm"]): row for row in costs.to_dict("records")}
    shared = statistics.shared_datasets(results.accuracy_cells)
    means = statistics.metric_means(costs, results.arms, shared, COSTS).to_dict("records")
    last = [
        tuple(
            cell
            for row in means
            for cell in leading(cost_cells(row, COSTS), behind(results, (str(row["arm"]),), shared))
        )
    ]
    nothing = [tuple(Cell(text="") for _ in each) for each in last * (len(accuracy.summary) - 1)]
    return replace(
        accuracy,
        title="Accuracy (%) and cost by data set",
        columns=accuracy.columns + tuple(column for arm in results.arms for column in _columns(arm, results)),
        rows=tuple(
            row + tuple(cell for arm in results.arms for cell in place_cost_cells(by_place[dataset, arm], COSTS))
            for dataset, row in zip(results.datasets, accuracy.rows, strict=True)
        ),
        summary=tuple(row + more for row, more in zip(accuracy.summary, last + nothing, strict=True)),
        notes=(*accuracy.notes, "FLOPs are counted as the published code does."),
    )


def _columns(arm: str, results: StudyResults) -> tuple[Column, ...]:
    if len(results.arms) == 1:
        return cost_columns(COSTS)
    return tuple(replace(column, name=f"{arm}: {column.name}") for column in cost_columns(COSTS))
