"""What there was to explore, and what was explored."""

from __future__ import annotations

from collections.abc import Iterator

from dsn.architecture import is_sparse
from pipeline.analysis import statistics
from pipeline.analysis.behind import behind
from pipeline.analysis.cells import Row, leading, number_cell, percent_cell
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables.notes import means_over, unrecorded


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
        rows=tuple(
            (Cell(text=str(row["arm"])), *leading(_exploration(row), behind(results, (str(row["arm"]),), shared)))
            for row in means.to_dict("records")
        ),
        notes=(
            means_over(shared, results),
            (
                "Topologies are the ways to place the active weights: anywhere in their layer, anywhere in their "
                "kernel group, or in the region of their group, as the networks do (Equations 5 to 7 of the paper)."
            ),
            (
                "Explored is the part of the sparse layers' weights that were active at some time (the ITOP rate; of a "
                "fixed topology its density). Changed is the part of the active weights that a mask update moves, a "
                "mean over updates. The receptive field is the mean over the paths through all layers."
            ),
            *unrecorded(cells, statistics.EXPLORATION),
        ),
    )


def _exploration(row: Row) -> Iterator[Cell]:
    """The cells of ``statistics.EXPLORATION``."""
    for name in statistics.EXPLORATION:
        shares = name in ("itop_rate", "mask_churn")
        yield percent_cell(row[name]) if shares else number_cell(row[name], decimals=1)
