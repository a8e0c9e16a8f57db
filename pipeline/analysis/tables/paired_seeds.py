"""Each arm against its reference on each data set, with what the paired seeds say of it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.analysis.behind import Behind
from pipeline.analysis.cells import INTERVAL, count_cells, interval_cell, leading, p_cell, points_cell, text_cells
from pipeline.analysis.inference.differences import Difference, paired_differences
from pipeline.analysis.inference.intervals import LEVEL
from pipeline.analysis.inference.seeds import paired_seed_test
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted, p_value


def paired_seeds_table(results: StudyResults) -> Table | str:
    """A row an arm and data set with two paired seeds or more; or why there are none."""
    if not results.references:
        return "No arm of this study is compared with another."
    rows = [row for difference in paired_differences(results) for row in _rows(difference)]
    if not rows:
        return "Tests of paired seeds need an arm and its reference done under two seeds on some data set."
    words = ("arm", "against", "data set")
    interval = f"{LEVEL:.0%} interval"
    names = (*words, "seeds", "difference (points)", interval, "p (signs)", "p (t)")
    return Table(
        title="Each data set, by paired seeds",
        columns=tuple(
            Column(name=name, numeric=name not in words, parts=INTERVAL if name == interval else ()) for name in names
        ),
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


def _rows(difference: Difference) -> Iterator[tuple[Cell, ...]]:
    for dataset, seeds in difference.by_dataset.items():
        if len(seeds) < 2:
            continue
        test = paired_seed_test(seeds)
        least = f"{counted(test.seeds, 'seed')} cannot bring it below {p_value(test.smallest_p)}"
        numbers = (
            *count_cells([test.seeds]),
            points_cell(test.mean),
            interval_cell(test.interval),
            p_cell(test.exact_p, tooltip=least),
            p_cell(test.t_p),
        )
        both = Behind(arms=(difference.arm, difference.reference), datasets=(dataset,))
        yield (*text_cells((difference.arm, difference.reference, dataset)), *leading(numbers, both))
