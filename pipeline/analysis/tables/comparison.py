"""Each arm against its reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.cells import Row, count_cells, leading, points_cell, text_cells
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted


def comparison_table(results: StudyResults) -> Table | None:
    """Each arm against its reference: paired difference in points and wins, ties and losses over data sets.

    A column names the reference if there are several; if there is one, the title does. None without any.
    """
    if not results.references:
        return None
    compared = results.comparisons
    distinct = tuple(compared["reference"].unique())
    words = ("arm",) if len(distinct) == 1 else ("arm", "reference")
    names = (*words, "difference (points)", "pairs", "wins", "ties", "losses", "left out")
    place = (results.arms, results.datasets, results.references)
    paired = _datasets(statistics.paired_differences(results.trials, *place))
    cells = results.accuracy_cells
    met = _datasets(statistics.outcomes(cells, *place))
    others = {arm: [name for name in results.datasets if name not in met.get(arm, ())] for arm in results.references}
    rows = [
        (
            *text_cells(row[name] for name in words),
            *_differences(row, _both(row, paired, results)),
            *leading(count_cells(row[name] for name in ("wins", "ties", "losses")), _both(row, met, results)),
            *leading(count_cells([row["left_out"]]), _both(row, others, results)),
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


def _differences(row: Row, both: Behind | None) -> Iterator[Cell]:
    """The difference and how many pairs it rests on."""
    difference = points_cell(row["difference"], tooltip=f"over {counted(row['paired_datasets'], 'data set')}")
    return leading((difference, *count_cells([row["pairs"]])), both)


def _datasets(compared: pd.DataFrame) -> dict[str, list[str]]:
    """Arm -> the data sets of its rows, each once."""
    return {str(arm): list(dict.fromkeys(own)) for arm, own in compared.groupby("arm", sort=False)["dataset"]}


def _both(row: Row, datasets: Mapping[str, Sequence[str]], results: StudyResults) -> Behind | None:
    """The trials of the arm and of its reference."""
    return behind(results, (row["arm"], row["reference"]), datasets.get(row["arm"], ()))
