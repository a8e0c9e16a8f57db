"""Test accuracy, data set by data set and over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from pipeline.analysis import contenders, statistics
from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.beside import System, source_notes, systems
from pipeline.analysis.cells import Row, best_of, outcome_text
from pipeline.analysis.contenders import Score
from pipeline.analysis.published import Published
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import ABSENT, counted, listed, part_of, percent

MOST_PAIRS = 8
"""Arms whose reference the notes name; how many more there are is said."""

ARM_PARTS = ("mean", "std", "seeds")
SYSTEM_PARTS = ("mean", "std")


def accuracy_table(results: StudyResults) -> Table:
    """Test accuracy in percent, a row a data set and a column an arm: mean and sample standard deviation over seeds.

    Published systems have their columns behind. The best mean of each row is marked, all of them if several are equal
    after rounding. Below: the mean over the data sets and wins / ties / losses of each arm against its reference. A
    cell with trials missing says how many are done.
    """
    cells = results.accuracy_cells
    others = systems(results)
    by_place = {(row["dataset"], row["arm"]): row for row in cells.to_dict("records")}
    shared = statistics.shared_datasets(cells)
    compared = results.comparisons
    return Table(
        title="Test accuracy (%)",
        columns=(
            Column(name="data set", numeric=False),
            *(Column(name=arm, parts=ARM_PARTS) for arm in results.arms),
            *(Column(name=system.name, parts=SYSTEM_PARTS) for system in others),
        ),
        rows=tuple(_row(dataset, by_place, others, results) for dataset in results.datasets),
        summary=(_mean_row(cells, shared, others, results), *_outcome_rows(cells, compared, others, results)),
        notes=(*_notes(cells, shared, compared, results), *source_notes(results)),
    )


def arm_cell(cell: Row, *, best: bool = False) -> Cell:
    """``97.33 ± 0.50``, without the deviation of a single trial, with ``(2/3)`` behind it if trials are missing.

    ``cell`` is a row of ``statistics.accuracy_cells``, and the column's parts are ``ARM_PARTS``.
    """
    mean, std, done, planned = (cell[name] for name in ("mean", "std", "done", "planned"))
    seeds = f"{done} of {counted(planned, 'seed')} done" if planned else "not planned"
    missing = "" if done in (0, planned) else f" ({done}/{planned})"
    return Cell(
        text=_spread(mean, std) + missing,
        best=best,
        tooltip=seeds,
        values=(100 * mean, 100 * std, done),
        behind=Behind(arms=(cell["arm"],), datasets=(cell["dataset"],)) if planned else None,
    )


def mean_cell(mean: float, arm: str, shared: Sequence[str], results: StudyResults, *, best: bool = False) -> Cell:
    """Below cells of ``arm_cell``: an arm's mean over the data sets ``shared``, a fraction."""
    values = (100 * mean, math.nan, math.nan)
    return Cell(text=percent(mean), best=best, values=values, behind=behind(results, (arm,), shared))


def _row(
    dataset: str, by_place: Mapping[tuple[str, str], Row], others: Sequence[System], results: StudyResults
) -> tuple[Cell, ...]:
    own = [by_place[dataset, arm] for arm in results.arms]
    theirs = [system.rows.get(dataset) for system in others]
    means = [cell["mean"] for cell in own] + [one.accuracy / 100 if one else math.nan for one in theirs]
    best = best_of(means)
    ours = (arm_cell(cell, best=is_best) for cell, is_best in zip(own, best, strict=False))
    published = (_published_cell(one, best=is_best) for one, is_best in zip(theirs, best[len(own) :], strict=True))
    return (Cell(text=dataset), *ours, *published)


def _published_cell(one: Published | None, *, best: bool) -> Cell:
    if one is None:
        return Cell(text=ABSENT, tooltip="nothing published")
    mean, std = one.accuracy / 100, one.std / 100
    return Cell(text=_spread(mean, std), best=best, tooltip=one.source, values=(one.accuracy, one.std))


def _spread(mean: float, std: float) -> str:
    return percent(mean) if math.isnan(std) else f"{percent(mean)} ± {percent(std)}"


def _mean_row(
    cells: pd.DataFrame, shared: Sequence[str], others: Sequence[System], results: StudyResults
) -> tuple[Cell, ...]:
    means = statistics.mean_over_datasets(cells, shared)
    own = [means[arm] for arm in results.arms]
    theirs = [_system_mean(system, shared) for system in others]
    best = best_of(own + theirs)
    ours = (
        mean_cell(mean, arm, shared, results, best=mark)
        for arm, mean, mark in zip(results.arms, own, best, strict=False)
    )
    published = (
        Cell(text=percent(mean), best=mark, tooltip=_coverage(system, shared), values=(100 * mean, math.nan))
        for system, mean, mark in zip(others, theirs, best[len(own) :], strict=True)
    )
    return (Cell(text=f"mean over {counted(len(shared), 'data set')}"), *ours, *published)


def _system_mean(system: System, shared: Sequence[str]) -> float:
    """Over the data sets that the arms' means are over; NaN if one is not published: it would be another mean."""
    if not shared or not set(shared) <= set(system.rows):
        return math.nan
    return sum(system.rows[dataset].accuracy for dataset in shared) / len(shared) / 100


def _coverage(system: System, shared: Sequence[str]) -> str:
    return f"published for {part_of(sum(name in system.rows for name in shared), len(shared), 'data set')} of the mean"


def _outcome_rows(
    cells: pd.DataFrame, compared: pd.DataFrame, others: Sequence[System], results: StudyResults
) -> tuple[tuple[Cell, ...], ...]:
    """The row of wins / ties / losses; none if nothing is compared."""
    if compared.empty and not others:
        return ()
    scores = contenders.scores(results, cells)
    pairs = {row["arm"]: row["reference"] for row in compared.to_dict("records")}
    against = _only_reference(results)
    if others and against:
        pairs |= {system.name: against for system in others}
    known = {name: _outcome(name, other, scores, results) for name, other in pairs.items()}
    references = {*results.references.values(), against} - {""}
    known |= {name: Cell(text="reference") for name in references}
    absent = Cell(text=ABSENT, tooltip="has no reference")
    names = (*results.arms, *(system.name for system in others))
    return ((Cell(text="wins / ties / losses"), *(known.get(name, absent) for name in names)),)


def _only_reference(results: StudyResults) -> str:
    """With what a published system is compared: the reference, or the only arm; empty if there are several."""
    candidates = set(results.references.values()) or set(results.arms)
    return candidates.pop() if len(candidates) == 1 else ""


def _outcome(name: str, reference: str, scores: Mapping[str, Mapping[str, Score]], results: StudyResults) -> Cell:
    """Wins / ties / losses of one comparison; who asks is told with which arm and over how many data sets."""
    pair = scores[name], scores[reference]
    found, met = contenders.outcome(*pair, results.datasets), contenders.met(*pair, results.datasets)
    over = part_of(len(met), len(results.datasets), "data set")
    # The text alone: three counts are no mean, which is what the column's numbers are.
    return Cell(
        text=outcome_text(found["wins"], found["ties"], found["losses"]),
        tooltip=f"{over} compared with {reference}",
        behind=behind(results, (name, reference), met),
    )


def _reference_notes(compared: pd.DataFrame) -> tuple[str, ...]:
    """With what each arm is compared, if not all with the same."""
    if compared["reference"].nunique() < 2:
        return ()
    pairs = [f"{arm} against {other}" for arm, other in zip(compared["arm"], compared["reference"], strict=True)]
    more = f"; and {len(pairs) - MOST_PAIRS} more" if len(pairs) > MOST_PAIRS else ""
    return (f"Wins / ties / losses: {'; '.join(pairs[:MOST_PAIRS])}{more}.",)


def _notes(
    cells: pd.DataFrame, shared: Sequence[str], compared: pd.DataFrame, results: StudyResults
) -> tuple[str, ...]:
    notes = ["Mean ± sample standard deviation over seeds; a single seed has none."]
    if ((cells["done"] > 0) & (cells["done"] < cells["planned"])).any():
        notes.append("(2/3) marks a cell with two of its three planned trials done.")
    if any(len(set(seeds)) < len(seeds) for seeds in cells["seeds"]):
        notes.append("Some cells hold several trials of one seed; they are in no comparison and in no mean below.")
    left_out = [name for name in results.datasets if name not in shared]
    if left_out:
        notes.append(
            f"The mean leaves out {listed(left_out)}, where the arms with results do not have the same done seeds."
        )
    notes += _reference_notes(compared)
    skipped = [f"{row['left_out']} of {row['arm']}" for row in compared.to_dict("records") if row["left_out"]]
    if skipped:
        notes.append(
            "Wins / ties / losses leave out data sets where arm and reference do not have the same done seeds: "
            f"{listed(skipped)}."
        )
    return tuple(notes)
