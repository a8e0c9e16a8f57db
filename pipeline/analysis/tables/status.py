"""How far the study is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.behind import Behind
from pipeline.analysis.cells import Row, count_cells
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted
from pipeline.workspace.lifecycle import STATUSES

COUNTS = ("planned", *STATUSES)


def status_table(results: StudyResults) -> Table:
    """How far the study is: a row an arm and one over all; planned is always the sum of the other columns.

    The row over all counts each trial once, also one that serves several arms and is in the row of each.
    """
    counts = statistics.status_counts(results.trials, results.arms)
    totals = statistics.status_totals(results.trials)
    rows = [
        (Cell(text=str(row["arm"])), *_counts(row, Behind(arms=(row["arm"],)))) for row in counts.to_dict("records")
    ]
    return Table(
        title="Trials",
        columns=(Column(name="arm", numeric=False), *(Column(name=name) for name in COUNTS)),
        rows=tuple(rows),
        summary=((Cell(text="all"), *_counts(totals, Behind())),),
        notes=_sharing_notes(results.trials),
    )


def _counts(numbers: Row | Mapping[str, int], counted_in: Behind) -> Iterator[Cell]:
    for name, cell in zip(COUNTS, count_cells(numbers[name] for name in COUNTS), strict=True):
        of_status = counted_in if name == "planned" else replace(counted_in, status=name)
        yield replace(cell, behind=of_status) if numbers[name] else cell


def _sharing_notes(trials: pd.DataFrame) -> tuple[str, ...]:
    """Why the rows of the arms add up to more than the row over all; nothing if they do not."""
    shared = trials[trials.duplicated("trial_id", keep=False)]
    if shared.empty:
        return ()
    arms = shared.groupby("trial_id")["arm"].nunique()
    what = "arms" if (arms > 1).all() else "cells"
    verbs = "serves several {}; it counts" if len(arms) == 1 else "serve several {}; each counts"
    return (f"{counted(len(arms), 'trial')} {verbs.format(what)} once over all.",)
