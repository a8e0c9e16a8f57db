"""The tables of a study. A new one is a function from results to a ``Table``; every rendering then shows it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dsn.architecture import is_sparse
from pipeline.analysis import statistics
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.ledger import STATUSES
from pipeline.wording import ABSENT, counted, listed, part_of, percent, points, rounded_percent

Row = Mapping[Hashable, Any]
"""A row of a frame, by column."""

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
        best = _best([cell["mean"] for cell in own])
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


def comparison_table(results: StudyResults) -> Table:
    """Each arm against its reference: paired difference in points and wins, ties and losses over data sets.

    A column names the reference if there are several; if there is one, the title does.
    """
    compared = statistics.comparisons(results.trials, results.arms, results.datasets, results.references)
    distinct = tuple(compared["reference"].unique())
    words = ("arm",) if len(distinct) == 1 else ("arm", "reference")
    names = (*words, "difference (points)", "pairs", "wins", "ties", "losses", "left out")
    rows = [
        (
            *text_cells(row[name] for name in words),
            Cell(text=points(row["difference"]), tooltip=f"over {counted(row['paired_datasets'], 'data set')}"),
            *_counts(row[name] for name in ("pairs", "wins", "ties", "losses", "left_out")),
        )
        for row in compared.to_dict("records")
    ]
    return Table(
        title=f"Against {distinct[0]}" if len(distinct) == 1 else "Against the reference",
        columns=tuple(Column(name=name, numeric=name not in words) for name in names),
        rows=tuple(rows),
        notes=(
            (
                "The difference is the arm's test accuracy minus the reference's under the same seed, averaged over "
                "seeds and then over data sets."
            ),
            (
                "Wins, ties and losses count data sets by mean accuracy in percent, rounded to two decimals (halves "
                "up); a data set is left out unless both arms have the same done seeds there."
            ),
        ),
    )


def cost_table(results: StudyResults) -> Table:
    """What each arm costs: the mean over data sets of parameters, active weights, FLOPs and training time."""
    costs = statistics.cost_cells(results.trials, results.arms, results.datasets)
    shared = statistics.started_datasets(costs)
    means = statistics.metric_means(costs, results.arms, shared, statistics.COSTS)
    rows = [(Cell(text=str(row["arm"])), *_costs(row)) for row in means.to_dict("records")]
    return Table(
        title="Cost",
        columns=(Column(name="arm", numeric=False), *_cost_columns()),
        rows=tuple(rows),
        notes=(
            _over(shared, results),
            (
                "FLOPs are those of one series: plain counts two for each multiply-add of an active weight, each layer "
                "once; authors' is the count of the published code."
            ),
            (
                "Times are wall-clock times on whatever ran the trials: of the training, and of testing the selected "
                "network. Peak memory is the most that a trial's process held, or its tensors on a GPU."
            ),
            *_unrecorded(costs, statistics.COSTS),
        ),
    )


def quality_table(results: StudyResults) -> Table | None:
    """How good the predictions of each arm are: means over the data sets of the accuracy table's. None without results.

    The best of each column is marked.
    """
    accuracies = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
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
            (Cell(text=arm), *(shown[name][at] for name in statistics.QUALITY)) for at, arm in enumerate(results.arms)
        ),
        notes=(
            over + missing,
            (
                "Balanced accuracy is the mean recall over classes, macro F1 the mean F1 score over classes. Log-loss "
                "is the mean negative log-likelihood of the true class. Calibration error is by how much the "
                "probability of the predicted class differs from its accuracy, in 15 bins of equal width. Of the last "
                "two, less is better."
            ),
            *_unrecorded(cells, statistics.QUALITY),
        ),
    )


def exploration_table(results: StudyResults) -> Table | None:
    """What each arm could explore, what it did, and how far its kernels see: means over data sets.

    None if no arm is sparse, and without results that say it.
    """
    cells = statistics.metric_cells(results.trials, results.arms, results.datasets, statistics.EXPLORATION)
    sparse = any(is_sparse(config.model, config.sparsity) for config in results.configs.values())
    if not sparse or cells["itop_rate"].isna().all():
        return None
    shared = statistics.started_datasets(cells)
    means = statistics.metric_means(cells, results.arms, shared, statistics.EXPLORATION)
    names = (
        "topologies by layer (log10)",
        "by group (log10)",
        "by region (log10)",
        "explored (%)",
        "changed by an update (%)",
        "receptive field (steps)",
    )
    return Table(
        title="Exploration",
        columns=(Column(name="arm", numeric=False), *(Column(name=name) for name in names)),
        rows=tuple((Cell(text=str(row["arm"])), *_exploration(row)) for row in means.to_dict("records")),
        notes=(
            _over(shared, results),
            (
                "Topologies are the ways to place the active weights: anywhere in their layer, anywhere in their "
                "kernel group, or in the region of their group, as the networks do (Equations 5 to 7 of the paper)."
            ),
            (
                "Explored is the part of the sparse layers' weights that were active at some time (the ITOP rate; of a "
                "fixed topology its density). Changed is the part of the active weights that a mask update moves, a "
                "mean over updates. The receptive field is the mean over the paths through all layers."
            ),
            *_unrecorded(cells, statistics.EXPLORATION),
        ),
    )


def cost_by_dataset_table(results: StudyResults) -> Table:
    """The same as ``cost_table``, a row a data set and arm that has a done trial."""
    costs = statistics.cost_cells(results.trials, results.arms, results.datasets)
    rows = [
        (Cell(text=str(row["dataset"])), Cell(text=str(row["arm"])), *_costs(row))
        for row in costs.to_dict("records")
        if row["done"] > 0
    ]
    names = (Column(name="data set", numeric=False), Column(name="arm", numeric=False))
    return Table(title="Cost by data set", columns=(*names, *_cost_columns()), rows=tuple(rows))


def status_table(results: StudyResults) -> Table:
    """How far the study is: a row an arm and one over all; planned is always the sum of the other columns.

    The row over all counts each trial once, also one that serves several arms and is in the row of each.
    """
    counts = statistics.status_counts(results.trials, results.arms)
    totals = statistics.status_totals(results.trials)
    names = ("planned", *STATUSES)
    rows = [(Cell(text=str(row["arm"])), *_counts(row[name] for name in names)) for row in counts.to_dict("records")]
    return Table(
        title="Trials",
        columns=(Column(name="arm", numeric=False), *(Column(name=name) for name in names)),
        rows=tuple(rows),
        summary=((Cell(text="all"), *_counts(totals[name] for name in names)),),
        notes=_sharing_notes(results.trials),
    )


def trials_table(results: StudyResults) -> Table:
    """Every planned trial in plan order: which arms it serves, how it stands and what came out of it."""
    names = ("trial", "arm", "data set", "seed", "status", "accuracy (%)", "best epoch", "seconds")
    rows = [
        (
            *text_cells(row[name] for name in ("trial_id", "arm", "dataset", "seed", "status")),
            Cell(text=percent(_number(row["test_accuracy"]))),
            Cell(text=_grouped(_number(row["best_epoch"]), decimals=0)),
            Cell(text=_grouped(_number(row["train_seconds"]), decimals=1)),
        )
        for row in statistics.distinct_trials(results.trials).to_dict("records")
    ]
    words = ("trial", "arm", "data set", "status")
    columns = tuple(Column(name=name, numeric=name not in words) for name in names)
    return Table(title="All trials", columns=columns, rows=tuple(rows))


def text_cells(values: Iterable[Any]) -> Iterable[Cell]:
    """A cell of text for each."""
    return (Cell(text=as_text(value)) for value in values)


def as_text(value: Any) -> str:
    """``value`` as text, empty for the several ways in which a frame says that there is none."""
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


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


def _best(means: Sequence[float]) -> list[bool]:
    """Which of these are the highest after rounding; none if fewer than two have a value to compare."""
    rounded = [rounded_percent(mean) for mean in means]
    known = [mean for mean in rounded if not math.isnan(mean)]
    return [len(known) > 1 and mean == max(known) for mean in rounded]


def _mean_row(cells: pd.DataFrame, shared: Sequence[str], results: StudyResults) -> tuple[Cell, ...]:
    means = statistics.mean_over_datasets(cells, shared)
    best = _best([means[arm] for arm in results.arms])
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


def _sharing_notes(trials: pd.DataFrame) -> tuple[str, ...]:
    """Why the rows of the arms add up to more than the row over all; nothing if they do not."""
    shared = trials[trials.duplicated("trial_id", keep=False)]
    if shared.empty:
        return ()
    arms = shared.groupby("trial_id")["arm"].nunique()
    what = "arms" if (arms > 1).all() else "cells"
    verbs = "serves several {}; it counts" if len(arms) == 1 else "serve several {}; each counts"
    return (f"{counted(len(arms), 'trial')} {verbs.format(what)} once over all.",)


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


def _over(datasets: Sequence[str], results: StudyResults) -> str:
    """Which data sets a mean is over that needs a result of each arm there, and no more."""
    over = f"Means over {part_of(len(datasets), len(results.datasets), 'data set')}"
    missing = "." if len(datasets) == len(results.datasets) else ", those in which every arm with results has one."
    return over + missing


def _unrecorded(cells: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Why cells that have results lack one of these metrics, if any does."""
    lacking = cells.loc[cells["done"] > 0, list(names)].isna().to_numpy().any()
    note = (
        f"{ABSENT} stands where some trials have not recorded the number: an earlier version computed them, or their "
        "machine does not tell it."
    )
    return (note,) if lacking else ()


def _quality_cells(name: str, values: Sequence[float]) -> list[Cell]:
    """A column of ``statistics.QUALITY``, the best marked as they are shown."""
    if name == "test_loss":
        texts, signed = [_grouped(value, decimals=4) for value in values], [-round(value, 4) for value in values]
    else:
        texts, sign = list(map(percent, values)), -1 if name == "test_calibration_error" else 1
        signed = [sign * rounded_percent(value) for value in values]
    known = [value for value in signed if not math.isnan(value)]
    best = max(known) if len(known) > 1 else math.nan
    return [Cell(text=text, best=value == best) for text, value in zip(texts, signed, strict=True)]


def _exploration(row: Row) -> Iterator[Cell]:
    """The cells of ``statistics.EXPLORATION``."""
    for name in statistics.EXPLORATION:
        shares = name in ("itop_rate", "mask_churn")
        yield Cell(text=percent(row[name]) if shares else _grouped(row[name], decimals=1))


_COST_COLUMNS = {
    "parameters": ("parameters (K)", 1e3, 2),
    "active_weights": ("active weights (K)", 1e3, 2),
    "flops": ("FLOPs, plain (M)", 1e6, 2),
    "flops_published": ("FLOPs, authors' (M)", 1e6, 2),
    "train_seconds": ("training (s)", 1.0, 1),
    "test_seconds": ("testing (s)", 1.0, 2),
    "peak_memory_bytes": ("peak memory (MB)", 1e6, 0),
}
"""Metric -> its heading, what of it is one there, and decimals."""


def _cost_columns() -> tuple[Column, ...]:
    return tuple(Column(name=_COST_COLUMNS[name][0]) for name in statistics.COSTS)


def _costs(row: Row) -> Iterator[Cell]:
    """The cells of ``statistics.COSTS`` in the units of ``_cost_columns``."""
    for name in statistics.COSTS:
        _, unit, decimals = _COST_COLUMNS[name]
        yield Cell(text=_grouped(row[name] / unit, decimals=decimals))


def _grouped(value: float, *, decimals: int) -> str:
    return ABSENT if math.isnan(value) else f"{value:,.{decimals}f}"


def _counts(values: Iterable[float]) -> Iterable[Cell]:
    return (Cell(text=str(int(value))) for value in values)


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)
