"""Which times count: of whole trainings that ended well, under the conditions of today."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.planning.estimate import expected_engine
from pipeline.scheduling import times
from pipeline.scheduling.times import Conditions, known_seconds, seconds_of_whole, seconds_taken
from pipeline.study.resources import Resources
from pipeline.trial.outcome import TrialError, TrialResult
from pipeline.trial.provenance import processor_name
from pipeline.workspace.lifecycle import Status, TrialState

CPU = Conditions(engine="native", threads="1", device="a processor")
GPU = Conditions(engine="torch", threads=None, device=None)
ON_CPU = {"engine": "native", "threads": "1", "device": "a processor", "instruction_set": "avx2"}
ON_GPU = {"engine": "torch", "device": "a GPU"}


def _state(
    status: Status, took: float | None, *, at: float = 1000.0, provenance: dict[str, str] | None = None
) -> TrialState:
    record: dict[str, Any] = {"trial": f"{at}", "time": at, "provenance": ON_CPU if provenance is None else provenance}
    return TrialState(status=status, record=record if took is None else record | {"started": at - took})


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (_state("done", 5.0), 5.0),
        (_state("failed", 5.0), 5.0),
        (_state("done", -5.0), 0.0),
        (_state("done", None), None),
        (_state("running", 5.0), None),
        (TrialState(status="pending"), None),
    ],
    ids=["done", "failed", "clock set back", "of an earlier version", "running", "pending"],
)
def test_seconds_taken(state: TrialState, taken: float | None) -> None:
    assert seconds_taken(state) == taken


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (_state("done", 5.0), True),
        (_state("failed", 5.0), False),
        (_state("pruned", 5.0), False),
        (_state("running", 5.0), False),
        (_state("done", None), False),
        (_state("done", 5.0, provenance=ON_CPU | {"resumed_from": "3"}), False),
        (_state("done", 5.0, provenance=ON_CPU | {"began_anew": "why"}), True),
        (_state("done", 5.0, provenance=ON_CPU | {"engine": "torch"}), False),
        (_state("done", 5.0, provenance=ON_CPU | {"threads": "2"}), False),
        (_state("done", 5.0, provenance=ON_CPU | {"device": "another processor"}), False),
        (_state("done", 5.0, provenance=ON_GPU), False),
        (_state("done", 5.0, provenance={}), False),
        (TrialState(status="pending"), False),
    ],
    ids=[
        "done",
        "failed",
        "pruned",
        "running",
        "of an earlier version",
        "resumed",
        "begun anew",
        "another engine",
        "more threads",
        "another processor",
        "on a GPU",
        "nothing known",
        "pending",
    ],
)
def test_which_times_count(state: TrialState, counts: bool) -> None:
    assert known_seconds({"a": state}, ["a", "b"], CPU) == ({"a": 5.0} if counts else {})


def test_times_of_different_devices_are_never_mixed() -> None:
    """Where this process does not know the device, it is that of the newest trial."""
    states = {
        "old": _state("done", 9.0, at=10.0, provenance=ON_GPU | {"device": "an old GPU"}),
        "new": _state("done", 2.0, at=30.0, provenance=ON_GPU),
        "cpu": _state("done", 50.0, at=40.0),
        "between": _state("done", 3.0, at=20.0, provenance=ON_GPU),
    }
    assert known_seconds(states, states, GPU) == {"new": 2.0, "between": 3.0}
    assert known_seconds(states, ["old", "cpu"], GPU) == {"old": 9.0}


def test_of_a_result_the_time_of_a_whole_training_counts() -> None:
    def taken(**facts: Any) -> float | None:
        return seconds_of_whole(TrialResult(**({"trial_id": "a", "status": "done", "started": 100.0} | facts)), 107.0)

    assert taken() == 7.0
    assert taken(provenance={"began_anew": "why"}) == 7.0
    assert taken(provenance={"resumed_from": "3"}) is None
    assert taken(status="failed", error=TrialError(kind="diverged", message="")) is None
    assert taken(started=110.0) == 0.0, "a clock that was set back"


def test_the_conditions_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Conditions(engine=expected_engine("auto", Resources()), threads="2", device=processor_name())
    monkeypatch.setattr(times, "local_gpus", lambda: 0)
    assert Conditions.here("auto", Resources(cpus=2)) == here
    assert Conditions.here("auto", Resources(cpus=2, gpus=0.5)) == here, "there is none: it runs on the CPU"
    monkeypatch.setattr(times, "local_gpus", lambda: 1)
    assert Conditions.here("auto", Resources(cpus=2)) == here
    assert Conditions.here("auto", Resources(cpus=2, gpus=0.5)) == Conditions(engine="torch", threads=None, device=None)
