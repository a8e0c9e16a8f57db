"""The tables of a study, in reading order.

A table is a function from results to a ``Table``, to None where the study has nothing for it, or to the sentence that
says why it has not, where a reader would ask. Adding one is a file here and a line in ``RESULTS`` or ``RECORD``; every
report, command and rendering then has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dsn.errors import InvalidInput
from pipeline.analysis.failures import causes_table, failures_table
from pipeline.analysis.origin import data_table, provenance_table
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Table
from pipeline.analysis.tables.accuracy import accuracy_table
from pipeline.analysis.tables.accuracy_and_cost import accuracy_and_cost_table
from pipeline.analysis.tables.comparison import comparison_table
from pipeline.analysis.tables.cost import cost_by_dataset_table, cost_table
from pipeline.analysis.tables.effects import effects_table
from pipeline.analysis.tables.exploration import exploration_table
from pipeline.analysis.tables.factors import factors_table
from pipeline.analysis.tables.paired_seeds import paired_seeds_table
from pipeline.analysis.tables.pairwise import pairwise_table
from pipeline.analysis.tables.published import published_table
from pipeline.analysis.tables.quality import quality_table
from pipeline.analysis.tables.ranks import pairs_table, ranks_table
from pipeline.analysis.tables.status import status_table
from pipeline.analysis.tables.trials import trials_table
from pipeline.analysis.tables.two_factors import two_factors_table

TableOf = Callable[[StudyResults], Table | str | None]

RESULTS: Mapping[str, TableOf] = {
    "accuracy": accuracy_table,
    "comparison": comparison_table,
    "pairwise": pairwise_table,
    "published": published_table,
    "two_factors": two_factors_table,
    "factors": factors_table,
    "ranks": ranks_table,
    "pairs": pairs_table,
    "effects": effects_table,
    "paired_seeds": paired_seeds_table,
    "quality": quality_table,
    "cost": cost_table,
    "cost_by_dataset": cost_by_dataset_table,
    "accuracy_and_cost": accuracy_and_cost_table,
    "exploration": exploration_table,
}
"""Name -> what the study found."""

RECORD: Mapping[str, TableOf] = {
    "causes": causes_table,
    "failures": failures_table,
    "status": status_table,
    "trials": trials_table,
    "data": data_table,
    "provenance": provenance_table,
}
"""Name -> how the results came about."""

TABLES: Mapping[str, TableOf] = {**RESULTS, **RECORD}

FOLDED = frozenset({"pairs", "paired_seeds", "cost_by_dataset", "accuracy_and_cost"})
"""Of ``RESULTS`` those that a report shows on demand: long, and summed up by others."""

__all__ = [
    "FOLDED",
    "RECORD",
    "RESULTS",
    "TABLES",
    "TableOf",
    "accuracy_and_cost_table",
    "accuracy_table",
    "chosen_tables",
    "comparison_table",
    "cost_by_dataset_table",
    "cost_table",
    "effects_table",
    "exploration_table",
    "factors_table",
    "paired_seeds_table",
    "pairs_table",
    "pairwise_table",
    "published_table",
    "quality_table",
    "ranks_table",
    "status_table",
    "trials_table",
    "two_factors_table",
]


def chosen_tables(results: StudyResults, names: Sequence[str]) -> dict[str, Table]:
    """The tables of these names in the order of ``TABLES``, or without names all that the study has.

    Raises:
        InvalidInput: no such table, or one that the study has nothing for; with those that there are.
    """
    for name in names:
        if name not in TABLES:
            raise InvalidInput("no such table", key="table", value=name, choices=TABLES)
    made = {name: table(results) for name, table in TABLES.items() if name in names or not names}
    found = {name: table for name, table in made.items() if isinstance(table, Table)}
    for name in names:
        if name not in found:
            others = [other for other, table in TABLES.items() if other in found or isinstance(table(results), Table)]
            reason = f": {str(made[name]).rstrip('.')}" if made[name] else ""
            problem = f"the study has nothing for this table{reason}"
            raise InvalidInput(problem, key="table", value=name, choices=others)
    return found
