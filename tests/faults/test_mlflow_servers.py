"""An MLflow server that is killed, that hangs, and whose database is stopped, while a study runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bench import PATIENCE, Bench, wait_until
from fault_table import Row
from stores import Server, postgres, running

LOG = "ledger/tiny/tracking.log"


def _log(bench: Bench) -> str:
    path = bench.workspace / LOG
    return path.read_text() if path.exists() else ""


def _done(bench: Bench, count: int) -> Callable[[], bool]:
    return lambda: len(bench.ids("done")) >= count


def _begun(bench: Bench, server: Server, done: int, *, epochs: int, seeds: int) -> tuple[Bench, subprocess.Popen[str]]:
    """A run that tells ``server``, once so many of its trials are done."""
    bench = replace(bench, store=server.uri)
    bench.write_study(epochs=epochs, seeds=seeds, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(_done(bench, done), driver)
    return bench, driver


def _require_all_told(bench: Bench, driver: subprocess.Popen[str], done: int) -> None:
    """The run ends well, and MLflow has all of it."""
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, errors
    assert "Traceback" not in errors
    assert "could not be brought up to date" not in errors
    assert bench.accounted()["done"] == done
    assert bench.verified() == []


@pytest.mark.timeout(600)
def test_a_server_that_is_killed_or_hangs_costs_no_result_and_is_told_of_all(
    tmp_path: Path, bench: Bench, row: Row
) -> None:
    with running(Server(tmp_path)) as server:
        bench, driver = _begun(bench, server, 2, epochs=60, seeds=6)
        server.kill()
        wait_until(lambda: "store is away" in _log(bench), driver)
        server.start()
        wait_until(lambda: "store is back" in _log(bench), driver)
        before = len(bench.ids("done"))
        server.hang()
        wait_until(_done(bench, min(before + 2, 12)), driver)
        server.go_on()
        _require_all_told(bench, driver, 12)
        row("MLflow server killed", "SIGKILL during the run, started again", 1, "12 done, all shown without `dsn sync`")
        row("MLflow server hangs for a while", "SIGSTOP during the run, SIGCONT", 1, "the same")


@pytest.mark.timeout(600)
def test_a_run_does_not_wait_for_ever_for_a_server_that_hangs_and_says_so(
    tmp_path: Path, bench: Bench, row: Row
) -> None:
    with running(Server(tmp_path)) as server:
        bench, driver = _begun(bench, server, 1, epochs=40, seeds=2)
        server.hang()
        _, errors = driver.communicate(timeout=PATIENCE)
        assert driver.returncode == 0, errors
        said = errors.splitlines()
        assert "waiting for MLflow to be brought up to date" in said
        assert said[-1].endswith("dsn sync tiny")
        server.go_on()
        bench.dsn("sync", "tiny")
        assert bench.accounted()["done"] == 4
        assert bench.verified() == []
        row(
            "MLflow server hangs for good",
            "SIGSTOP during the run",
            1,
            "4 done, exit 0, says `dsn sync`, which shows all",
        )


def test_a_server_whose_database_is_stopped_and_started_is_told_of_all(tmp_path: Path, bench: Bench, row: Row) -> None:
    with postgres() as database, running(Server(tmp_path, database.uri)) as server:
        bench, driver = _begun(bench, server, 2, epochs=60, seeds=5)
        database.stop()
        wait_until(_done(bench, 5), driver)
        database.start()
        _require_all_told(bench, driver, 10)
        how = "stopped during the run, started again"
        row("PostgreSQL under the MLflow server stopped", how, 1, "10 done, all shown without `dsn sync`")
