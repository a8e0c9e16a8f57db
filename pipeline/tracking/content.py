"""What MLflow is to have of a study, as plain values. The writer sends it, and ``verification`` compares with it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.planning.plan import TrialSpec
from pipeline.tracking.layout import (
    ARM,
    CURVE,
    DATASET,
    EVENT,
    GENERATION,
    KIND,
    LONG_EVENT,
    LONGEST_TAG,
    NOTE,
    PARENT,
    RECORD,
    RUN_NAME,
    SEED,
    SOURCE,
    STUDY,
    TRIAL,
    arm_tags,
    event_text,
)
from pipeline.tracking.notes import error_note
from pipeline.trial.outcome import HISTORY
from pipeline.wording import encodable
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import StudyRecord, record_text

CURVES = ("train_loss", "train_accuracy", "test_accuracy")
"""Columns of the history that are shown as curves; an earlier version recorded no test accuracy by epoch."""

ENDED = ("done", "pruned", "failed")
"""Events after which a trial's run has ended with all that there is of it."""

_ERROR = ("kind", "message", "traceback")

_LARGEST = sys.float_info.max


class Point(NamedTuple):
    """A value of a metric. ``timestamp`` is in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int

    def comparable(self) -> tuple[str, float | None, int, int]:
        """As MLflow gives it back, and equal to itself: infinity is stored as the largest number, NaN as None."""
        value = None if math.isnan(self.value) else min(max(self.value, -_LARGEST), _LARGEST)
        return self.key, value, self.timestamp, self.step


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """What the run of a trial that has ended is to have.

    Attributes:
        status: in MLflow's words.
        ended: milliseconds since 1970.
        tags: those that depend on the result; an empty one may as well be absent.
        artifacts: name -> the file, or its content.
    """

    status: str
    ended: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: list[Point] = field(repr=False)
    artifacts: Mapping[str, Path | bytes] = field(repr=False)


class StudyContent:
    """What the runs of a study are to have, by its record and what is on the workspace's disk."""

    def __init__(self, workspace: Workspace, record: StudyRecord) -> None:
        self._workspace = workspace
        self._record = record
        self._arms = arm_tags(record.cells)

    def parent_files(self) -> dict[str, bytes]:
        """Artifacts of the study's own run, but for the ledger's lines and the report."""
        return {SOURCE: encodable(self._record.source).encode(), RECORD: record_text(self._record).encode()}

    def counts(self, states: Mapping[str, TrialState]) -> dict[str, str]:
        """Tags of the study's own run: how many trials there are, and of each status."""
        planned = {"trials.planned": str(len(self._record.trials))}
        return planned | {f"trials.{status}": str(count) for status, count in self._record.counts(states).items()}

    def parent_end(self, states: Mapping[str, TrialState]) -> tuple[str, dict[str, str]]:
        """Status, in MLflow's words, and tags of the study's own run when nothing runs any more."""
        counts = self._record.counts(states)
        complete = counts["done"] + counts["pruned"] + counts["failed"] == len(self._record.trials)
        status = ("FAILED" if counts["failed"] else "FINISHED") if complete else "KILLED"
        return status, self.counts(states)

    def names(self, trial: TrialSpec, parent: str, line: Mapping[str, Any]) -> dict[str, str]:
        """Tags by which a trial's run is found and grouped, whatever comes of it."""
        life = {GENERATION: str(line["generation"])} if line.get("generation") else {}
        tags = life | {
            KIND: "trial",
            STUDY: self._record.name,
            TRIAL: trial.trial_id,
            ARM: self._arms[trial.trial_id],
            DATASET: trial.config.data.name,
            SEED: str(trial.seed),
            PARENT: parent,
            RUN_NAME: trial.title,
        }
        return {name: writable(text) for name, text in tags.items()}

    def of(self, trial: TrialSpec, line: Mapping[str, Any]) -> RunContent:
        """Of a trial that has ended, by its last line."""
        folder, text = self._workspace.trial(trial.trial_id), event_text(line)
        fits = len(text) <= LONGEST_TAG
        error = line.get("error") or {}
        tags = dict(line["provenance"]) | {f"error.{key}": error.get(key, "") for key in _ERROR}
        tags |= {NOTE: error_note(error), EVENT: text if fits else LONG_EVENT}
        # A bundle may have come without its networks.
        files: dict[str, Path | bytes] = {name: folder / name for name in line["artifacts"] if (folder / name).exists()}
        return RunContent(
            status="FAILED" if line["event"] == "failed" else "FINISHED",
            ended=milliseconds(line["time"]),
            tags={name: writable(value) for name, value in tags.items()},
            params=_parameters(trial),
            points=_final_points(line) + self._curve(folder, line),
            artifacts=files if fits else files | {LONG_EVENT: text.encode()},
        )

    def _curve(self, folder: Path, line: Mapping[str, Any]) -> list[Point]:
        """The learning curves, each a bounded number of points of those that are known, spread evenly, the last among
        them."""
        points = self._record.tracking.curve_points
        if HISTORY not in line["artifacts"] or points == 0:
            return []
        history = pd.read_parquet(folder / HISTORY)
        times = line["started"] + history["seconds"].cumsum()
        made = []
        for name in (name for name in CURVES if name in history):
            known = history.index[history[name].notna()]
            stride = max(-(-len(known) // points), 1)
            made += [
                Point(f"{CURVE}{name}", float(history[name][row]), milliseconds(times[row]), int(history["epoch"][row]))
                for row in known[::-stride][::-1]
            ]
        return made


def writable(text: str) -> str:
    """A tag as every store takes it."""
    return encodable(text)[:LONGEST_TAG]


def milliseconds(seconds: float) -> int:
    """As MLflow keeps times."""
    return round(seconds * 1000)


def _final_points(line: Mapping[str, Any]) -> list[Point]:
    when = milliseconds(line["time"])
    return [Point(name, float(value), when, 0) for name, value in line["metrics"].items()]


def _parameters(trial: TrialSpec) -> dict[str, str]:
    """The configuration under dotted names. Without the data's path: MLflow's parameters never change, folders move."""
    flat = {key: str(value) for key, value in trial.config.settings().items()}
    del flat["data.path"]
    return flat | {"seed": str(trial.seed)}
