"""One driver a workspace."""

from __future__ import annotations

from bench import PATIENCE, Bench, wait_until


def test_a_second_driver_is_refused_and_told_who_holds_the_study(bench: Bench) -> None:
    bench.write_study(epochs=60, seeds=2, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: bool(bench.ids("started")))
    refused = bench.dsn("run", "tiny.yaml", expect=5)
    assert f"process {driver.pid} on " in refused.stderr
    assert driver.wait(timeout=PATIENCE) == 0
    driver.communicate()
