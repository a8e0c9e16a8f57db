"""What is left when a run is cut off, and how the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120


def _wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "nothing happened for two minutes"
        time.sleep(0.05)


def test_a_killed_driver_loses_nothing_and_repeats_nothing(bench, mlflow_runs) -> None:
    bench.write_study(epochs=60, seeds=6, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    _wait(lambda: len(bench.ids("done")) >= 4)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    done, events = bench.ids("done"), len(bench.events())
    assert 4 <= len(done) < 12
    status = json.loads(bench.dsn("status", "tiny", "--json").stdout)
    assert (status["done"], status["running"], status["pending"]) == (len(done), 0, 12 - len(done))

    again = bench.dsn("run", "tiny.yaml")

    assert f"12 trials, {len(done)} already there, {12 - len(done)} to run" in again.stderr
    repeated = {record["trial"] for record in bench.events()[events:]} & set(done)
    assert repeated == set(), "finished trials were executed again"
    assert sorted(Counter(bench.ids("done")).values()) == [1] * 12
    parents, children = mlflow_runs(bench)
    assert [run.info.status for run in parents] == ["FINISHED"]
    assert Counter(run.data.tags["trial_id"] for run in children) == Counter(bench.ids("done"))
    assert {run.info.status for run in children} == {"FINISHED"}


def _descendants(pid: int) -> dict[int, str]:
    """Processes below ``pid``, with their command lines."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            commands[int(folder.name)] = (folder / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        parents[int(folder.name)] = int(fields[1])
    below = {pid}
    for _ in range(len(parents)):
        below |= {child for child, parent in parents.items() if parent in below}
    return {child: commands[child] for child in below - {pid}}


def test_a_killed_worker_costs_its_trial_an_attempt(bench) -> None:
    bench.write_study(epochs=400, seeds=2, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    _wait(lambda: len(bench.ids("started")) >= 2)
    workers = {pid for pid, command in _descendants(driver.pid).items() if command.startswith("ray::ResourceTrainable")}
    assert len(workers) == 2
    os.kill(min(workers), signal.SIGKILL)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, errors
    assert "Traceback" not in errors
    assert "did not complete" not in errors
    (lost,) = [event for event in bench.events() if event["event"] == "lost"]
    assert lost["error"]["kind"] == "worker-lost"
    assert "died" in lost["error"]["message"]
    assert "\n" not in lost["error"]["message"]
    assert lost["trial"] in (bench.workspace / lost["error"]["log"]).read_text()
    assert sorted(Counter(bench.ids("done")).values()) == [1] * 4
    assert Counter(bench.ids("started"))[lost["trial"]] == 2
    assert list((bench.workspace / "checkpoints").glob("*")) == []


def test_an_interrupted_run_says_so_leaves_no_run_running_and_continues(bench, mlflow_runs) -> None:
    bench.write_study(epochs=60, seeds=3, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    _wait(lambda: len(bench.ids("done")) >= 1)
    os.kill(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 4, errors
    assert "the same command runs what is missing" in errors
    assert "Traceback" not in errors
    parents, children = mlflow_runs(bench)
    assert {run.info.status for run in parents + children} <= {"FINISHED", "KILLED"}
    assert parents[0].info.status == "KILLED"
    bench.dsn("run", "tiny.yaml")
    assert sorted(Counter(bench.ids("done")).values()) == [1] * 6
    parents, children = mlflow_runs(bench)
    assert {run.info.status for run in parents + children} == {"FINISHED"}
    assert len(children) == 6


def test_a_second_driver_is_refused_and_told_who_holds_the_study(bench) -> None:
    bench.write_study(epochs=60, seeds=3, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    _wait(lambda: bool(bench.ids("started")))
    refused = bench.dsn("run", "tiny.yaml", expect=5)
    assert f"process {driver.pid} on " in refused.stderr
    assert driver.wait(timeout=PATIENCE) == 0
    driver.communicate()
