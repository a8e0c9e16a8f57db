"""From a new process to its first step, and what a training holds in memory."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.steps import PUBLISHED
from benchmarks.table import Table, Value

ROOT = Path(__file__).resolve().parent.parent

BATCH, LENGTH = 16, 512

STEPS = 8
"""After which all buffers have long been there."""

_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Start:
    """Of one process: seconds on the wall since it was started, and peaks of memory in bytes."""

    built_seconds: float
    step_seconds: float
    built_bytes: float
    trained_bytes: float


def start_up(effort: Effort) -> list[Table]:
    """The published step and each engine, in processes of their own, in turn."""
    names = [PUBLISHED, *usable_engines()]
    length = min(LENGTH, effort.longest)
    starts: dict[str, list[Start]] = {name: [] for name in names}
    for number in range(effort.processes):
        say(f"start-up and memory, {number + 1} of {effort.processes}")
        for name in names:
            starts[name].append(_start(name, length))
    return [
        Table(
            title="Start-up and memory",
            columns={
                "engine": "",
                "s until built": ".2f",
                "s to the first step": ".2f",
                "MiB until built": ".0f",
                "MiB in training": ".0f",
            },
            rows=[_row(name, starts[name]) for name in names],
            notes=(
                f"A new process imports, builds an engine and trains it on B{BATCH} L{length}; time on the wall.",
                f"Medians, with quartiles, of {effort.processes} such processes each, in turn.",
                f"Memory: peaks of the resident set, Python and libraries included; in training: of {STEPS} steps.",
            ),
        )
    ]


def _row(name: str, starts: list[Start]) -> tuple[Value, ...]:
    return (
        name,
        Spread.of([start.built_seconds for start in starts]),
        Spread.of([start.step_seconds for start in starts]),
        Spread.of([start.built_bytes / _MIB for start in starts]).median,
        Spread.of([start.trained_bytes / _MIB for start in starts]).median,
    )


def _start(name: str, length: int) -> Start:
    command = [sys.executable, "-m", "benchmarks.first_steps", name, *map(str, (BATCH, length, STEPS))]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        built_bytes = float(_line(process))
        built_seconds = time.perf_counter() - begin
        _line(process)
        step_seconds = time.perf_counter() - begin
        return Start(
            built_seconds=built_seconds,
            step_seconds=step_seconds,
            built_bytes=built_bytes,
            trained_bytes=float(_line(process)),
        )


def _line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints; what went wrong is on standard error when there is none."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise subprocess.CalledProcessError(process.wait(), process.args)
    return line
