"""The report of a study: what it found in words, tables and curves, as Markdown, as one HTML page and as CSV.

Everything is computed from the results and nothing else, without a date: the same results give the same files.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dsn.durable import write_atomic
from pipeline.absent import omission
from pipeline.analysis import failures, statistics, tables
from pipeline.analysis.cells import Row
from pipeline.analysis.failures import Failure
from pipeline.analysis.figures import FILE_NAMES, PLOTS
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.figures.svg import on_page
from pipeline.analysis.inference.differences import Difference, paired_differences
from pipeline.analysis.inference.sentences import how_sure, what_intervals_are
from pipeline.analysis.published import published_csv
from pipeline.analysis.renderings.html import environment
from pipeline.analysis.renderings.markdown import escape_markdown
from pipeline.analysis.renderings.markdown import to_markdown as to_markdown_table
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setup import setup_paragraph
from pipeline.analysis.table import Table
from pipeline.ledger import STATUSES
from pipeline.wording import counted, part_of, percent, points
from pipeline.workspace import AGAINST, PAGE

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_ANSWER = 6
"""Arms that the answer names one by one against a single reference; of more it names the ends."""

MOST_AGAINST_SEVERAL = 8
"""Comparisons that the answer spells out where there are several references; of more it says how many."""


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


STYLES = ("figures.css", "trials.css")

SCRIPTS = ("trials.js", "figures.js", "tables.js")
"""Files beside this one, in the order in which a page has them; the first is what the others build on."""

NOT_TESTED = "Tests without data"

NOT_DRAWN = "Figures without data"

NO_DATA = "An earlier version planned this study and recorded no sizes; running it again (dsn run) adds them."


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
    report = compose(results)
    drawings = {name: drawing for section in report.figures for name, drawing in section.figures.items()}
    place = (results.trials, results.arms, results.datasets)
    cells = statistics.accuracy_cells(*place)
    return {
        "accuracy.csv": _csv(cells.assign(seeds=[" ".join(map(str, seeds)) for seeds in cells["seeds"]])),
        "quality.csv": _csv(statistics.metric_cells(*place, statistics.QUALITY)),
        "cost.csv": _csv(statistics.cost_cells(*place)),
        "exploration.csv": _csv(statistics.metric_cells(*place, statistics.EXPLORATION)),
        "trials.csv": _csv(results.trials.drop(columns="traceback")),
        **({AGAINST: published_csv(results.published)} if results.published else {}),
        **{f"{name}.svg": drawing.svg for name, drawing in drawings.items()},
        **({f"{name}.pdf": drawing.picture.pdf() for name, drawing in drawings.items()} if pdf else {}),
        "report.md": to_markdown(report),
        PAGE: to_html(report),
    }


def files_at(directory: Path) -> set[str]:
    """Names of the files in ``directory`` that a report may have, or not: figures, and what it was set beside."""
    found = {
        path.name for name in FILE_NAMES for ending in ("svg", "pdf") for path in directory.glob(f"{name}.{ending}")
    }
    return found | {path.name for path in directory.glob(AGAINST)}


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


# The answer in words


def answer(results: StudyResults) -> str:
    """One paragraph: how much is done, each reference's mean as the table has it, and the other arms against theirs."""
    sentences = [_progress(results)]
    if results.left_out:
        sentences.append(f"{omission(results.left_out, len(results.datasets))}.")
    cells = results.accuracy_cells
    if not cells["done"].any():
        return " ".join([*sentences, "There is no accuracy to report yet."])
    compared = statistics.comparisons(results.trials, results.arms, results.datasets, results.references)
    references = list(compared["reference"].unique()) or [results.arms[0]]
    shared = statistics.shared_datasets(cells)
    over = part_of(len(shared), len(results.datasets), "data set")
    known = {name: mean for name, mean in statistics.mean_over_datasets(cells, shared).items() if not math.isnan(mean)}
    means = {name: f"mean test accuracy of {percent(known[name])}% over {over}" for name in references if name in known}
    sure = {found.arm: found for found in paired_differences(results)}
    if len(references) > 1:
        return " ".join(
            [*sentences, *_against_several(references, means, compared, sure), *what_intervals_are(sure.values())]
        )
    (reference,) = references
    role = "" if compared.empty else ", the reference,"
    if reference in means:
        sentences.append(f"{reference}{role} has a {means[reference]}.")
    elif not shared:
        sentences.append("There is no mean: on no data set do the arms with results have the same done seeds.")
    if not compared.empty:
        sentences.append(_against(reference, compared, sure))
    return " ".join([*sentences, *what_intervals_are(sure.values())])


def _progress(results: StudyResults) -> str:
    """``31 of 45 trials are done (1 failed, 13 pending), so these numbers may still change.``"""
    counts = statistics.status_totals(results.trials)
    done, others = counts["done"], [f"{counts[name]} {name}" for name in STATUSES[1:] if counts[name]]
    text = f"{done} of {counted(counts['planned'], 'trial')} {'is' if done == 1 else 'are'} done"
    text += f" ({', '.join(others)})" if others else ""
    unfinished = counts["running"] + counts["pending"]
    return text + (", so these numbers may still change." if unfinished and done else ".")


def _against(reference: str, compared: pd.DataFrame, sure: Mapping[str, Difference]) -> str:
    """The comparisons in a sentence: all, or the best and the worst few if there are many."""
    rows = compared.to_dict("records")
    if len(rows) <= MOST_IN_ANSWER:
        return f"Against {reference}: {'; '.join(_outcome(row, sure[row['arm']]) for row in rows)}."
    known = sorted((row for row in rows if row["pairs"]), key=lambda row: -float(row["difference"]))
    if len(known) <= MOST_IN_ANSWER:
        unknown = f"; {len(rows) - len(known)} of {counted(len(rows), 'arm')} cannot be compared yet"
        return f"Against {reference}: {'; '.join(_outcome(row, sure[row['arm']]) for row in known)}{unknown}.".replace(
            ": ; ", ": "
        )
    half = MOST_IN_ANSWER // 2
    best, worst = ("; ".join(_outcome(row, sure[row["arm"]]) for row in part) for part in (known[:half], known[-half:]))
    return f"Of {len(known)} arms against {reference}, best: {best}; worst: {worst}."


def _against_several(
    references: Sequence[str], means: Mapping[str, str], compared: pd.DataFrame, sure: Mapping[str, Difference]
) -> list[str]:
    """A sentence a reference with the arms compared with it; of many comparisons the first with a result.

    Args:
        references: all that arms are compared with.
        means: reference -> its mean in words, if it has one.
        compared: from ``statistics.comparisons``.
        sure: arm -> its paired differences.
    """
    # Sorting is stable: the order of the study, what cannot be compared yet behind.
    rows = sorted(compared.to_dict("records"), key=lambda row: row["pairs"] == 0)
    shown = rows[:MOST_AGAINST_SEVERAL]
    sentences = []
    for reference in references:
        mean = means.get(reference)
        outcomes = [_outcome(row, sure[row["arm"]]) for row in shown if row["reference"] == reference]
        if outcomes:
            sentences.append(f"Against {reference}{f' ({mean})' if mean else ''}: {'; '.join(outcomes)}.")
    if len(rows) > len(shown):
        sentences.append(f"And {len(rows) - len(shown)} more, in the table below.")
    return sentences


def _outcome(row: Row, difference: Difference) -> str:
    """``fixed −1.23 points (0 wins, 1 tie, 7 losses; 95% interval −2.01 to −0.44)``, and what cannot be
    compared."""
    arm, mean, pairs, left_out = (row[name] for name in ("arm", "difference", "pairs", "left_out"))
    if pairs == 0:
        return f"{arm} cannot be compared yet"
    counts = [
        counted(row[plural], singular) for plural, singular in (("wins", "win"), ("ties", "tie"), ("losses", "loss"))
    ]
    if left_out:
        counts.append(f"{counted(left_out, 'data set')} not comparable")
    return f"{arm} {points(mean)} points ({'; '.join([', '.join(counts), *how_sure(difference)])})"


# Renderings


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


def to_html(report: Report) -> str:
    """The report as one page that loads nothing: style, figures and the script that makes it answer are inside.

    The page names the script by its hash, so that a browser runs this one and no other, whatever else gets into it.
    """
    style, script = ("".join(map(_page_part, parts)) for parts in (STYLES, SCRIPTS))
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            folded=tables.FOLDED,
            no_data=NO_DATA,
            not_drawn=NOT_DRAWN,
            not_tested=NOT_TESTED,
            on_page=on_page,
            style=style,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _page_part(name: str) -> str:
    """A file beside this one."""
    return resources.files("pipeline.analysis").joinpath(name).read_text(encoding="utf-8")


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


def _csv(frame: pd.DataFrame) -> str:
    """Full precision, absent numbers as empty fields, the same line ends on every platform."""
    return str(frame.to_csv(index=False, lineterminator="\n"))
