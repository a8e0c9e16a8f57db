"""Each arm against its reference on each data set, with what the paired seeds say of it."""

from __future__ import annotations

from pipeline.analysis.inference.differences import Difference, paired_differences
from pipeline.analysis.inference.intervals import LEVEL
from pipeline.analysis.inference.seeds import paired_seed_test
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted, interval_points, p_value, points


def seeds_table(results: StudyResults) -> Table | str:
    """A row an arm and data set with two paired seeds or more; or why there are none."""
    if not results.references:
        return "No arm of this study is compared with another."
    rows = [row for difference in paired_differences(results) for row in _rows(difference)]
    if not rows:
        return "Tests of paired seeds need an arm and its reference done under two seeds on some data set."
    names = (
        "arm",
        "against",
        "data set",
        "seeds",
        "difference (points)",
        f"{LEVEL:.0%} interval",
        "p (signs)",
        "p (t)",
    )
    words = ("arm", "against", "data set")
    return Table(
        title="Each data set, by paired seeds",
        columns=tuple(Column(name=name, numeric=name not in words) for name in names),
        rows=tuple(rows),
        notes=(
            (
                "The difference is the arm's test accuracy minus its reference's under the same seed, a mean over "
                "seeds. It tells of luck with seeds on this data set, and nothing of others."
            ),
            (
                "p (signs) is exact: the part of all assignments of signs to the seeds' differences whose mean is as "
                "far from zero. Of n seeds it cannot fall below 2/2ⁿ, which is 1/16 of five. p (t) and the interval "
                "are Student's, which take differences as normal; neither p is corrected for the number of rows."
            ),
        ),
    )


def _rows(difference: Difference) -> list[tuple[Cell, ...]]:
    rows = []
    for dataset, seeds in difference.by_dataset.items():
        if len(seeds) < 2:
            continue
        test = paired_seed_test(seeds)
        texts = (difference.arm, difference.reference, dataset, str(test.seeds), points(test.mean))
        cells = [Cell(text=text) for text in (*texts, interval_points(test.interval))]
        cells.append(
            Cell(
                text=p_value(test.exact_p),
                tooltip=f"{counted(test.seeds, 'seed')} cannot bring it below {p_value(test.smallest_p)}",
            )
        )
        rows.append((*cells, Cell(text=p_value(test.t_p))))
    return rows
