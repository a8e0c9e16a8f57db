"""The arms beside what is published of the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.cells import Row, leading, outcome_text, points_cell, text_cells
from pipeline.analysis.published import Published
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted, percent, rounded_percent

SPREAD = ("mean", "std")


def published_table(results: StudyResults) -> Table | None:
    """A row a published accuracy of one arm, with what the arm has there; below, each system over all its data sets.

    None if nothing is published of an arm; systems that stand beside all arms have columns in other tables.
    """
    published = [one for one in results.published if one.arm]
    here = [one for one in published if one.dataset in results.datasets and one.arm in results.arms]
    if not here:
        return None
    cells = results.accuracy_cells
    by_place = {(cell["arm"], cell["dataset"]): cell for cell in cells.to_dict("records")}
    rows: list[tuple[Cell, ...]] = []
    pairs: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for one in here:
        cell = by_place[one.arm, one.dataset]
        rows.append(_row(one, cell))
        if not math.isnan(cell["mean"]):
            pairs.setdefault((one.arm, one.system), {})[one.dataset] = (cell["mean"], one.accuracy / 100)
    elsewhere = len(published) - len(here)
    strangers = any(one.arm not in results.arms for one in published)
    what = "arms or data sets" if strangers else "data sets"
    left_out = f"{counted(elsewhere, 'published accuracy')} of {what} that the study does not have."
    return Table(
        title="Beside the published accuracies",
        columns=(
            *(Column(name=name, numeric=False) for name in ("data set", "arm")),
            Column(name="here (%)", parts=SPREAD),
            Column(name="published system", numeric=False),
            Column(name="published (%)", parts=SPREAD),
            Column(name="difference (points)"),
            Column(name="source", numeric=False),
        ),
        rows=tuple(rows),
        summary=tuple(_over_datasets(arm, system, found, results) for (arm, system), found in pairs.items()),
        notes=(
            (
                "Wins / ties / losses are those of the arm against the published system, by mean accuracy in percent, "
                "rounded to two decimals."
            ),
            *([left_out] if elsewhere else []),
        ),
        keys=2,
    )


def _row(one: Published, cell: Row) -> tuple[Cell, ...]:
    """``cell``: of ``statistics.accuracy_cells``, the arm's on the data set."""
    mean, there = cell["mean"], one.accuracy / 100
    own = Behind(arms=(one.arm,), datasets=(one.dataset,)) if cell["planned"] else None
    here, difference = leading((_spread_cell(mean, cell["std"]), points_cell(mean - there)), own)
    return (
        *text_cells((one.dataset, one.arm)),
        here,
        Cell(text=one.system),
        _spread_cell(there, one.std / 100),
        difference,
        Cell(text=one.source),
    )


def _over_datasets(
    arm: str, system: str, pairs: Mapping[str, tuple[float, float]], results: StudyResults
) -> tuple[Cell, ...]:
    """``pairs``: data set -> the arm's accuracy and the published one."""
    here, there = (float(np.mean(each)) for each in zip(*pairs.values(), strict=True))
    signs = [np.sign(rounded_percent(own) - rounded_percent(other)) for own, other in pairs.values()]
    outcome = Cell(text=f"wins / ties / losses: {outcome_text(signs.count(1), signs.count(0), signs.count(-1))}")
    own = _spread_cell(here, math.nan), points_cell(here - there), outcome
    mean, difference, counts = leading(own, behind(results, (arm,), tuple(pairs)))
    return (
        *text_cells((f"mean over {counted(len(pairs), 'data set')}", arm)),
        mean,
        Cell(text=system),
        _spread_cell(there, math.nan),
        difference,
        counts,
    )


def _spread_cell(mean: float, std: float) -> Cell:
    text = percent(mean) if math.isnan(std) else f"{percent(mean)} ± {percent(std)}"
    return Cell(text=text, values=(100 * mean, 100 * std))
