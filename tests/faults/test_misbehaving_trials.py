"""Trials that misbehave, in a study: each fails alone, with its cause; of the same bug in many one soon has enough."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from bench import Bench
from fault_table import Row
from planted.misbehaviour import FAULTS

PLANTED = Path(__file__).parents[1] / "support" / "planted"

TIME_LIMIT = "resources: {time_limit: 15s}\n"
"""Of trials that take a second."""


def _planted(bench: Bench, faults: Mapping[int, str]) -> Bench:
    """``faults``: of the trials of which seeds."""
    environment = {
        "PLANTED": ";".join(f"{seed}={name}" for seed, name in faults.items()),
        "PYTHONPATH": os.pathsep.join([str(PLANTED), os.environ.get("PYTHONPATH", "")]),
    }
    return replace(bench, environment=environment)


def test_each_misbehaving_trial_fails_alone_with_its_cause(bench: Bench, row: Row) -> None:
    """Then the same command: those that were lost are tried again, and one of them now needs more than it may have."""
    names = dict(enumerate(FAULTS))
    bench.write_study(epochs=4, seeds=len(FAULTS) + 1, arms=1, more=TIME_LIMIT)
    _planted(bench, names).dsn("run", "tiny.yaml", expect=3)
    counts = bench.accounted()
    assert (counts["failed"], counts["done"]) == (len(FAULTS), 1)
    begun = Counter(bench.ids("started"))
    told = bench.dsn("status", "tiny", "--failed").stdout.splitlines()
    failed = {each["seed"]: each for each in bench.status()["failed_trials"]}
    for seed, name in names.items():
        trial, fault = failed[seed]["trial"], FAULTS[name]
        assert failed[seed]["kind"] == fault.kind
        assert fault.message in failed[seed]["message"]
        assert any(trial in line and fault.message in line for line in told)
        assert begun[trial] == fault.attempts
        retried = f", {fault.attempts} attempts" if fault.attempts > 1 else ""
        outcome = f"failed ({fault.kind}{retried}), the others done"
        row(f"trial {name}", "in the worker, after two epochs", fault.attempts, outcome)

    before = len(bench.events())
    lost = [seed for seed, name in names.items() if FAULTS[name].kind == "worker-lost"]
    bench.write_study(epochs=4, seeds=len(FAULTS) + 1, arms=1, more="resources: {memory: 200MB}\n")
    _planted(bench, {lost[0]: "takes 300 MB"}).dsn("run", "tiny.yaml", expect=3)
    counts = bench.accounted()
    assert (counts["failed"], counts["done"]) == (len(FAULTS) - len(lost), 1 + len(lost))
    again = bench.events()[before:]
    assert {event["trial"] for event in again} == {failed[seed]["trial"] for seed in lost}, "others would fail again"
    (short,) = [event for event in again if event["event"] == "lost"]
    assert (short["trial"], short["error"]["kind"]) == (failed[lost[0]]["trial"], "out-of-memory")
    row("trial needs more memory than it may have", "300 MB of 200 MB", 1, "tried again with 400 MB, done")


def test_the_same_bug_in_three_trials_ends_the_study_and_it_is_gone_on_with_once_that_is_mended(
    bench: Bench, row: Row
) -> None:
    bench.write_study(epochs=4, seeds=10, arms=1)
    run = _planted(bench, dict.fromkeys(range(10), "raises")).dsn("run", "tiny.yaml", expect=3)
    said = "dsn: 3 trials failed at the same place, so no more are begun: ValueError: planted; "
    said += "the same command runs the rest"
    assert run.stderr.splitlines().count(said) == 1
    assert "Traceback" not in run.stderr
    counts = bench.accounted()
    failed = counts["failed"]
    assert 3 <= failed < 10, "what ran beside the third has failed, too"
    assert (counts["done"], counts["pending"]) == (0, 10 - failed)
    bench.dsn("run", "tiny.yaml", expect=3)
    counts = bench.accounted()
    assert (counts["done"], counts["failed"]) == (10 - failed, failed)
    outcome = f"exit 3 after {failed}; once that is mended, the rest is run"
    row("every trial raises at the same place", "in the worker, after two epochs", failed, outcome)


def _memory(what: str) -> int:
    """Bytes, as the kernel tells them."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{what}:"))
    return int(kilobytes) * 1024


def test_a_worker_that_ray_ends_as_memory_is_short_costs_no_other_trial(bench: Bench, row: Row) -> None:
    """Ray's limit is set to 3 GB more than is taken now, of which Ray itself needs half, and one trial takes 5."""
    there, free = _memory("MemTotal"), _memory("MemAvailable")
    if free < 7 * 10**9:
        pytest.skip(f"needs 7 GB of memory, and {free / 10**9:.1f} are free")
    limit = {
        "RAY_memory_monitor_refresh_ms": "100",
        "RAY_memory_usage_threshold": str((there - free + 3 * 10**9) / there),
    }
    bench.write_study(epochs=4, seeds=4, arms=1)
    planted = _planted(bench, {1: "takes 5 GB"})
    replace(planted, environment={**planted.environment, **limit}).dsn("run", "tiny.yaml", expect=3)
    (failed,) = bench.status()["failed_trials"]
    assert (failed["seed"], failed["kind"]) == (1, "worker-lost")
    assert failed["message"] == "Ray ended the worker, as the machine was low on memory"
    assert Counter(bench.ids("started"))[failed["trial"]] == 3
    assert bench.accounted()["done"] == 3
    bench.dsn("run", "tiny.yaml")
    assert bench.accounted()["done"] == 4
    row(
        "machine low on memory", "5 GB where Ray allows 3 more", 3, "its worker is ended, the others done; then it, too"
    )
