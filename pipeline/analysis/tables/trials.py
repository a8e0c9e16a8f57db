"""Every trial."""

from __future__ import annotations

from pipeline.analysis import statistics
from pipeline.analysis.cells import number_cell, percent_cell, text_cells
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Column, Table


def trials_table(results: StudyResults) -> Table:
    """Every planned trial in plan order: which arms it serves, how it stands and what came out of it."""
    names = ("trial", "arm", "data set", "seed", "status", "accuracy (%)", "best epoch", "seconds")
    said = ["trial_id", "arm", "dataset", "seed", "status", "test_accuracy", "best_epoch", "train_seconds"]
    rows = [
        (
            *text_cells(row[name] for name in ("trial_id", "arm", "dataset", "seed", "status")),
            percent_cell(row["test_accuracy"]),
            number_cell(row["best_epoch"], decimals=0),
            number_cell(row["train_seconds"], decimals=1),
        )
        for row in statistics.distinct_trials(results.trials)[said].to_dict("records")
    ]
    words = ("trial", "arm", "data set", "status")
    columns = tuple(Column(name=name, numeric=name not in words) for name in names)
    return Table(title="All trials", columns=columns, rows=tuple(rows))
