"""Test accuracy, data set by data set and over all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.cells import Row, best_of
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import ABSENT, counted, listed, part_of, percent

MOST_PAIRS = 8
"""Arms whose reference the notes name; how many more there are is said."""


def accuracy_table(results: StudyResults) -> Table:
    """Test accuracy in percent, a row a data set and a column an arm: mean and sample standard deviation over seeds.

    The best mean of each row is marked, all of them if several are equal after rounding. Below: the mean over the data
    sets and wins / ties / losses of each arm against its reference. A cell with trials missing says how many are done.
    """
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    by_place = {(row["dataset"], row["arm"]): row for row in cells.to_dict("records")}
    rows = []
    for dataset in results.datasets:
        own = [by_place[dataset, arm] for arm in results.arms]
        best = best_of([cell["mean"] for cell in own])
        shown = (
            Cell(text=_accuracy(cell), best=is_best, tooltip=_seeds_done(cell))
            for cell, is_best in zip(own, best, strict=True)
        )
        rows.append((Cell(text=dataset), *shown))
    shared = statistics.shared_datasets(cells)
    compared = statistics.comparisons(results.trials, results.arms, results.datasets, results.references)
    return Table(
        title="Test accuracy (%)",
        columns=(Column(name="data set", numeric=False), *(Column(name=arm) for arm in results.arms)),
        rows=tuple(rows),
        summary=(_mean_row(cells, shared, results), *_outcome_rows(compared, results)),
        notes=_accuracy_notes(cells, shared, compared, results),
    )


def _accuracy(cell: Row) -> str:
    """``97.33 ± 0.50``, without the deviation of a single trial, with ``(2/3)`` behind it if trials are missing."""
    mean, std, done, planned = (cell[name] for name in ("mean", "std", "done", "planned"))
    if done == 0:
        return ABSENT
    spread = "" if math.isnan(std) else f" ± {percent(std)}"
    missing = "" if done == planned else f" ({done}/{planned})"
    return percent(mean) + spread + missing


def _seeds_done(cell: Row) -> str:
    if not cell["planned"]:
        return "not planned"
    return f"{cell['done']} of {counted(cell['planned'], 'seed')} done"


def _mean_row(cells: pd.DataFrame, shared: Sequence[str], results: StudyResults) -> tuple[Cell, ...]:
    means = statistics.mean_over_datasets(cells, shared)
    best = best_of([means[arm] for arm in results.arms])
    shown = (Cell(text=percent(means[arm]), best=mark) for arm, mark in zip(results.arms, best, strict=True))
    return (Cell(text=f"mean over {counted(len(shared), 'data set')}"), *shown)


def _outcome_rows(compared: pd.DataFrame, results: StudyResults) -> tuple[tuple[Cell, ...], ...]:
    """The row of wins / ties / losses; none if no arm is compared with another."""
    if compared.empty:
        return ()
    outcomes = {row["arm"]: _outcome(row, len(results.datasets)) for row in compared.to_dict("records")}
    references = {name: Cell(text="reference") for name in results.references.values()}
    absent = Cell(text=ABSENT, tooltip="has no reference")
    known = outcomes | references
    return ((Cell(text="wins / ties / losses"), *(known.get(arm, absent) for arm in results.arms)),)


def _outcome(row: Row, datasets: int) -> Cell:
    """Wins / ties / losses of one comparison; who asks is told with which arm and over how many data sets."""
    wins, ties, losses = (row[name] for name in ("wins", "ties", "losses"))
    over = part_of(wins + ties + losses, datasets, "data set")
    return Cell(text=f"{wins} / {ties} / {losses}", tooltip=f"{over} compared with {row['reference']}")


def _reference_notes(compared: pd.DataFrame) -> tuple[str, ...]:
    """With what each arm is compared, if not all with the same."""
    if compared["reference"].nunique() < 2:
        return ()
    pairs = [f"{arm} against {other}" for arm, other in zip(compared["arm"], compared["reference"], strict=True)]
    more = f"; and {len(pairs) - MOST_PAIRS} more" if len(pairs) > MOST_PAIRS else ""
    return (f"Wins / ties / losses: {'; '.join(pairs[:MOST_PAIRS])}{more}.",)


def _accuracy_notes(
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
