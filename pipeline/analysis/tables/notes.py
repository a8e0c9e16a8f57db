"""What several tables say of their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipeline.analysis.results import StudyResults
from pipeline.wording import ABSENT, part_of


def means_over(datasets: Sequence[str], results: StudyResults) -> str:
    """Which data sets a mean is over that needs a result of each arm there, and no more."""
    over = f"Means over {part_of(len(datasets), len(results.datasets), 'data set')}"
    missing = "." if len(datasets) == len(results.datasets) else ", those in which every arm with results has one."
    return over + missing


def unrecorded(cells: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Why cells that have results lack one of these metrics, if any does."""
    lacking = cells.loc[cells["done"] > 0, list(names)].isna().to_numpy().any()
    note = (
        f"{ABSENT} stands where some trials have not recorded the number: an earlier version computed them, or their "
        "machine does not tell it."
    )
    return (note,) if lacking else ()
