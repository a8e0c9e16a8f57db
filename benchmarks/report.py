"""How long a study's report takes from the command line, what memory, and how large its page is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread
from benchmarks.made_up_study import NAME, made_up_study
from benchmarks.one_training import one_training
from benchmarks.progress import say
from benchmarks.start_up import ROOT
from benchmarks.table import Table, Value
from pipeline.workspace.layout import Workspace

SMALL = 100
"""Trials of a study of one afternoon."""

EPOCHS = 1000
"""Of the paper, which are the points of a learning curve."""

_MOST_WRITINGS = 3


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Of one process: seconds on the wall, the peak of its resident set in MiB, and the page in MB."""

    seconds: float
    memory: float
    page: float


TARGETS: Mapping[bool, Writing] = {
    True: Writing(seconds=4, memory=1500, page=15),
    False: Writing(seconds=15, memory=1500, page=15),
}
"""By whether the study is a small one, the other having ten thousand trials."""


def report(effort: Effort) -> list[Table]:
    """``dsn report`` in a process of its own, for a small study and a large one."""
    writings = min(effort.rounds, _MOST_WRITINGS)
    with tempfile.TemporaryDirectory(prefix="dsn-report-") as folder:
        left = one_training(Path(folder), f"{{training.epochs: {min(EPOCHS, 10 * effort.epochs)}}}").artifacts
        rows = [_row(Path(folder), trials, left, writings) for trials in dict.fromkeys((SMALL, effort.trials))]
    return [
        Table(
            title="Report of a study",
            columns={
                "trials": ",d",
                "s": ".2f",
                "at most": ".0f",
                "peak MiB": ".0f",
                "at most MiB": ".0f",
                "page MB": ".2f",
                "at most MB": ".0f",
                "verdict": "",
            },
            rows=rows,
            notes=(
                f"dsn report in a new process, imports included; medians of {writings}, with quartiles.",
                "Every trial has the curves and the network of one that was really trained.",
            ),
        )
    ]


def _row(folder: Path, trials: int, left: Mapping[str, bytes], writings: int) -> tuple[Value, ...]:
    workspace = Workspace(root=folder / f"workspace-{trials}")
    say(f"report: making up a study of {trials} trials")
    made = len(made_up_study(workspace, trials, left).trials)
    say("report: writing it")
    found = [_written(workspace) for _ in range(writings)]
    seconds = Spread.of([each.seconds for each in found])
    memory, page = (max(getattr(each, name) for each in found) for name in ("memory", "page"))
    most = TARGETS[trials == SMALL]
    met = seconds.median <= most.seconds and memory <= most.memory and page <= most.page
    return made, seconds, most.seconds, memory, most.memory, page, most.page, "met" if met else "missed"


def _written(workspace: Workspace) -> Writing:
    command = [sys.executable, "-m", "pipeline", "report", NAME, "--workspace", str(workspace.root)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    page = workspace.report(NAME) / "report.html"
    return Writing(seconds=seconds, memory=usage.ru_maxrss / 1024, page=page.stat().st_size / 1e6)
