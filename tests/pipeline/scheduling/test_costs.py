"""What trials cost while a run goes on."""

from __future__ import annotations

import itertools
import math

import pytest
from made_trials import made_trial

from pipeline.planning.correction import Estimate, Measured, corrected_by
from pipeline.scheduling.costs import GROWTH, Costs, shared_out
from pipeline.scheduling.times import Conditions
from pipeline.workspace.lifecycle import TrialState

HERE = Conditions(engine="native", threads="1", device="here")


def _estimates(count: int) -> dict[str, Estimate]:
    return {str(number): Estimate(arm="x", dataset="AB"[number % 2], seconds=10.0) for number in range(count)}


def test_the_plan_is_believed_until_something_is_measured() -> None:
    costs = Costs.of([made_trial("a", 7.0), made_trial("b", 5.0, dataset="B")])
    assert (costs.seconds("a"), costs.seconds("b"), costs.measured, costs.corrections) == (7.0, 5.0, 0, 0)
    assert costs.error_factor() is None


def test_what_ledgers_know_of_its_trials_is_in_it_from_the_start() -> None:
    trials = [made_trial("a", 10.0), made_trial("b", 10.0, seed=1), made_trial("c", 10.0, seed=2)]
    record = {"trial": "a", "started": 0.0, "time": 30.0}
    provenance = {"engine": "native", "threads": "1", "device": "here"}
    states = {
        "a": TrialState(status="done", record=record | {"provenance": provenance}),
        "c": TrialState(status="done", record=record | {"provenance": provenance | {"device": "elsewhere"}}),
        "of another study": TrialState(status="done", record=record | {"provenance": provenance}),
    }
    costs = Costs.of(trials, states, HERE)
    assert (costs.measured, costs.corrections) == (1, 1)
    assert costs.seconds("b") == pytest.approx(30.0)
    assert Costs.of(trials, states).measured == 0, "under which conditions is not known"


def test_the_estimates_are_corrected_when_a_quarter_more_is_measured() -> None:
    costs, counts = Costs(_estimates(1000)), []
    for number in range(1000):
        before = costs.corrections
        costs.learn(str(number), 30.0 if number % 2 else 5.0)
        if costs.corrections > before:
            counts.append(number + 1)
    assert counts[:6] == [1, 2, 3, 4, 6, 8]
    assert all(later <= GROWTH * former + 1 for former, later in itertools.pairwise(counts))
    assert len(counts) <= 4 + math.log(1000 / 4, GROWTH)
    known = list(_estimates(counts[-1]).items())
    assert [costs.seconds(key) for key in "01"] == [
        corrected_by(Measured(estimate=each, seconds=30.0 if int(key) % 2 else 5.0) for key, each in known).seconds(
            known[int(which)][1]
        )
        for which in "01"
    ]


def test_a_trial_that_is_trained_again_counts_once_and_with_its_last_time() -> None:
    costs = Costs(_estimates(2), {"0": 100.0})
    costs.learn("0", 20.0)
    assert (costs.measured, costs.corrections) == (1, 2)
    assert costs.seconds("0") == pytest.approx(20.0)


def test_what_is_no_time_is_not_learnt() -> None:
    costs = Costs(_estimates(2))
    costs.learn("0", 0.0)
    assert (costs.measured, costs.corrections, costs.seconds("0")) == (0, 0, 10.0)


@pytest.mark.parametrize(
    ("seconds", "slots", "shared"),
    [([], 2, 0.0), ([4.0, 2.0, 2.0], 2, 4.0), ([9.0, 1.0], 4, 9.0), ([3.0, 3.0, 3.0], 2, 4.5)],
    ids=["nothing", "even", "one is the longest", "what cannot be reached either"],
)
def test_what_slots_share(seconds: list[float], slots: int, shared: float) -> None:
    assert shared_out(seconds, slots) == shared
