"""A report in GitHub's Markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from pipeline.analysis import tables
from pipeline.analysis.renderings.markdown import escape_markdown
from pipeline.analysis.renderings.markdown import to_markdown as to_markdown_table
from pipeline.analysis.report.document import NO_DATA, NOT_DRAWN, NOT_TESTED, FigureSection, Report
from pipeline.analysis.table import Table


def to_markdown(report: Report) -> str:
    """The report in GitHub's Markdown; it shows the figures from the same folder."""
    escape = escape_markdown
    parts = [f"# {escape(report.title)}"]
    parts += [f"**Question.** {escape(report.question)}"] if report.question else []
    parts += [f"Reproduces: {escape(report.reproduces)}"] if report.reproduces else []
    parts += ["## Answer", escape(report.answer), "## Results"]
    parts += [
        _folded(table) if name in tables.FOLDED else to_markdown_table(table) for name, table in report.results.items()
    ]
    parts += [_markdown_untested(report.untested)] if report.untested else []
    parts += ["## Figures", *itertools.chain.from_iterable(map(_markdown_figures, report.figures))]
    parts += [_markdown_absent(report.absent)] if report.absent else []
    record = report.record
    if "failures" in record:
        parts += ["## Failed trials", to_markdown_table(record["causes"]), _folded(record["failures"])]
        parts += [_folded_text(f"The whole error of {each.trial}", each.error) for each in report.failure_texts]
    parts += ["## Record", to_markdown_table(record["status"]), _folded(record["trials"])]
    parts += ["### Experimental setup", escape(report.setup)]
    parts += [to_markdown_table(record["data"]) if "data" in record else f"### Data sets\n\n{NO_DATA}"]
    parts += [to_markdown_table(record["provenance"])] if "provenance" in record else []
    parts += ["### Study file", _fenced(report.source, "yaml")]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _markdown_figures(section: FigureSection) -> Iterator[str]:
    yield f"### {escape_markdown(section.title)}"
    for name, drawing in section.figures.items():
        yield f"![{escape_markdown(drawing.alt)}]({name}.svg)"
        yield from map(escape_markdown, drawing.notes)


def _markdown_untested(reasons: Sequence[str]) -> str:
    return "\n".join([f"### {NOT_TESTED}\n", *(f"- {escape_markdown(reason)}" for reason in reasons)])


def _markdown_absent(sections: Sequence[FigureSection]) -> str:
    reasons = [f"- {escape_markdown(section.title)}: {escape_markdown(section.absent)}" for section in sections]
    return "\n".join([f"### {NOT_DRAWN}\n", *reasons])


def _folded(table: Table) -> str:
    """A long table that Markdown viewers show on demand."""
    summary = f"<summary>{escape_markdown(table.title)} ({len(table.rows)})</summary>"
    return f"<details>{summary}\n\n{to_markdown_table(table)}\n</details>"


def _folded_text(summary: str, text: str) -> str:
    return f"<details><summary>{escape_markdown(summary)}</summary>\n\n{_fenced(text, 'text')}\n</details>"


def _fenced(text: str, language: str) -> str:
    """``text`` verbatim in a code block whose fence is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
