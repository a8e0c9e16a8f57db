"""Every system against every other: the arms, and published systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.analysis import contenders, statistics
from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.beside import System, source_notes, systems
from pipeline.analysis.cells import Row, leading, outcome_text
from pipeline.analysis.contenders import Score
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.cost import cost_cells, cost_columns
from pipeline.analysis.tables.notes import means_over
from pipeline.wording import ABSENT, listed, part_of

OUTCOME = ("wins", "ties", "losses")

MOST_SYSTEMS = 10
"""Columns of opponents. A study of more arms is shown against the published systems alone."""

COSTS = ("parameters", "flops_published")


def pairwise_table(results: StudyResults) -> Table | None:
    """Wins / ties / losses over data sets, a row a system and a column an opponent, with parameters and FLOPs.

    The layout behind Tables 1 and 5 to 7 of the paper. None where it says no more than the comparison with the
    reference: two arms and nothing published, or too many arms for a table; and where nothing can be compared yet.
    """
    others = systems(results)
    names = (*results.arms, *(system.name for system in others))
    possible = names if len(names) <= MOST_SYSTEMS else tuple(system.name for system in others)
    opponents = possible[:MOST_SYSTEMS]
    if not opponents or (len(names) < 3 and not others):
        return None
    scores = contenders.scores(results, results.accuracy_cells)
    found = {
        (one, two): contenders.outcome(scores[one], scores[two], results.datasets)
        for one in names
        for two in opponents
        if one != two
    }
    if all(outcome["left_out"] == len(results.datasets) for outcome in found.values()):
        return None
    costs, shared = _costs(results, others)
    return Table(
        title="Wins / ties / losses",
        columns=(
            Column(name="system", numeric=False),
            *(Column(name=f"vs {name}", parts=OUTCOME) for name in opponents),
            *cost_columns(COSTS),
        ),
        rows=tuple(
            (
                Cell(text=name),
                *(
                    _cell(found[name, other], len(results.datasets), _both(name, other, scores, results))
                    if name != other
                    else Cell(text=ABSENT)
                    for other in opponents
                ),
                *leading(cost_cells(costs[name], COSTS), behind(results, (name,), shared)),
            )
            for name in names
        ),
        notes=(*_notes(found, len(opponents), len(possible)), *_cost_notes(shared, results), *source_notes(results)),
    )


def _both(name: str, other: str, scores: Mapping[str, Mapping[str, Score]], results: StudyResults) -> Behind | None:
    """The trials of both, as far as they are arms, where they meet."""
    return behind(results, (name, other), contenders.met(scores[name], scores[other], results.datasets))


def _cell(outcome: Mapping[str, int], datasets: int, both: Behind | None) -> Cell:
    counts = tuple(outcome[name] for name in OUTCOME)
    if not any(counts):
        return Cell(text=ABSENT, tooltip="no data set to be compared on")
    over = part_of(sum(counts), datasets, "data set")
    return Cell(text=outcome_text(*counts), tooltip=f"over {over}", values=counts, behind=both)


def _costs(results: StudyResults, others: Sequence[System]) -> tuple[dict[str, Row], tuple[str, ...]]:
    """Name -> its mean costs over the data sets of the table of costs, and these; NaN where a system lacks some."""
    cells = results.cost_cells
    shared = statistics.started_datasets(cells)
    means = statistics.metric_means(cells, results.arms, shared, COSTS)
    costs: dict[str, Row] = {str(row["arm"]): row for row in means.to_dict("records")}
    for system in others:
        rows = [system.rows.get(dataset) for dataset in shared]
        costs[system.name] = {
            "parameters": _mean([one.parameters if one else math.nan for one in rows]),
            "flops_published": _mean([one.flops if one else math.nan for one in rows]),
        }
    return costs, shared


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _notes(found: Mapping[tuple[str, str], Mapping[str, int]], columns: int, systems: int) -> list[str]:
    rule = "by mean accuracy in percent, rounded to two decimals (halves up)"
    notes = [f"Data sets that the system of the row wins, ties and loses, {rule}."]
    left_out: dict[frozenset[str], str] = {}
    for (one, two), outcome in found.items():
        if outcome["left_out"]:
            left_out.setdefault(frozenset((one, two)), f"{outcome['left_out']} of {one} against {two}")
    if left_out:
        pairs = list(left_out.values())
        notes.append(
            "Two arms are compared where they have the same done seeds, an arm and a published system where one has a "
            f"number and the other all of its trials; data sets left out: {listed(pairs, between='; ')}."
        )
    if columns < systems:
        notes.append(f"Only the first {columns} of {systems} opponents have a column.")
    return notes


def _cost_notes(shared: Sequence[str], results: StudyResults) -> tuple[str, ...]:
    over = means_over(shared, results)
    return (f"Parameters and FLOPs: {over[0].lower()}{over[1:]} FLOPs are counted as the published code does.",)
