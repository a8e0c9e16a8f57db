"""Every file of a report against the same files made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.analysis import statistics
from pipeline.analysis.report.files import files_at, report_files
from pipeline.analysis.results import StudyResults
from pipeline.analysis.verification.comparison import Difference, compare
from pipeline.analysis.verification.document import Document
from pipeline.analysis.verification.drawing import read_drawing
from pipeline.analysis.verification.page import read_page
from pipeline.analysis.verification.text import read_csv, read_markdown
from pipeline.wording import counted, enumerated
from pipeline.workspace.layout import AGAINST, PAGE

ALL_TRIALS = "All trials"
"""Title of the table that has every trial with its status."""

READERS: Mapping[str, Callable[[str], Document]] = {
    ".html": read_page,
    ".md": read_markdown,
    ".csv": read_csv,
    ".svg": lambda text: Document(tables=(), figures={"": read_drawing(text)}),
}
"""Ending of a file's name -> how it is read; others are compared by their bytes."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of it.

    Attributes:
        moved: how the ledger has moved on since the report was written, in words; empty if it has not.
        differences: in the order in which a report is read.
        compared: what was looked at: how many ``tables``, ``cells``, ``figures``, ``points`` and ``sentences`` of the
            page, and ``files``.
        against: whether the report is set beside published accuracies, which no ledger can confirm.
    """

    moved: str
    differences: tuple[Difference, ...]
    compared: Mapping[str, int]
    against: bool


def study_of(page: Path) -> str:
    """The name of the study that a report's page is of.

    Raises:
        InvalidInput: it is no report's page, or cannot be read.
    """
    document = read_page(_read(page).decode("utf-8", "replace"))
    if document.table(ALL_TRIALS) is None or not document.sentences:
        raise InvalidInput("is no report's page", key="report", value=str(page))
    return document.sentences[0].text


def verify_report(results: StudyResults, page: Path, *, whole: bool) -> Verification:
    """Compares a report with one made from ``results`` now.

    Args:
        results: of its study, beside the same published accuracies.
        page: the report's; the other files lie beside it.
        whole: whether all of them should be there. Else the page may be alone, and have another name.

    Raises:
        InvalidInput: a file cannot be read.
    """
    folder = page.parent
    there = files_at(folder) - {AGAINST}
    made = report_files(results, pdf=any(name.endswith(".pdf") for name in there))
    made.pop(AGAINST, None)
    made = {page.name: made.pop(PAGE), **(made if page.name == PAGE else {})}
    read = {name: _read(folder / name) for name in made if (folder / name).exists()}
    shown = _document(page.name, read[page.name])
    differences: list[Difference] = []
    for name, content in made.items():
        if name in read:
            differences += compare_files(name, read[name], _bytes(content), shown if name == page.name else None)
        elif whole:
            differences.append(Difference(file=name, report="is missing"))
    strangers = sorted(there - made.keys()) if whole else []
    differences += [Difference(file=name, report="is a figure that the ledger does not give") for name in strangers]
    return Verification(
        moved=_moved(shown, results),
        differences=tuple(differences),
        compared={
            "tables": len(shown.tables),
            "cells": sum(table.cells for table in shown.tables),
            "figures": len(shown.figures),
            "points": sum(len(figure.marks) for figure in shown.figures.values()),
            "sentences": len(shown.sentences),
            "files": len(read),
        },
        against=bool(results.published),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", key="report", value=str(path)) from error


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def compare_files(name: str, said: bytes, known: bytes, shown: Document | None = None) -> Iterator[Difference]:
    """Where a file of a report differs from the same made from the ledger, if it does; ``shown`` is ``said`` as it is
    read, where that is known already."""
    if said == known:
        return
    if Path(name).suffix not in READERS:
        yield Difference(file=name, report="is not, to the byte, what is drawn from the ledger")
        return
    yield from compare(name, shown or _document(name, said), _document(name, known))


def _document(name: str, content: bytes) -> Document:
    """What is no UTF-8 differs as text, too: nothing that we write has a replacement character in its place."""
    return READERS[Path(name).suffix](content.decode("utf-8", "replace"))


def _moved(page: Document, results: StudyResults) -> str:
    """What has become of the trials since, by the page's own table of them."""
    table = page.table(ALL_TRIALS)
    if table is None or not {"trial", "status"} <= set(table.columns):
        return ""
    at, status = table.columns.index("trial"), table.columns.index("status")
    then = {row[at].text: row[status].text for row in table.rows if len(row) > max(at, status)}
    trials = statistics.distinct_trials(results.trials)
    now = dict(zip(trials["trial_id"].astype(str), trials["status"].astype(str), strict=True))
    if then == now:
        return ""
    changes = {
        "done since": sum(now[trial] == "done" != then.get(trial) for trial in now),
        "not done any more": sum(then[trial] == "done" != now[trial] for trial in then.keys() & now.keys()),
        "planned since": len(now.keys() - then.keys()),
        "not of the study any more": len(then.keys() - now.keys()),
    }
    what = enumerated([f"{number} {how}" for how, number in changes.items() if number] or ["others of another status"])
    said, known = (f"{list(each.values()).count('done')} of {counted(len(each), 'trial')} done" for each in (then, now))
    return f"The report has {said}, the ledger {known}: {what}. That may explain what follows."
