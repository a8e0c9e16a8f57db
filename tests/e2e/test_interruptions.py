"""What is left when a run is cut off, and how the same command goes on."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

from bench import PATIENCE, wait_until, workers_of


def test_a_killed_driver_loses_nothing_and_repeats_nothing(bench, mlflow_runs) -> None:
    bench.write_study(epochs=60, seeds=6, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("done")) >= 4)
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


def test_a_killed_worker_costs_its_trial_an_attempt(bench) -> None:
    bench.write_study(epochs=400, seeds=2, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("started")) >= 2)
    workers = workers_of(driver.pid)
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


def test_a_second_driver_is_refused_and_told_who_holds_the_study(bench) -> None:
    bench.write_study(epochs=60, seeds=3, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: bool(bench.ids("started")))
    refused = bench.dsn("run", "tiny.yaml", expect=5)
    assert f"process {driver.pid} on " in refused.stderr
    assert driver.wait(timeout=PATIENCE) == 0
    driver.communicate()
