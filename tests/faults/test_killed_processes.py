"""SIGKILL of the driver and of workers, again and again over one study."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

import numpy as np
import pytest
from bench import PATIENCE, Bench, wait_until, workers_of

Row = Callable[[str, str, int, str], None]

KILLS = 21
STUDY_OF = 60
TORN = b'{"event":"done","trial":"0123456789abcdef","time":1.0,"sta'


def _results(bench: Bench) -> dict[str, str]:
    """What is on disk of the trials that are done."""
    digests = {}
    for trial in bench.ids("done"):
        for path in sorted((bench.workspace / "trials" / trial).iterdir()):
            digests[f"{trial}/{path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def _holds_lock(bench: Bench, pid: int) -> bool:
    lock = bench.workspace / "lock"
    return lock.exists() and f"process {pid} " in lock.read_text()


def _kill_at(bench: Bench, driver: subprocess.Popen[str], rng: np.random.Generator, *, early: bool) -> None:
    """SIGKILL ``driver``: ``early``, within its start; else after a few new lines of the ledger and a moment more."""
    before = len(bench.events())
    if early:
        wait_until(lambda: _holds_lock(bench, driver.pid), driver)
        time.sleep(rng.uniform(0, 4))
    else:
        lines = before + int(rng.integers(1, 5))
        wait_until(lambda: len(bench.events()) >= lines, driver)
        time.sleep(rng.uniform(0, 0.3))
    driver.kill()
    driver.communicate()
    assert driver.returncode == -signal.SIGKILL, "it had ended before"


@pytest.mark.timeout(1200)
def test_a_driver_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(bench: Bench, row: Row) -> None:
    """Every third time within its start-up, and every fifth the last line of the ledger is torn, too."""
    bench.write_study(epochs=20, seeds=STUDY_OF // 2, engine="torch")
    rng, torn = np.random.default_rng(6), 0
    there: dict[str, str] = {}
    for kill in range(KILLS):
        _kill_at(bench, bench.start("run", "tiny.yaml"), rng, early=kill % 3 == 2)
        found = _results(bench)
        assert found.items() >= there.items(), "a result was lost or changed"
        there = found
        if kill % 5 == 4 and bench.ledger.exists():
            with bench.ledger.open("ab") as file:
                file.write(TORN[: int(rng.integers(1, len(TORN)))])
            torn += 1
    left = STUDY_OF - len(bench.ids("done"))
    assert left > 0, "the study was over before the last kill"
    bench.dsn("run", "tiny.yaml")
    assert bench.accounted()["done"] == STUDY_OF
    assert _results(bench).items() >= there.items()
    done = STUDY_OF - left
    row("driver killed", "SIGKILL, by ledger events and within start-up", KILLS, f"{done} kept, {left} run, each once")
    row("last line of the ledger torn", "half a line appended after a kill", torn, "cut off, nothing lost")


def test_workers_that_are_killed_cost_nothing_but_their_trials_time(bench: Bench, row: Row) -> None:
    bench.write_study(epochs=60, seeds=4, engine="torch")
    driver, rng, kills = bench.start("run", "tiny.yaml"), np.random.default_rng(6), 0
    while kills < 3:
        lines = len(bench.events()) + 1
        wait_until(lambda lines=lines: len(bench.events()) >= lines and bool(workers_of(driver.pid)), driver)
        time.sleep(rng.uniform(0, 0.3))
        workers = workers_of(driver.pid)
        if workers:
            os.kill(int(rng.choice(workers)), signal.SIGKILL)
            kills += 1
    output, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode in (0, 3), errors
    assert "Traceback" not in errors
    assert "(raylet)" not in output + errors, "Ray speaks between the lines"
    lost = bench.accounted()["failed"]
    bench.dsn("run", "tiny.yaml")
    assert bench.accounted()["done"] == 8
    row("worker killed", "SIGKILL of a random one", kills, f"{lost} trials left for the next run, then all done once")
