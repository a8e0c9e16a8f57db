"""The report of a study: what it found in words, tables and curves, as Markdown, as one HTML page and as CSV.

Everything is computed from the results and nothing else, without a date: the same results give the same files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from dsn.durable import write_atomic
from pipeline.analysis import plots, statistics, tables
from pipeline.analysis.plots import Drawing
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Table, escape_markdown
from pipeline.analysis.table import to_markdown as to_markdown_table
from pipeline.analysis.wording import counted, part_of, percent, points
from pipeline.ledger import STATUSES

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_ANSWER = 6
"""Arms that the answer names one by one against a single reference; of more it names the ends."""

MOST_AGAINST_SEVERAL = 8
"""Comparisons that the answer spells out where there are several references; of more it says how many."""


@dataclass(frozen=True, kw_only=True)
class ReportPaths:
    """Where the files of a report are; ``figure`` is None as long as there is no learning curve to draw."""

    html: Path
    markdown: Path
    figure: Path | None
    accuracy_csv: Path
    cost_csv: Path
    trials_csv: Path


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed trial and all that it said."""

    trial: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report's content in the order in which it is read, before any rendering.

    Attributes:
        title, question, reproduces: from the study file; the last two may be empty.
        answer: one paragraph of numbers.
        accuracy, comparison, cost, cost_by_dataset, status, failures, trials, provenance: None if they would be empty.
        curves: the figure, None without any learning curve.
        failure_texts: errors that say more than the line in ``failures``.
        source: the study file.
    """

    title: str
    question: str
    reproduces: str
    answer: str
    accuracy: Table
    comparison: Table | None
    cost: Table
    cost_by_dataset: Table | None
    curves: Drawing | None
    failures: Table | None
    failure_texts: tuple[Failure, ...]
    status: Table
    trials: Table
    provenance: Table | None
    source: str


def write_report(results: StudyResults, directory: Path) -> ReportPaths:
    """Writes report.html (one file, needs no network), report.md with learning_curves.svg, and the tables as CSV.

    Each file appears whole or not at all, and the pages after what they refer to. ``directory`` is made if missing;
    files of an earlier report are replaced.

    Raises:
        OSError: ``directory`` cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    report = compose(results)
    figure = directory / "learning_curves.svg"
    paths = ReportPaths(
        html=directory / "report.html",
        markdown=directory / "report.md",
        figure=figure if report.curves else None,
        accuracy_csv=directory / "accuracy.csv",
        cost_csv=directory / "cost.csv",
        trials_csv=directory / "trials.csv",
    )
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    costs = statistics.cost_cells(results.trials, results.arms, results.datasets)
    write_atomic(paths.accuracy_csv, _csv(cells.assign(seeds=[" ".join(map(str, seeds)) for seeds in cells["seeds"]])))
    write_atomic(paths.cost_csv, _csv(costs))
    write_atomic(paths.trials_csv, _csv(results.trials))
    if report.curves:
        write_atomic(figure, report.curves.svg)
    write_atomic(paths.markdown, to_markdown(report))
    write_atomic(paths.html, to_html(report))
    if not report.curves:
        figure.unlink(missing_ok=True)  # an earlier report's, and no longer of this study
    return paths


def compose(results: StudyResults) -> Report:
    """Computes everything that a report shows."""
    anything_done = bool((results.trials["status"] == "done").any())
    failures = tables.failures_table(results)
    return Report(
        title=results.name,
        question=results.question,
        reproduces=results.reproduces,
        answer=answer(results),
        accuracy=tables.accuracy_table(results),
        comparison=tables.comparison_table(results) if results.references else None,
        cost=tables.cost_table(results),
        cost_by_dataset=tables.cost_by_dataset_table(results) if anything_done else None,
        curves=plots.draw_learning_curves(plots.learning_curves(results), results.arms, results.datasets),
        failures=failures,
        failure_texts=_failure_texts(failures) if failures else (),
        status=tables.status_table(results),
        trials=tables.trials_table(results),
        provenance=tables.provenance_table(results),
        source=results.source,
    )


# The answer in words


def answer(results: StudyResults) -> str:
    """One paragraph: how much is done, the mean of each reference, and the other arms against theirs."""
    sentences = [_progress(results)]
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    if not cells["done"].any():
        return " ".join([*sentences, "There is no accuracy to report yet."])
    compared = statistics.comparisons(results.trials, results.arms, results.datasets, results.references)
    references = list(compared["reference"].unique()) or [results.arms[0]]
    means = {name: _mean(cells, name) for name in references}
    if len(references) > 1:
        return " ".join([*sentences, *_against_several(means, compared)])
    (reference,) = references
    if means[reference]:
        role = "" if compared.empty else ", the reference,"
        sentences.append(f"{reference}{role} has a {means[reference]}.")
    if not compared.empty:
        sentences.append(_against(reference, compared))
    return " ".join(sentences)


def _mean(cells: pd.DataFrame, arm: str) -> str:
    """``mean test accuracy of 97.33% over all 3 data sets``, nothing for an arm without a result."""
    own = cells[(cells["arm"] == arm) & (cells["done"] > 0)]
    if own.empty:
        return ""
    over = part_of(len(own), cells["dataset"].nunique(), "data set")
    return f"mean test accuracy of {percent(float(own['mean'].mean()))}% over {over}"


def _progress(results: StudyResults) -> str:
    """``31 of 45 trials are done (1 failed, 13 pending), so these numbers may still change.``"""
    counts = statistics.status_totals(results.trials)
    done, others = counts["done"], [f"{counts[name]} {name}" for name in STATUSES[1:] if counts[name]]
    text = f"{done} of {counted(counts['planned'], 'trial')} {'is' if done == 1 else 'are'} done"
    text += f" ({', '.join(others)})" if others else ""
    unfinished = counts["running"] + counts["pending"]
    return text + (", so these numbers may still change." if unfinished and done else ".")


def _against(reference: str, compared: pd.DataFrame) -> str:
    """The comparisons in a sentence: all, or the best and the worst few if there are many."""
    rows = compared.to_dict("records")
    if len(rows) <= MOST_IN_ANSWER:
        return f"Against {reference}: {'; '.join(_outcome(row) for row in rows)}."
    known = sorted((row for row in rows if row["pairs"]), key=lambda row: -float(row["difference"]))
    if len(known) <= MOST_IN_ANSWER:
        unknown = f"; {len(rows) - len(known)} of {counted(len(rows), 'arm')} cannot be compared yet"
        return f"Against {reference}: {'; '.join(_outcome(row) for row in known)}{unknown}.".replace(": ; ", ": ")
    half = MOST_IN_ANSWER // 2
    best, worst = ("; ".join(_outcome(row) for row in part) for part in (known[:half], known[-half:]))
    return f"Of {len(known)} arms against {reference}, best: {best}; worst: {worst}."


def _against_several(means: Mapping[str, str], compared: pd.DataFrame) -> list[str]:
    """A sentence a reference with the arms compared with it; of many comparisons the first with a result.

    Args:
        means: every reference -> its mean in words.
        compared: from ``statistics.comparisons``.
    """
    # Sorting is stable: the order of the study, what cannot be compared yet behind.
    rows = sorted(compared.to_dict("records"), key=lambda row: row["pairs"] == 0)
    shown = rows[:MOST_AGAINST_SEVERAL]
    sentences = []
    for reference, mean in means.items():
        outcomes = [_outcome(row) for row in shown if row["reference"] == reference]
        if outcomes:
            sentences.append(f"Against {reference}{f' ({mean})' if mean else ''}: {'; '.join(outcomes)}.")
    if len(rows) > len(shown):
        sentences.append(f"And {len(rows) - len(shown)} more, in the table below.")
    return sentences


def _outcome(row: tables.Row) -> str:
    """``fixed −1.23 points (0 wins, 1 tie, 2 losses)``, with what could not be compared."""
    arm, difference, pairs, left_out = (row[name] for name in ("arm", "difference", "pairs", "left_out"))
    if pairs == 0:
        return f"{arm} cannot be compared yet"
    counts = [
        counted(row[plural], singular) for plural, singular in (("wins", "win"), ("ties", "tie"), ("losses", "loss"))
    ]
    if left_out:
        counts.append(f"{counted(left_out, 'data set')} not comparable")
    return f"{arm} {points(difference)} points ({', '.join(counts)})"


def _failure_texts(failures: Table) -> tuple[Failure, ...]:
    """The whole errors of the table's rows, where its last column shows only a part."""
    causes = ((row[0].text, row[-1]) for row in failures.rows)
    return tuple(
        Failure(trial=trial, error=cell.tooltip)
        for trial, cell in causes
        if cell.tooltip.strip() not in ("", cell.text)
    )


# Renderings


def to_markdown(report: Report) -> str:
    """The report in GitHub's Markdown; it shows learning_curves.svg from the same folder."""
    escape = escape_markdown
    parts = [f"# {escape(report.title)}"]
    parts += [f"**Question.** {escape(report.question)}"] if report.question else []
    parts += [f"Reproduces: {escape(report.reproduces)}"] if report.reproduces else []
    parts += ["## Answer", escape(report.answer), "## Results"]
    parts += [to_markdown_table(table) for table in (report.accuracy, report.comparison, report.cost) if table]
    if report.cost_by_dataset:
        parts.append(_folded(report.cost_by_dataset))
    if report.curves:
        parts += ["### Learning curves", "![Training loss over epochs](learning_curves.svg)"]
        parts += [escape(note) for note in report.curves.notes]
    if report.failures:
        parts.append(to_markdown_table(report.failures))
    parts += ["## Record", to_markdown_table(report.status), _folded(report.trials)]
    parts += [to_markdown_table(report.provenance)] if report.provenance else []
    parts += ["### Study file", _fenced(report.source, "yaml")]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def to_html(report: Report) -> str:
    """The report as one page that loads nothing: style and figure are inside, no scripts."""
    import jinja2

    template = resources.files("pipeline.analysis").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(report=report)


def _folded(table: Table) -> str:
    """A long table that Markdown viewers show on demand."""
    summary = f"<summary>{escape_markdown(table.title)} ({len(table.rows)})</summary>"
    return f"<details>{summary}\n\n{to_markdown_table(table)}\n</details>"


def _fenced(text: str, language: str) -> str:
    """``text`` verbatim in a code block whose fence is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _csv(frame: pd.DataFrame) -> str:
    """Full precision, absent numbers as empty fields, the same line ends on every platform."""
    return str(frame.to_csv(index=False, lineterminator="\n"))
