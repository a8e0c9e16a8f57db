"""Descriptions in Markdown that MLflow shows with an experiment, with a study's run and with a trial's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.tracking.layout import LONGEST_TAG
from pipeline.workspace.record import StudyRecord

_WHERE = "The whole report: *Artifacts*, `report/report.html`."

_MOST = 2000
"""Characters of an error's message, and of the end of its traceback."""


def study_note(record: StudyRecord) -> str:
    """What the study asks, and what it reproduces."""
    reproduces = f"Reproduces: {record.reproduces}" if record.reproduces else ""
    return "\n\n".join(text for text in (record.question, reproduces) if text)[:LONGEST_TAG]


def report_note(report: Path) -> str | None:
    """The beginning of a report in Markdown: the answer, the first table if there is room, the question. None if there
    is no report.

    The answer comes first, as MLflow folds what is longer than a few lines.
    """
    if not report.is_file():
        return None
    _, _, body = report.read_text(encoding="utf-8").partition("\n")
    question, _, results = body.partition("\n## Answer\n")
    answer, _, tables = results.partition("\n## Figures\n")[0].partition("\n## Results\n")
    first = [f"### {text}" for text in tables.split("\n### ")[1:2]]
    for shown in ([answer, *first, question, _WHERE], [answer, question, _WHERE]):
        note = "\n\n".join(text.strip() for text in shown if text.strip())
        if len(note) <= LONGEST_TAG:
            return note
    return note[:LONGEST_TAG]


def error_note(error: Mapping[str, Any] | None) -> str:
    """Why a trial failed; empty if it did not."""
    if not error:
        return ""
    traceback = error["traceback"][-_MOST:]
    block = f"\n\n```text\n{traceback}\n```" if traceback else ""
    return f"**{error['kind']}**: {error['message'][:_MOST]}{block}"
