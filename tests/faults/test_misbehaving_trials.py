"""Trials that misbehave, all in one study: each fails alone, with its cause."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bench import Bench
from planted.misbehaviour import FAULTS

Row = Callable[[str, str, int, str], None]

PLANTED = Path(__file__).parents[1] / "support" / "planted"


def test_each_misbehaving_trial_fails_alone_with_its_cause(tmp_path: Path, row: Row) -> None:
    names = dict(enumerate(FAULTS))
    environment = {
        "PLANTED": ";".join(f"{seed}={name}" for seed, name in names.items()),
        "PYTHONPATH": os.pathsep.join([str(PLANTED), os.environ.get("PYTHONPATH", "")]),
    }
    bench = Bench(folder=tmp_path, environment=environment)
    bench.write_study(epochs=4, seeds=len(FAULTS) + 2)
    bench.dsn("run", "tiny.yaml", expect=3)
    counts = bench.accounted()
    assert (counts["failed"], counts["done"]) == (2 * len(FAULTS), 4)
    told = bench.dsn("status", "tiny", "--failed").stdout.splitlines()
    for failed in bench.status()["failed_trials"]:
        fault = FAULTS[names[failed["seed"]]]
        assert failed["kind"] == fault.kind
        assert fault.message in failed["message"]
        assert any(failed["trial"] in line and fault.message in line for line in told)
    events = len(bench.events())
    bench.dsn("run", "tiny.yaml", expect=3)
    assert len(bench.events()) == events, "what a trial does by itself, it would do again"
    for name, fault in FAULTS.items():
        row(f"trial {name}", "in the worker, after two epochs", 2, f"failed ({fault.kind}), the others done")
