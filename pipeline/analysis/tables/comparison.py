"""Each arm against its reference."""

from __future__ import annotations

from pipeline.analysis import statistics
from pipeline.analysis.cells import count_cells, points_cell, text_cells
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Column, Table
from pipeline.wording import counted


def comparison_table(results: StudyResults) -> Table | None:
    """Each arm against its reference: paired difference in points and wins, ties and losses over data sets.

    A column names the reference if there are several; if there is one, the title does. None without any.
    """
    if not results.references:
        return None
    compared = statistics.comparisons(results.trials, results.arms, results.datasets, results.references)
    distinct = tuple(compared["reference"].unique())
    words = ("arm",) if len(distinct) == 1 else ("arm", "reference")
    names = (*words, "difference (points)", "pairs", "wins", "ties", "losses", "left out")
    rows = [
        (
            *text_cells(row[name] for name in words),
            points_cell(row["difference"], tooltip=f"over {counted(row['paired_datasets'], 'data set')}"),
            *count_cells(row[name] for name in ("pairs", "wins", "ties", "losses", "left_out")),
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
