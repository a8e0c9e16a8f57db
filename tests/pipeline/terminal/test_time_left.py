"""The time left, by hand: plans of a few trials, told what happens at which second."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.planning.correction import Estimate
from pipeline.scheduling.costs import Costs
from pipeline.terminal.time_left import TimeLeft


def _costs(seconds: Mapping[str, float]) -> Costs:
    """Of trials of one arm, each on a data set of its own, whose name is the trial's without its number."""
    return Costs(
        {key: Estimate(arm="a", dataset=key.rstrip("0123456789"), seconds=each) for key, each in seconds.items()}
    )


def _time_left(seconds: Mapping[str, float]) -> TimeLeft:
    return TimeLeft(_costs(seconds), seconds)


def test_before_anything_is_measured_the_plan_is_all_there_is() -> None:
    time_left = _time_left({"a": 10.0, "b": 10.0, "c": 20.0})
    assert time_left.estimate(0.0, 2) == (20.0, False)
    assert time_left.estimate(0.0, 1) == (40.0, False)


def test_the_reports_of_running_trials_correct_the_plan_before_any_has_ended() -> None:
    """A quarter of ten planned seconds took five: everything takes twice as long as planned."""
    time_left = _time_left(dict.fromkeys("abcd", 10.0))
    time_left.started("a", at=100.0)
    time_left.started("b", at=100.0)
    time_left.progressed("a", 0.25, at=105.0)
    time_left.progressed("b", 0.25, at=105.0)
    # Two trials of 15 s that are left of 20 s each, and two of 20 s that wait, for two workers.
    assert time_left.estimate(105.0, 2) == (35.0, True)
    assert time_left.estimate(108.0, 2) == (32.0, True), "it runs down between reports"


def test_what_a_worker_takes_to_get_going_is_not_taken_for_its_pace() -> None:
    """A minute of loading and an epoch in the first report, then a tenth of the trial a second."""
    time_left = _time_left({"a": 10.0, "b": 10.0})
    time_left.started("a", at=0.0)
    time_left.progressed("a", 0.1, at=61.0)
    assert time_left.estimate(61.0, 1) == (pytest.approx(61 * 9 + 610), True)
    time_left.progressed("a", 0.2, at=62.0)
    time_left.progressed("a", 0.3, at=63.0)
    assert time_left.estimate(63.0, 1) == (pytest.approx(7 + 10), True)


def test_trials_that_are_done_count_with_the_time_that_they_took() -> None:
    time_left = _time_left({"a": 10.0, "b": 10.0, "c": 40.0})
    time_left.started("a", at=0.0)
    time_left.finished("a", at=5.0, whole=True)
    assert time_left.estimate(5.0, 1) == (25.0, True)


def test_moments_in_which_a_worker_stands_idle_between_two_trials_count_too() -> None:
    """Ten trials of a second, each a second after the one before: two seconds a trial, not one."""
    time_left = _time_left({str(number): 1.0 for number in range(10)})
    for number in range(5):
        time_left.started(str(number), at=2.0 * number)
        time_left.finished(str(number), at=2.0 * number + 1, whole=True)
    time_left.started("5", at=10.0)
    # Five seconds at work and four between, for five planned ones: 1.8 each, of five that are left.
    assert time_left.estimate(10.0, 1) == (pytest.approx(9.0), True)


def test_how_long_a_failed_trial_took_says_nothing_of_the_others() -> None:
    time_left = _time_left({"a": 10.0, "b": 10.0})
    time_left.started("a", at=0.0)
    time_left.progressed("a", 0.5, at=1.0)
    time_left.finished("a", at=1.0, whole=False)
    assert time_left.estimate(1.0, 1) == (10.0, False)


def test_no_number_of_workers_makes_one_trial_shorter() -> None:
    time_left = _time_left({"a": 60.0, "b": 30.0})
    assert time_left.estimate(0.0, 8) == (60.0, False), "the longest that waits"
    time_left.started("a", at=0.0)
    assert time_left.estimate(10.0, 8) == (50.0, False), "the longest that runs"


def test_what_is_not_begun_any_more_takes_no_time() -> None:
    time_left = _time_left({"a": 10.0, "b": 10.0, "c": 40.0})
    time_left.started("a", 0.0)
    time_left.begin_no_more()
    assert time_left.estimate(4.0, 2) == (6.0, False)
    time_left.started("b", 4.0)
    assert time_left.estimate(4.0, 2) == (10.0, False), "one that was already on its way"


def test_a_trial_that_takes_longer_than_it_should_leaves_nothing_negative() -> None:
    time_left = _time_left({"a": 1.0})
    time_left.started("a", at=0.0)
    assert time_left.estimate(1000.0, 1) == (0.0, False)
    time_left.finished("a", at=1000.0, whole=True)
    assert time_left.estimate(1000.0, 1) == (0.0, True)


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    time_left = _time_left({"a": 10.0, "b": 10.0})
    time_left.started("a", at=1000.0)
    time_left.progressed("a", 0.5, at=10.0)
    assert time_left.estimate(10.0, 1) == (15.0, False), "as planned"
    time_left.finished("a", at=5.0, whole=True)
    time_left.started("b", at=1.0)
    assert time_left.estimate(1.0, 1) == (10.0, False)


def test_what_is_learnt_of_costs_is_not_counted_twice() -> None:
    """Twice as long as planned: whether it is the costs that know or this run that sees it, or both."""
    seconds = dict.fromkeys("abcd", 10.0)
    costs = _costs(seconds)
    time_left = TimeLeft(costs, seconds)
    time_left.started("a", at=0.0)
    time_left.finished("a", at=20.0, whole=True)
    assert time_left.estimate(20.0, 1) == (60.0, True)
    costs.learn("a", 20.0)
    assert time_left.estimate(20.0, 1) == (pytest.approx(60.0), True)


def test_what_was_measured_before_this_run_is_in_it_from_the_start() -> None:
    costs = _costs(dict.fromkeys("abc", 10.0))
    costs.learn("a", 30.0)
    time_left = TimeLeft(costs, "bc")
    assert time_left.estimate(0.0, 1) == (pytest.approx(60.0), True)


def test_the_longest_that_waits_is_by_the_corrected_costs() -> None:
    """Data set b takes eight times as long as planned, the long ones as long as planned."""
    planned = {"long1": 100.0, "long2": 100.0, "long3": 99.0, **{f"b{number}": 90.0 for number in range(8)}}
    costs = _costs(planned)
    for number in (1, 2):
        costs.learn(f"long{number}", 100.0)
    for number in range(7):
        costs.learn(f"b{number}", 720.0)
    left, _ = TimeLeft(costs, ["long3", "b7"]).estimate(0.0, 2)
    assert left == costs.seconds("b7") > 99.0
