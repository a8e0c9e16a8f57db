"""SIGKILL of Ray's own processes in the midst of a study."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest
from bench import PATIENCE, Bench, descendants, wait_until
from fault_table import Row

TELL = "import os; open('told', 'w').write(os.environ['DSN_OUTCOME'] + ' ' + os.environ['DSN_DONE'])"


def _daemon(driver: int, name: str) -> int:
    (pid,) = (pid for pid, command in descendants(driver).items() if command.split("\0")[0].endswith(f"/{name}"))
    return pid


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_the_death_of_ray_is_told_and_costs_what_was_running(bench: Bench, row: Row, name: str) -> None:
    on_finish = f"on_finish: {json.dumps([sys.executable, '-c', TELL])}\n"
    bench.write_study(epochs=120, seeds=2, engine="torch", more=on_finish)
    driver = bench.start("run", "tiny.yaml")
    # While trials train: a driver that hands one out at that very moment is ended by Ray, as pipeline/README.md says.
    wait_until(lambda: len(bench.ids("done")) >= 2 and len(bench.ids("started")) >= 4, driver)
    time.sleep(1)
    below = descendants(driver.pid)
    os.kill(_daemon(driver.pid, name), signal.SIGKILL)
    output, errors = driver.communicate(timeout=PATIENCE)
    assert (driver.returncode, output) == (4, ""), errors
    assert "Traceback" not in errors
    told = [line for line in errors.splitlines() if line.startswith("dsn:")]
    assert len(told) == 1
    assert told[0].startswith(
        f"dsn: Ray has died, {name} first (killed by SIGKILL); nothing is lost, and the same command"
    )
    done = bench.ids("done")
    assert (bench.folder / "told").read_text() == f"interrupted {len(done)}"
    assert not bench.ids("lost") + bench.ids("failed"), "it is no trial's fault"
    wait_until(lambda: not any("ray::" in word and pid in below for pid, word in descendants(1).items()))
    bench.dsn("run", "tiny.yaml")
    assert bench.accounted()["done"] == 4
    assert len(bench.ids("started")) <= 4 + 2, "only what ran is trained again"
    row(f"Ray's {name} killed", "SIGKILL, while trials train", 1, f"exit 4 with a line; {4 - len(done)} run, each once")
