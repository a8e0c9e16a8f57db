"""The files of a report: Markdown with its figures, one HTML page, and the tables as CSV.

Everything is computed from the results and nothing else, without a date: the same results give the same files.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsn.durable import write_atomic
from pipeline.analysis import statistics
from pipeline.analysis.figures import FILE_NAMES
from pipeline.analysis.published import published_csv
from pipeline.analysis.report.document import compose
from pipeline.analysis.report.markdown import to_markdown
from pipeline.analysis.report.page import to_html
from pipeline.analysis.results import StudyResults
from pipeline.workspace.layout import AGAINST, PAGE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class ReportPaths:
    """Where the files of a report are; ``figures`` has those for which the study has data."""

    html: Path
    markdown: Path
    figures: tuple[Path, ...]
    accuracy_csv: Path
    quality_csv: Path
    cost_csv: Path
    exploration_csv: Path
    trials_csv: Path


def write_report(results: StudyResults, directory: Path, *, pdf: bool = False) -> ReportPaths:
    """Writes report.html (one file, needs no network), report.md with its figures (SVG), and the tables as CSV.

    Each file appears whole or not at all, and the pages after what they refer to. ``directory`` is made if missing;
    files of an earlier report are replaced.

    Args:
        results: of the study.
        directory: where to.
        pdf: also write each figure as PDF, for print, which takes as long as all the rest.

    Raises:
        OSError: ``directory`` cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = report_files(results, pdf=pdf)
    for name, content in contents.items():
        write_atomic(directory / name, content)
    for earlier in files_at(directory) - contents.keys():
        (directory / earlier).unlink()  # an earlier report's, and no longer of this study
    return ReportPaths(
        html=directory / PAGE,
        markdown=directory / "report.md",
        figures=tuple(directory / name for name in contents if name.endswith((".svg", ".pdf"))),
        accuracy_csv=directory / "accuracy.csv",
        quality_csv=directory / "quality.csv",
        cost_csv=directory / "cost.csv",
        exploration_csv=directory / "exploration.csv",
        trials_csv=directory / "trials.csv",
    )


def report_files(results: StudyResults, *, pdf: bool = False) -> dict[str, str | bytes]:
    """Name -> content of each file of a report, the pages after what they refer to; ``pdf`` as in ``write_report``."""
    with _uncollected():
        return _files(results, pdf=pdf)


def _files(results: StudyResults, *, pdf: bool) -> dict[str, str | bytes]:
    report = compose(results)
    drawings = {name: drawing for section in report.figures for name, drawing in section.figures.items()}
    place = (results.trials, results.arms, results.datasets)
    cells = results.accuracy_cells
    return {
        "accuracy.csv": _csv(cells.assign(seeds=[" ".join(map(str, seeds)) for seeds in cells["seeds"]])),
        "quality.csv": _csv(statistics.metric_cells(*place, statistics.QUALITY)),
        "cost.csv": _csv(results.cost_cells),
        "exploration.csv": _csv(statistics.metric_cells(*place, statistics.EXPLORATION)),
        "trials.csv": _csv(results.trials.drop(columns="traceback")),
        **({AGAINST: published_csv(results.published)} if results.published else {}),
        **{f"{name}.svg": drawing.svg for name, drawing in drawings.items()},
        **({f"{name}.pdf": drawing.picture.pdf() for name, drawing in drawings.items()} if pdf else {}),
        "report.md": to_markdown(report),
        PAGE: to_html(report),
    }


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nobody looks for cyclic rubbish: a report makes little, and among the records of ten thousand trials the search
    takes a tenth of its time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def files_at(directory: Path) -> set[str]:
    """Names of the files in ``directory`` that a report may have, or not: figures, and what it was set beside."""
    found = {
        path.name for name in FILE_NAMES for ending in ("svg", "pdf") for path in directory.glob(f"{name}.{ending}")
    }
    return found | {path.name for path in directory.glob(AGAINST)}


def _csv(frame: pd.DataFrame) -> str:
    """Full precision, absent numbers as empty fields, the same line ends on every platform."""
    return str(frame.to_csv(index=False, lineterminator="\n"))
