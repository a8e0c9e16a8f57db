"""How a run is stopped: by the first signal, by the second, early and late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from bench import PATIENCE, Bench, descendants, runs_of, wait_until
from fault_table import Row
from hearing import hear_signals

from dsn.data import describe
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger

NOW = "dsn: stopped by a signal; the same command runs what is missing"


def _end(driver: subprocess.Popen[str]) -> list[str]:
    """Lines of standard error of a driver that was stopped."""
    output, errors = driver.communicate(timeout=PATIENCE)
    assert (driver.returncode, output) == (4, ""), errors
    assert "Traceback" not in errors
    return errors.splitlines()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda each: each.name)
def test_the_first_signal_finishes_what_runs_begins_nothing_and_reports(
    bench: Bench, row: Row, first: signal.Signals
) -> None:
    tell = "import os; open('told', 'w').write(' '.join(os.environ['DSN_' + k] for k in ('OUTCOME', 'DONE', 'REPORT')))"
    bench.write_study(
        epochs=80, seeds=3, engine="torch", more=f"on_finish: {json.dumps([sys.executable, '-c', tell])}\n"
    )
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("started")) == 2, driver)
    # The whole group, as a terminal and ``timeout`` do; twice, as a shell and the kernel both tell of a hang-up.
    for _ in range(2 if first == signal.SIGHUP else 1):
        os.killpg(driver.pid, first)
    lines = _end(driver)
    assert sorted(bench.ids("done")) == sorted(bench.ids("started")), "each that had begun, and none besides"
    assert sum(line.startswith("finishing 2 running trials") for line in lines) == 1
    assert next(line for line in lines if "finishing" in line).endswith("; once more stops now")
    assert lines[-1] == "dsn: stopped by a signal with 4 trials to go; the same command runs them"
    report = bench.workspace / "reports" / "tiny" / "report.html"
    assert report.exists()
    assert (bench.folder / "told").read_text() == f"interrupted 2 {report}"
    assert bench.accounted()["pending"] == 4
    if first == signal.SIGTERM:
        bench.dsn("run", "tiny.yaml")
        assert bench.accounted()["done"] == 6
    row(f"{first.name} once", "to the group, while trials run", 1, "exit 4, what had begun is finished, 4 to go")


LATER = "from pipeline.planning import identity; identity.SEMANTICS = 2; from pipeline.cli import main; main()"
"""The command, of a later version that computes otherwise."""


def test_stale_trials_are_not_among_those_that_the_same_command_runs(bench: Bench) -> None:
    bench.write_study(epochs=80, seeds=3, engine="torch")
    with Ledger(Workspace(root=bench.workspace), "tiny") as ledger:
        for trial in make_plan(read_study(bench.study), describe).trials[:2]:
            ledger.append("done", trial.trial_id)
    driver = subprocess.Popen(
        [sys.executable, "-c", LATER, "run", "tiny.yaml"],
        cwd=bench.folder,
        env=os.environ | {"DSN_WORKSPACE": str(bench.workspace)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_signals,  # noqa: PLW1509  # it takes no lock
    )
    wait_until(lambda: len(bench.ids("started")) == 2, driver)
    driver.send_signal(signal.SIGTERM)
    lines = _end(driver)
    assert lines[0] == "tiny: 6 trials, 0 already there, 2 stale (--rerun stale trains them again), 4 to run"
    assert lines[-1] == "dsn: stopped by a signal with 2 trials to go; the same command runs them"


@pytest.mark.parametrize("by", ["signals", "dsn cancel --now"])
def test_the_second_signal_stops_now_and_a_third_changes_nothing(bench: Bench, row: Row, by: str) -> None:
    bench.write_study(epochs=20000, seeds=2, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("started")) == 2, driver)
    if by == "signals":
        driver.send_signal(signal.SIGINT)
        time.sleep(1)
        assert driver.poll() is None
        driver.send_signal(signal.SIGTERM)
        while driver.poll() is None:
            time.sleep(0.2)
            driver.send_signal(signal.SIGINT)
    else:
        assert "stops now" in bench.dsn("cancel", "tiny", "--now").stdout
    lines = _end(driver)
    assert any(line.startswith("finishing 2 running trials") for line in lines)
    assert lines[-1] == NOW
    assert bench.ids("done") == []
    wait_until(lambda: {run.info.status for runs in runs_of(bench) for run in runs} == {"KILLED"})
    row("asked to stop twice", by, 1, "exit 4 at once, nothing RUNNING in MLflow")


@pytest.mark.parametrize("seconds", [1.0, 3.0, 5.0])
def test_before_training_begins_the_first_signal_stops_at_once(bench: Bench, row: Row, seconds: float) -> None:
    """Wherever in the start-up it comes: importing Python, starting Ray, starting workers."""
    bench.write_study(epochs=20000, seeds=1, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until((bench.workspace / "lock").exists, driver)
    time.sleep(seconds - 1.0)
    below = set(descendants(driver.pid))
    driver.send_signal(signal.SIGTERM)
    wait_until(lambda: driver.poll() is not None or bool(bench.ids("started")))
    if driver.poll() is None:
        driver.send_signal(signal.SIGTERM)
    assert _end(driver)[-1] == NOW
    assert bench.ids("done") == []
    wait_until(lambda: not any("raylet" in command for pid, command in descendants(1).items() if pid in below))
    row("SIGTERM during the start", "1 to 5 s after it", 1, "exit 4, no process of Ray's left")


def test_a_run_that_was_started_with_nohup_does_not_hear_that_the_terminal_is_closed(bench: Bench) -> None:
    bench.write_study(epochs=80, seeds=1, engine="torch")
    driver = replace(bench, within=("nohup",)).start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("started")) == 2, driver)
    os.killpg(driver.pid, signal.SIGHUP)
    driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0
    assert Counter(event["event"] for event in bench.events()) == {"started": 2, "done": 2}
