"""The tables of a study. A new one is a function from results to a ``Table``; every rendering then shows it."""

from __future__ import annotations

from pipeline.analysis.tables.accuracy import accuracy_table
from pipeline.analysis.tables.comparison import comparison_table
from pipeline.analysis.tables.cost import cost_by_dataset_table, cost_table
from pipeline.analysis.tables.exploration import exploration_table
from pipeline.analysis.tables.quality import quality_table
from pipeline.analysis.tables.status import status_table
from pipeline.analysis.tables.trials import trials_table

__all__ = [
    "accuracy_table",
    "comparison_table",
    "cost_by_dataset_table",
    "cost_table",
    "exploration_table",
    "quality_table",
    "status_table",
    "trials_table",
]
