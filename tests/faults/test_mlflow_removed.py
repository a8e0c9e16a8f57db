"""MLflow's database is removed during a run."""

from __future__ import annotations

import shutil

from bench import PATIENCE, Bench, wait_until
from fault_table import Row


def test_a_database_that_is_removed_costs_no_result_and_is_made_again(bench: Bench, row: Row) -> None:
    bench.write_study(epochs=40, seeds=3, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("done")) >= 2 and (bench.workspace / "mlflow.db").exists(), driver)
    for path in bench.workspace.glob("mlflow.db*"):
        path.unlink()
    shutil.rmtree(bench.workspace / "mlflow-artifacts", ignore_errors=True)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, errors
    assert "Traceback" not in errors
    bench.dsn("sync", "tiny")
    assert bench.accounted()["done"] == 6
    row("MLflow's database removed", "unlinked during the run, with its artifacts", 1, "6 done; `dsn sync` rebuilt it")
