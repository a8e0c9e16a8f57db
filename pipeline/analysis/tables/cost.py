"""What each arm costs, over all data sets and on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.analysis import statistics
from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.cells import Row, leading, number_cell
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.notes import means_over, unrecorded

_COST_COLUMNS = {
    "parameters": ("parameters (K)", 1e3, 2),
    "active_weights": ("active weights (K)", 1e3, 2),
    "flops": ("FLOPs, plain (M)", 1e6, 2),
    "flops_published": ("FLOPs, authors' (M)", 1e6, 2),
    "train_seconds": ("training (s)", 1.0, 1),
    "test_seconds": ("testing (s)", 1.0, 2),
    "peak_memory_bytes": ("peak memory (MB)", 1e6, 0),
}
"""Metric -> its heading, what of it is one there, and decimals."""


def cost_table(results: StudyResults) -> Table:
    """What each arm costs: the mean over data sets of parameters, active weights, FLOPs and training time."""
    costs = results.cost_cells
    shared = statistics.started_datasets(costs)
    means = statistics.metric_means(costs, results.arms, shared, statistics.COSTS)
    rows = [
        (Cell(text=str(row["arm"])), *leading(cost_cells(row), behind(results, (str(row["arm"]),), shared)))
        for row in means.to_dict("records")
    ]
    return Table(
        title="Cost",
        columns=(Column(name="arm", numeric=False), *cost_columns()),
        rows=tuple(rows),
        notes=(
            means_over(shared, results),
            (
                "FLOPs are those of one series: plain counts two for each multiply-add of an active weight, each layer "
                "once; authors' is the count of the published code."
            ),
            (
                "Times are wall-clock times on whatever ran the trials: of the training, and of testing the selected "
                "network. Peak memory is the most that a trial's process held, or its tensors on a GPU."
            ),
            *unrecorded(costs, statistics.COSTS),
        ),
    )


def cost_by_dataset_table(results: StudyResults) -> Table | None:
    """The same as ``cost_table``, a row a data set and arm that has a done trial; None if none has."""
    costs = results.cost_cells
    rows = [
        (Cell(text=str(row["dataset"])), Cell(text=str(row["arm"])), *place_cost_cells(row))
        for row in costs.to_dict("records")
        if row["done"] > 0
    ]
    if not rows:
        return None
    names = (Column(name="data set", numeric=False), Column(name="arm", numeric=False))
    return Table(title="Cost by data set", columns=(*names, *cost_columns()), rows=tuple(rows), keys=2)


def cost_columns(names: Sequence[str] = statistics.COSTS) -> tuple[Column, ...]:
    """A column a metric of ``statistics.COSTS``."""
    return tuple(Column(name=_COST_COLUMNS[name][0]) for name in names)


def cost_cells(row: Row, names: Sequence[str] = statistics.COSTS) -> Iterator[Cell]:
    """The cells of these metrics in the units of ``cost_columns``."""
    for name in names:
        _, unit, decimals = _COST_COLUMNS[name]
        yield number_cell(row[name] / unit, decimals=decimals)


def place_cost_cells(row: Row, names: Sequence[str] = statistics.COSTS) -> Iterator[Cell]:
    """``cost_cells`` of a row of ``statistics.cost_cells``, which is of one arm on one data set."""
    own = Behind(arms=(row["arm"],), datasets=(row["dataset"],)) if row["done"] else None
    return leading(cost_cells(row, names), own)
