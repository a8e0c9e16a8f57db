"""The tables that say how sure a study's differences are. TESTS lists them in the order in which they are read.

A new one is a function from results to a table, or to the sentence that says why there is none, and a line in TESTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Table
from pipeline.analysis.tables_effects import effects_table
from pipeline.analysis.tables_ranks import pairs_table, ranks_table
from pipeline.analysis.tables_seeds import seeds_table

TESTS: Mapping[str, Callable[[StudyResults], Table | str]] = {
    "Ranks and significance": ranks_table,
    "Each pair": pairs_table,
    "Effects of the factors": effects_table,
    "Each data set, by paired seeds": seeds_table,
}
"""Title -> the table."""
