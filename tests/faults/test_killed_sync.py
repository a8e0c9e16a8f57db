"""`dsn sync` is killed wherever it is: while it makes the database, and among the runs."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

from bench import Bench, wait_until
from fault_table import Row

MOMENTS = (None, 0, 2, 5)
"""How many runs have ended in the database when it is killed; None: as soon as there is a database."""


def _come_to(bench: Bench, moment: int | None) -> bool:
    """Asked without MLflow."""
    if moment is None:
        return (bench.workspace / "mlflow.db").exists()
    try:
        with closing(sqlite3.connect(f"file:{bench.workspace}/mlflow.db?mode=ro", uri=True)) as database:
            (ended,) = database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()
    except sqlite3.Error:
        return False  # no tables yet, or it is being written
    return int(ended) >= moment


def test_a_sync_that_is_killed_is_finished_by_the_next(bench: Bench, row: Row) -> None:
    """All of it is killed; the last time the command alone, whose writer goes on, and the next one waits for that."""
    bench.write_study(seeds=5, one_worker=True)
    bench.dsn("run", "tiny.yaml")
    (bench.workspace / "mlflow.db").unlink()
    for moment in MOMENTS:
        sync = bench.start("sync", "tiny")
        wait_until(lambda moment=moment: _come_to(bench, moment), sync)
        if moment == MOMENTS[-1]:
            sync.kill()
        else:
            os.killpg(sync.pid, signal.SIGKILL)
            sync.communicate()
        assert sync.wait() == -signal.SIGKILL, "it had ended before"
    bench.dsn("sync", "tiny")
    sync.communicate()
    assert bench.accounted()["done"] == 10
    assert bench.verified() == []
    how = "SIGKILL while it makes the database, and after 0, 2 and 5 runs"
    row("`dsn sync` killed", how, len(MOMENTS), "the next one shows all, `sync --verify` finds no difference")
