"""What a trial costs beyond itself: whole runs of ``dsn run`` whose trials do nothing, and the commands after them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.idle_driver import FOUND, TRAINING
from benchmarks.interleaved import Spread
from benchmarks.made_up_study import NAME
from benchmarks.measured_dsn import ROOT, measured_dsn
from benchmarks.one_training import one_training
from benchmarks.progress import say
from benchmarks.study_of_noise import BASE, study_of_noise
from benchmarks.table import Table, Value
from pipeline.tracking.launch import sync
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import ledger_file, read_records

SMALL = 500
REPORTS = 10
"""Of each trial in one of the runs: what a report costs is the tenth of the difference."""


MS_A_TRIAL = 30.0
DRIVER_MIB = 600.0
SLOWER = 1.25
STATUS_SECONDS = 1.0
"""The targets."""

_MOST_END = 1000
_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run whose trials do nothing.

    Attributes:
        reports: of each trial.
        ended: when each trial's result was on disk, in seconds since the process was started, in order.
        began: when the first trial was begun.
        seconds: of the whole process.
        tracked: when MLflow had all of it.
        trial_bytes, bytes: peaks of the driver's resident set, until the last trial and until the end.
        cpu: seconds of the driver's processor time while trials ran.
    """

    reports: int
    ended: tuple[float, ...]
    began: float
    seconds: float
    tracked: float
    trial_bytes: float
    bytes: float
    cpu: float

    def milliseconds(self, first: int, last: int) -> float:
        """A trial, between the results of two trials; negative numbers count from the end."""
        number = len(self.ended)
        trials = last % number - first % number
        return 1000 * (self.ended[last] - self.ended[first]) / trials

    @property
    def steady(self) -> float:
        """Milliseconds a trial, without the first tenth, in which workers are started."""
        return self.milliseconds(len(self.ended) // 10, -1)

    @property
    def ends(self) -> tuple[float, float]:
        """Milliseconds a trial of the first thousand, without the first tenth of them, and of the last thousand; of a
        smaller study its halves."""
        size = min(_MOST_END, len(self.ended) // 2)
        return self.milliseconds(size // 10, size - 1), self.milliseconds(-size, -1)


def idle_trials(effort: Effort) -> list[Table]:
    """A small study and a large one are run to their end, and looked at."""
    with tempfile.TemporaryDirectory(prefix="dsn-idle-") as folder:
        place = Path(folder)
        training = one_training(place, BASE)
        (place / TRAINING).write_bytes(pickle.dumps(training))
        small = min(SMALL, effort.trials)
        runs = [_run(place, *each) for each in dict.fromkeys([(small, 0), (small, REPORTS), (effort.trials, 0)])]
        commands = [_command(place, effort.trials, name, effort.processes) for name in ("status", "studies", "report")]
    kilobytes = sum(map(len, training.artifacts.values())) / 1000
    return [_runs(runs, kilobytes), _commands(commands)]


def _runs(runs: list[Run], kilobytes: float) -> Table:
    return Table(
        title="Trials that do nothing",
        columns={
            "trials": ",d",
            "reports": "d",
            "s to the first": ".1f",
            "ms a trial": ".1f",
            "at most ms": ".0f",
            "driver's CPU ms": ".1f",
            "first ms": ".1f",
            "last ms": ".1f",
            "s after the last": ".1f",
            "s to MLflow": ".1f",
            "driver MiB": ".0f",
            "at most MiB": ".0f",
            "with report MiB": ".0f",
            "verdict": "",
        },
        rows=[_row(run) for run in runs],
        notes=(
            "dsn run in a new process; MLflow on SQLite; times on the wall, from the ledger.",
            f"A trial ends as it begins, and leaves {kilobytes:.0f} kB of files and the numbers of a real one.",
            "ms a trial: without the first tenth, in which workers start; CPU: of the driver, its start included.",
            f"First and last: of {_MOST_END:,} trials each, or of halves; {SLOWER} times the first is allowed.",
            "After the last: report, and wait for MLflow, given up after 35 s. To MLflow: until it had all of them.",
            "Memory: peaks of the driver's resident set, until the last trial had ended and with the report written.",
        ),
    )


def _row(run: Run) -> tuple[Value, ...]:
    first, last = run.ends
    fast, small = run.steady <= MS_A_TRIAL or run.reports > 0, run.trial_bytes / _MIB <= DRIVER_MIB
    even = len(run.ended) < 2 * _MOST_END or last <= SLOWER * first
    return (
        len(run.ended),
        run.reports,
        run.began,
        run.steady,
        None if run.reports else MS_A_TRIAL,
        1000 * run.cpu / len(run.ended),
        first,
        last,
        run.seconds - run.ended[-1],
        run.tracked - run.ended[-1],
        run.trial_bytes / _MIB,
        DRIVER_MIB,
        run.bytes / _MIB,
        "met" if fast and small and even else "missed",
    )


def _commands(rows: list[tuple[Value, ...]]) -> Table:
    return Table(
        title="Commands on the larger of these studies",
        columns={"command": "", "s": ".2f", "at most s": ".0f", "peak MiB": ".0f", "verdict": ""},
        rows=rows,
        notes=("Each in new processes, imports included; medians with quartiles.",),
    )


def _command(place: Path, trials: int, name: str, processes: int) -> tuple[Value, ...]:
    workspace = str(_workspace(place, trials).root)
    arguments = [name, "--workspace", workspace] if name == "studies" else [name, NAME, "--workspace", workspace]
    say(f"idle_trials: dsn {name}")
    found = [measured_dsn(place, *arguments) for _ in range(1 if name == "report" else processes)]
    seconds = Spread.of([each.seconds for each in found])
    target = STATUS_SECONDS if name == "status" else None
    verdict = None if target is None else "met" if seconds.median <= target else "missed"
    return f"dsn {name}", seconds, target, max(each.bytes for each in found) / _MIB, verdict


def _run(place: Path, trials: int, reports: int) -> Run:
    workspace = _workspace(place, trials, reports)
    file, _ = study_of_noise(workspace.root.with_suffix(".data"), trials)
    command = [sys.executable, "-m", "benchmarks.idle_driver", str(place), str(reports), "run", str(file), "--plain"]
    say(f"idle_trials: running {trials} with {reports} reports each")
    begin = time.time()
    with workspace.root.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [*command, "--workspace", str(workspace.root)], stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, check=True
        )
    end = time.time()
    say("idle_trials: waiting for MLflow to have all of it")
    assert sync(workspace, NAME) == 0
    tracked = time.time()
    lines, _ = read_records(ledger_file(workspace, NAME))
    found = json.loads((place / FOUND).read_text(encoding="ascii"))
    return Run(
        reports=reports,
        ended=tuple(line["time"] - begin for line in lines if line["event"] == "done"),
        began=next(line["time"] for line in lines if line["event"] == "started") - begin,
        seconds=end - begin,
        tracked=tracked - begin,
        **found,
    )


def _workspace(place: Path, trials: int, reports: int = 0) -> Workspace:
    return Workspace(root=place / f"run-{trials}-{reports}")
