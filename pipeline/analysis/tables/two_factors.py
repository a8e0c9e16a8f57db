"""Two factors crossed, data set by data set: the layout of the paper's Table 4."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from pipeline.analysis import statistics
from pipeline.analysis.cells import Row, best_of
from pipeline.analysis.grids import ARM, Grid, grid_of
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_name
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.accuracy import ARM_PARTS, arm_cell, mean_cell
from pipeline.analysis.tables.factors import MOST_ROWS
from pipeline.wording import ABSENT, counted, listed


def two_factors_table(results: StudyResults) -> Table | None:
    """A row a data set and value of one factor, a column a value of the other (or an arm): accuracy; below, means.

    The best of each row is marked. None unless the study crosses exactly two things.
    """
    grid = grid_of(results)
    crossing = grid.crossing()
    if crossing is None:
        return None
    down, across = crossing
    cells = results.accuracy_cells
    by_place = {(row["dataset"], row["arm"]): row for row in cells.to_dict("records")}
    whole = len(results.datasets) * len(grid.of(down)) <= MOST_ROWS
    rows = [
        _row(dataset, value, _arms(grid, crossing, value), by_place)
        for dataset in (results.datasets if whole else ())
        for value in grid.of(down)
    ]
    shared = statistics.shared_datasets(cells)
    means = statistics.mean_over_datasets(cells, shared)
    over = f"mean over {counted(len(shared), 'data set')}"
    summary = [
        (Cell(text=over), Cell(text=value), *_mean_cells(_arms(grid, crossing, value), means, shared, results))
        for value in grid.of(down)
    ]
    return Table(
        title=f"Accuracy (%): {setting_name(down)} by {setting_name(across)}",
        columns=(
            Column(name="data set", numeric=False),
            Column(name=down, numeric=False),
            *(
                Column(name=value if across == ARM else f"{across}={value}", parts=ARM_PARTS)
                for value in grid.of(across)
            ),
        ),
        rows=tuple(rows),
        summary=tuple(summary if len(results.datasets) > 1 or not whole else ()),
        notes=tuple(_notes(grid, shared, results)),
        keys=2,
    )


def _arms(grid: Grid, crossing: tuple[str, str], value: str) -> list[str | None]:
    """Of a row the label of the arm in each column."""
    down, across = crossing
    return [grid.at({down: value, across: other}) for other in grid.of(across)]


def _row(
    dataset: str, value: str, arms: Sequence[str | None], by_place: Mapping[tuple[str, str], Row]
) -> tuple[Cell, ...]:
    found = [by_place[dataset, arm] if arm else None for arm in arms]
    best = best_of([cell["mean"] if cell else math.nan for cell in found])
    shown = (arm_cell(cell, best=mark) if cell else _no_arm() for cell, mark in zip(found, best, strict=True))
    return (Cell(text=dataset), Cell(text=value), *shown)


def _mean_cells(
    arms: Sequence[str | None], means: Mapping[str, float], shared: Sequence[str], results: StudyResults
) -> Iterator[Cell]:
    best = best_of([means[arm] if arm else math.nan for arm in arms])
    for arm, mark in zip(arms, best, strict=True):
        yield mean_cell(means[arm], arm, shared, results, best=mark) if arm else _no_arm()


def _no_arm() -> Cell:
    return Cell(text=ABSENT, tooltip="not in the study")


def _notes(grid: Grid, shared: Sequence[str], results: StudyResults) -> Iterator[str]:
    yield "Mean ± sample standard deviation over seeds; the best of each row is marked."
    outside = [arm for arm in results.arms if results.arm_name(arm) not in grid.names]
    if outside:
        yield f"The accuracy table also has {listed(outside, between='; ')}, which the factors do not apply to."
    left_out = [name for name in results.datasets if name not in shared]
    if left_out:
        yield f"Means leave out {listed(left_out)}, where the arms with results do not have the same done seeds."
