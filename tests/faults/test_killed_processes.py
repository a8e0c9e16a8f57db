"""SIGKILL of the driver and of workers, again and again over one study."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bench import PATIENCE, Bench, wait_until, workers_of
from fault_table import Row

MOMENTS = ("start", "lines", "start", "checkpoint") * 5
STUDY_OF = 44
CHECKPOINTS = "recovery: {checkpoint_every: 0.1}\n"
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


def _kill_at(bench: Bench, driver: subprocess.Popen[str], rng: np.random.Generator, moment: str) -> None:
    """SIGKILL ``driver`` within its start, a few lines of the ledger later, or once there is a new checkpoint and the
    trials that had one before are done."""
    if moment == "start":
        wait_until(lambda: _holds_lock(bench, driver.pid), driver)
        time.sleep(rng.uniform(0, 4))
    elif moment == "lines":
        lines = len(bench.events()) + int(rng.integers(1, 5))
        wait_until(lambda: len(bench.events()) >= lines, driver)
        time.sleep(rng.uniform(0, 0.3))
    else:
        before = _checkpoints(bench).keys()
        wait_until(lambda: before <= set(bench.ids("done")) and bool(_checkpoints(bench).keys() - before), driver)
    driver.kill()
    driver.communicate()
    assert driver.returncode == -signal.SIGKILL, "it had ended before"


def _checkpoints(bench: Bench) -> dict[str, Path]:
    """Of which trials there are any."""
    return {path.name: path for path in sorted(bench.workspace.glob("checkpoints/[0-9a-f]*"))}


def _tear_ledger(bench: Bench, rng: np.random.Generator) -> None:
    """A part of a line at its end, as a power cut leaves it."""
    with bench.ledger.open("ab") as file:
        file.write(TORN[: int(rng.integers(1, len(TORN)))])


def _cut_checkpoint(bench: Bench, rng: np.random.Generator) -> int:
    """One of those that are left loses its end; how many times that was done."""
    left = list(_checkpoints(bench).values())[:1]
    for path in left:
        os.truncate(path, int(rng.integers(path.stat().st_size)))
    return len(left)


def _beginnings(bench: Bench, how: str) -> list[str]:
    """The trials that are done and say of themselves that they have ``resumed_from`` an epoch, or ``began_anew``."""
    return [event["trial"] for event in bench.events() if event["event"] == "done" and how in event["provenance"]]


def _require_undisturbed(bench: Bench, trial: str) -> None:
    """A trial's result is that of training it here, in one go."""
    (event,) = [event for event in bench.events() if event["event"] == "done" and event["trial"] == trial]
    shown = json.loads(bench.dsn("trial", trial).stdout)
    recorded = {name: value for name, value in event["metrics"].items() if not name.endswith(("_seconds", "_bytes"))}
    assert {name: shown[name] for name in recorded} == recorded


@pytest.mark.timeout(1200)
def test_a_driver_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing(bench: Bench, row: Row) -> None:
    """Now and then the last line of the ledger is torn, too, or a checkpoint is cut short."""
    bench.write_study(epochs=20, seeds=STUDY_OF // 2, engine="torch", more=CHECKPOINTS)
    rng, torn, cut = np.random.default_rng(6), 0, 0
    there: dict[str, str] = {}
    for moment in MOMENTS:
        _kill_at(bench, bench.start("run", "tiny.yaml"), rng, moment)
        found = _results(bench)
        assert found.items() >= there.items(), "a result was lost or changed"
        there = found
        if moment == "lines":
            _tear_ledger(bench, rng)
            torn += 1
        elif moment == "checkpoint":
            cut += _cut_checkpoint(bench, rng)
    done = len(bench.ids("done"))
    assert done < STUDY_OF, "the study was over before the last kill"
    status = bench.status()
    assert (status["done"], status["running"], status["pending"]) == (done, 0, STUDY_OF - done)
    last = bench.dsn("run", "tiny.yaml")
    assert f"{STUDY_OF} trials, {done} already there, {STUDY_OF - done} to run" in last.stderr
    assert bench.accounted()["done"] == STUDY_OF
    assert _results(bench).items() >= there.items()
    anew, resumed = _beginnings(bench, "began_anew"), _beginnings(bench, "resumed_from")
    assert anew
    assert resumed
    _require_undisturbed(bench, anew[0])
    _require_undisturbed(bench, resumed[0])
    how = "SIGKILL, by ledger events, by checkpoints and within start-up"
    outcome = f"{done} kept, {STUDY_OF - done} run, each once; {len(resumed)} of these from a checkpoint on"
    row("driver killed", how, len(MOMENTS), outcome)
    row("last line of the ledger torn", "a part of a line appended after a kill", torn, "cut off, nothing lost")
    row("checkpoint cut short", "truncated after a kill", cut, f"{len(anew)} trials begun anew, to the same numbers")


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
    assert "did not complete" not in errors, "in words of Ray's"
    left = bench.accounted()["failed"]
    lost = [event for event in bench.events() if event["event"] == "lost"]
    assert 0 < len(lost) + left <= kills
    for event in lost:
        assert event["error"]["kind"] == "worker-lost"
        assert "died" in event["error"]["message"]
        assert "\n" not in event["error"]["message"]
        assert event["trial"] in (bench.workspace / event["error"]["log"]).read_text()
    begun, again = Counter(bench.ids("started")), Counter(event["trial"] for event in lost)
    assert all(begun[trial] <= 1 + again[trial] for trial in begun)
    bench.dsn("run", "tiny.yaml")
    assert bench.accounted()["done"] == 8
    row("worker killed", "SIGKILL of a random one", kills, f"{len(lost)} attempts lost and made again, all done once")
