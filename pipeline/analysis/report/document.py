"""What a report says, before any rendering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.analysis import failures, tables
from pipeline.analysis.failures import Failure
from pipeline.analysis.figures import PLOTS
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.report.answer import answer
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setup import setup_paragraph
from pipeline.analysis.table import Table


@dataclass(frozen=True, kw_only=True)
class FigureSection:
    """One of ``PLOTS``: its figures by file name, or the sentence that says why there are none."""

    title: str
    figures: Mapping[str, Drawing]
    absent: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report's content in the order in which it is read, before any rendering.

    Attributes:
        title, question, reproduces: from the study file; the last two may be empty.
        answer: one paragraph of numbers.
        results: what the study found, as ``tables.RESULTS``, without those that it has nothing for.
        untested: why it has not, where that is to be said.
        figures: a section for each of ``PLOTS`` that has something to show.
        absent: one for each of the others.
        record: how it came about, as ``tables.RECORD``; likewise.
        failure_texts: errors that say more than a line of its tables.
        setup: the experimental setup in a paragraph.
        source: the study file.
    """

    title: str
    question: str
    reproduces: str
    answer: str
    results: Mapping[str, Table]
    untested: tuple[str, ...]
    figures: tuple[FigureSection, ...]
    absent: tuple[FigureSection, ...]
    record: Mapping[str, Table]
    failure_texts: tuple[Failure, ...]
    setup: str
    source: str


NOT_TESTED = "Tests without data"


NOT_DRAWN = "Figures without data"


NO_DATA = "An earlier version planned this study and recorded no sizes; running it again (dsn run) adds them."


def compose(results: StudyResults) -> Report:
    """Computes everything that a report shows."""
    sections = [_section(title, plot(results)) for title, plot in PLOTS.items()]
    found = {name: table(results) for name, table in tables.RESULTS.items()}
    return Report(
        title=results.name,
        question=results.question,
        reproduces=results.reproduces,
        answer=answer(results),
        results=_existing(found),
        untested=_untested(found.values()),
        figures=tuple(section for section in sections if section.figures),
        absent=tuple(section for section in sections if section.absent),
        record=_existing({name: table(results) for name, table in tables.RECORD.items()}),
        failure_texts=failures.failure_texts(results),
        setup=setup_paragraph(results),
        source=results.source,
    )


def _existing(found: Mapping[str, Table | str | None]) -> dict[str, Table]:
    return {name: table for name, table in found.items() if isinstance(table, Table)}


def _untested(found: Iterable[Table | str | None]) -> tuple[str, ...]:
    """The sentences, each once."""
    return tuple(dict.fromkeys(reason for reason in found if isinstance(reason, str)))


def _section(title: str, found: Mapping[str, Drawing] | str) -> FigureSection:
    if isinstance(found, str):
        return FigureSection(title=title, figures={}, absent=found)
    return FigureSection(title=title, figures=found)
