"""What went wrong, and in how many trials."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analysis import statistics
from pipeline.analysis.cells import as_text, text_cells
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import cause, listed

MOST_TRIALS = 3
"""Trials of a cause that its row names; all are in the table of failures."""

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed trial, as an example of its cause, and all that it said."""

    trial: str
    error: str


def causes_table(results: StudyResults) -> Table | None:
    """A row a cause, the most frequent first, with the trials that it stopped; None if none has failed.

    Failures of one kind have one cause when the lines that say so agree, numbers apart; a number that differs is shown
    as ``…``.
    """
    groups = _by_cause(results)
    if not groups:
        return None
    rows = []
    for kind, line, failed in groups:
        ids = failed["trial_id"].tolist()
        arms, datasets = ("; ".join(failed[name].unique()).split("; ") for name in ("arm", "dataset"))
        texts = (kind, line, str(len(ids)), _names(arms, "; "), _names(datasets, ", "), listed(ids, MOST_TRIALS))
        rows.append(tuple(Cell(text=text) for text in texts))
    names = ("kind", "cause", "trials", "arms", "data sets", "which")
    return Table(
        title="Causes of failure",
        columns=tuple(Column(name=name, numeric=name == "trials") for name in names),
        rows=tuple(rows),
        notes=(f"To try them again once the cause is mended: {rerun_command(results)}",),
    )


def failures_table(results: StudyResults) -> Table | None:
    """The failed trials and their causes, a row a trial with all arms that it serves, or None if there are none."""
    failed = _failed(results)
    if failed.empty:
        return None
    names = ("trial", "arm", "data set", "seed", "kind", "cause")
    rows = [
        (
            *text_cells(row[name] for name in ("trial_id", "arm", "dataset", "seed", "error_kind")),
            Cell(text=cause(as_text(row["error"])), tooltip=as_text(row["error"])),
        )
        for row in failed.to_dict("records")
    ]
    columns = tuple(Column(name=name, numeric=name == "seed") for name in names)
    return Table(title="Failures", columns=columns, rows=tuple(rows))


def failure_texts(results: StudyResults) -> tuple[Failure, ...]:
    """Of each cause the first trial with the whole error, where it says more than the line in the tables.

    The traceback of an unforeseen exception is part of it; of other kinds the message says all.
    """
    texts = []
    for kind, _, failed in _by_cause(results):
        first: dict[Any, Any] = failed.iloc[0].to_dict()
        message, traceback = as_text(first["error"]), as_text(first["traceback"])
        text = traceback if kind == "exception" and traceback else message
        if text.strip() not in ("", cause(message)):
            texts.append(Failure(trial=first["trial_id"], error=text))
    return tuple(texts)


def rerun_command(results: StudyResults) -> str:
    """What to type to try failed trials again."""
    profile = results.name.partition("@")[2]
    chosen = ["--profile", profile] if profile else []
    return shlex.join(["dsn", "run", results.file, *chosen, "--rerun", "failed"])


def _failed(results: StudyResults) -> pd.DataFrame:
    return statistics.distinct_trials(results.trials[results.trials["status"] == "failed"])


def _by_cause(results: StudyResults) -> list[tuple[str, str, pd.DataFrame]]:
    """(kind, line, failed trials) of each cause, the most frequent first."""
    failed = _failed(results)
    lines = [cause(as_text(error)) for error in failed["error"]]
    kinds = [as_text(kind) for kind in failed["error_kind"]]
    keys = [(kind, _NUMBER.sub("#", line)) for kind, line in zip(kinds, lines, strict=True)]
    groups = []
    for key in dict.fromkeys(keys):
        at = [index for index, each in enumerate(keys) if each == key]
        groups.append((key[0], _merged([lines[index] for index in at]), failed.iloc[at]))
    return sorted(groups, key=lambda group: -len(group[2]))


def _merged(lines: list[str]) -> str:
    """Lines that are equal, numbers apart, as one."""
    parts = zip(*(_NUMBER.split(line) for line in lines), strict=True)
    return "".join(same[0] if len(set(same)) == 1 else "…" for same in parts)


def _names(names: list[str], between: str) -> str:
    return listed(list(dict.fromkeys(names)), most=4, between=between)
