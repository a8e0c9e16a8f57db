"""From a new process to its first step, and what a training holds in memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.steps import PUBLISHED
from benchmarks.table import Table, Value

ROOT = Path(__file__).resolve().parent.parent

FIRST = (16, 150, 1)
"""Batch, length and steps of the process whose start is timed."""

LARGE = (16, 512, 8)
"""The same of the process whose memory is measured: all buffers are there after a few steps."""

_MIB = 2**20


def start_up(effort: Effort) -> list[Table]:
    """Each engine, and the published step, in processes of their own, one after the other in turn."""
    names = [PUBLISHED, *usable_engines()]
    say("start-up")
    starts: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(effort.processes):
        for name in names:
            starts[name].append(_process(name, FIRST)[0])
    say("memory")
    batch, length, steps = LARGE[0], min(LARGE[1], effort.longest), LARGE[2]
    rows: list[tuple[Value, ...]] = []
    for name in names:
        _, memory = _process(name, (batch, length, steps))
        rows.append((name, Spread.of(starts[name]), memory["built"] / _MIB, memory["trained"] / _MIB))
    return [
        Table(
            title="Start-up and memory",
            columns={
                "engine": "",
                "s to the first step": ".2f",
                "MiB when built": ".0f",
                "MiB in training": ".0f",
            },
            rows=rows,
            notes=(
                f"A new process imports, builds an engine and does a step of B{FIRST[0]} L{FIRST[1]}.",
                f"Medians, with quartiles, of {effort.processes} processes each.",
                f"Memory: the peak until B{batch} L{length} is built, and that of {steps} steps.",
                "It is the resident set, Python and libraries included.",
            ),
        )
    ]


def _process(name: str, what: tuple[int, int, int]) -> tuple[float, dict[str, float]]:
    """Seconds until the process has done its steps, and its peaks of memory in bytes; its exit is not timed."""
    command = [sys.executable, "-m", "benchmarks.first_step", name, *map(str, what)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, json.loads(line)
