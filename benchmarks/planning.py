"""How long ``dsn plan`` takes from the command line, and what memory, for studies of many trials."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread
from benchmarks.measured_dsn import measured_dsn
from benchmarks.progress import say
from benchmarks.study_of_noise import study_of_noise
from benchmarks.table import Table, Value

SECONDS = 5.0
MIB = 500.0
"""The targets, for ten thousand trials."""

_PART = 10
"""A study of so many times fewer trials stands beside it, for what a trial adds."""

_MIB = 2**20


def planning(effort: Effort) -> list[Table]:
    """In new processes; the data sets' files are there, and are read by the first of them."""
    with tempfile.TemporaryDirectory(prefix="dsn-plan-") as folder:
        sizes = (effort.trials // _PART, effort.trials)
        rows = [_row(Path(folder) / str(trials), trials, effort.processes) for trials in sizes]
    return [
        Table(
            title="Plan of a study",
            columns={
                "trials": ",d",
                "first s": ".2f",
                "s": ".2f",
                "at most s": ".0f",
                "peak MiB": ".0f",
                "at most MiB": ".0f",
                "verdict": "",
            },
            rows=rows,
            notes=(
                f"dsn plan in a new process, imports included; medians of {effort.processes}, with quartiles.",
                "First: with no description of any data set at hand; each is then read. Memory: the most of all.",
            ),
        )
    ]


def _row(folder: Path, trials: int, processes: int) -> tuple[Value, ...]:
    say(f"planning: {trials} trials")
    folder.mkdir()
    file, made = study_of_noise(folder / "data", trials)
    command = ("plan", str(file), "--workspace", str(folder / "workspace"))
    first = measured_dsn(folder, *command)
    again = [measured_dsn(folder, *command) for _ in range(processes)]
    seconds = Spread.of([each.seconds for each in again])
    memory = max(each.bytes for each in (first, *again)) / _MIB
    met = max(first.seconds, seconds.median) <= SECONDS and memory <= MIB
    return made, first.seconds, seconds, SECONDS, memory, MIB, "met" if met else "missed"
