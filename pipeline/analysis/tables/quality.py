"""How good the predictions are, by more measures than accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pipeline.analysis import statistics
from pipeline.analysis.behind import behind
from pipeline.analysis.cells import leading, number_cell, percent_cell
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.notes import unrecorded
from pipeline.wording import part_of, rounded_percent


def quality_table(results: StudyResults) -> Table | None:
    """How good the predictions of each arm are: means over the data sets of the accuracy table's. None without results.

    The best of each column is marked.
    """
    accuracies = results.accuracy_cells
    if not accuracies["done"].any():
        return None
    shared = statistics.shared_datasets(accuracies)
    cells = statistics.metric_cells(results.trials, results.arms, results.datasets, statistics.QUALITY)
    means = statistics.metric_means(cells, results.arms, shared, statistics.QUALITY)
    shown = {name: _quality_cells(name, means[name].tolist()) for name in statistics.QUALITY}
    names = ("accuracy (%)", "balanced accuracy (%)", "macro F1 (%)", "log-loss (nats)", "calibration error (%)")
    over = f"Means over {part_of(len(shared), len(results.datasets), 'data set')}"
    missing = "." if len(shared) == len(results.datasets) else ", those of the mean test accuracy."
    return Table(
        title="Quality of the predictions",
        columns=(Column(name="arm", numeric=False), *(Column(name=name) for name in names)),
        rows=tuple(
            (
                Cell(text=arm),
                *leading((shown[name][at] for name in statistics.QUALITY), behind(results, (arm,), shared)),
            )
            for at, arm in enumerate(results.arms)
        ),
        notes=(
            over + missing,
            (
                "Balanced accuracy is the mean recall over classes, macro F1 the mean F1 score over classes. Log-loss "
                "is the mean negative log-likelihood of the true class. Calibration error is by how much the "
                "probability of the predicted class differs from its accuracy, in 15 bins of equal width. Of the last "
                "two, less is better."
            ),
            *unrecorded(cells, statistics.QUALITY),
        ),
    )


def _quality_cells(name: str, values: Sequence[float]) -> list[Cell]:
    """A column of ``statistics.QUALITY``, the best marked as they are shown."""
    if name == "test_loss":
        cells, signed = [number_cell(value, decimals=4) for value in values], [-round(value, 4) for value in values]
    else:
        cells, sign = list(map(percent_cell, values)), -1 if name == "test_calibration_error" else 1
        signed = [sign * rounded_percent(value) for value in values]
    known = [value for value in signed if not math.isnan(value)]
    best = max(known) if len(known) > 1 else math.nan
    return [replace(cell, best=value == best) for cell, value in zip(cells, signed, strict=True)]
