"""The state of a run: what the picture says after each thing that happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.planning.plan import Plan
from pipeline.terminal.display import counts, time_left
from pipeline.terminal.progress import LATEST, Finished, Leader, Progress, one_line
from pipeline.trial.outcome import EpochReport, TrialError, TrialResult
from pipeline.workspace.lifecycle import TrialState

BEGAN = 1000.0
STUDY = "question: Why?\narms: {x: {}, y: {sparsity.level: 0.5}}\nseeds: 2\nbase: {training: {epochs: 8}}\n"

MakePlan = Callable[..., Any]


def _progress(plan: Plan, states: dict[str, TrialState] | None = None) -> Progress:
    """A run of what ``states`` do not say to be done or to have failed."""
    states = states or {}
    todo = [trial.trial_id for trial in plan.trials if trial.trial_id not in states]
    progress = Progress(
        study="s", question="Why?", trials=plan.trials, cells=plan.cells, states=states, todo=todo, began=BEGAN
    )
    progress.have_workers(2)
    return progress


def _done(trial_id: str, accuracy: float = 0.5, seconds: float = 4.0) -> TrialResult:
    metrics = {"test_accuracy": accuracy, "train_seconds": seconds}
    return TrialResult(trial_id=trial_id, status="done", started=0.0, metrics=metrics)


def _failed(trial_id: str, message: str = "it broke") -> TrialResult:
    error = TrialError(kind="exception", message=message)
    return TrialResult(trial_id=trial_id, status="failed", started=0.0, error=error)


def _ids(plan: Plan) -> dict[tuple[str, int], str]:
    """By arm and seed."""
    return {(trial.arm, trial.seed): trial.trial_id for trial in plan.trials}


def test_a_run_from_its_beginning_to_its_end(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    ids = _ids(plan)
    progress = _progress(plan)
    new = progress.snapshot(BEGAN)
    assert (new.study, new.question, new.phase, new.began, new.workers) == ("s", "Why?", "starting", BEGAN, 2)
    assert (new.planned, new.done, new.failed, new.pending, new.running, new.latest) == (4, 0, 0, 4, (), ())
    assert new.leaders == (Leader(dataset="A", arms=(), accuracy=None, seeds=0, done=0, planned=4),)
    assert new.left == pytest.approx(sum(trial.seconds for trial in plan.trials) / 2)
    assert not new.measured

    progress.started(ids["x", 0], at=1010.0)
    progress.started(ids["y", 0], at=1011.0)
    progress.progressed(ids["x", 0], EpochReport(epoch=2, train_loss=0.25), at=1012.0)
    running = progress.snapshot(1012.0)
    assert (running.phase, running.pending, running.measured) == ("training", 2, True)
    first, second = running.running
    assert (first.name.title, first.worker, first.since) == ("x · A · seed 0", 0, 1010.0)
    assert (first.epoch, first.epochs, first.train_loss) == (2, 8, 0.25)
    assert (second.name.title, second.worker, second.epoch, second.train_loss) == ("y · A · seed 0", 1, 0, None)
    # Two seconds for two of eight epochs: 6 s left of this one, 7 of the other, 8 each of the two that wait.
    assert running.left == pytest.approx((6 + 7 + 8 + 8) / 2, rel=0.2), "the arms' plans differ a little"

    ended = progress.finished(ids["x", 0], _done(ids["x", 0], 0.75), at=1014.0)
    assert ended == Finished(name=first.name, accuracy=0.75, seconds=4.0)
    progress.started(ids["x", 1], at=1015.0)
    assert [each.name.title for each in progress.snapshot(1015.0).running] == ["x · A · seed 1", "y · A · seed 0"]

    broken = progress.finished(ids["y", 0], _failed(ids["y", 0]), at=1016.0)
    assert (broken.failure, broken.cause, broken.accuracy, broken.seconds) == ("exception", "it broke", None, None)
    progress.finished(ids["x", 1], _done(ids["x", 1], 0.25), at=1017.0)
    progress.started(ids["y", 1], at=1017.0)
    progress.finished(ids["y", 1], _done(ids["y", 1], 0.75), at=1018.0)
    progress.enter("finished")
    end = progress.snapshot(1019.0)
    assert (end.done, end.failed, end.pending, end.left) == (3, 1, 0, None)
    assert end.failures == {"exception": 1}
    assert [each.name.title for each in end.latest] == [f"{arm} · A · seed {n}" for n, arm in ((1, "y"), (1, "x"))] + [
        "y · A · seed 0",
        "x · A · seed 0",
    ]
    assert end.leaders == (Leader(dataset="A", arms=("y",), accuracy=0.75, seeds=1, done=3, planned=4),)


def test_what_was_there_before_is_counted_and_not_run(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    ids = _ids(plan)
    states = {
        ids["x", 0]: TrialState(status="done", record={"metrics": {"test_accuracy": 0.5}}),
        ids["y", 0]: TrialState(status="failed", record={"error": {"kind": "diverged", "message": "m"}}),
    }
    snapshot = _progress(plan, states).snapshot(BEGAN)
    assert (snapshot.planned, snapshot.done, snapshot.failed, snapshot.pending) == (4, 1, 1, 2)
    assert snapshot.failures == {"diverged": 1}
    assert snapshot.leaders[0].arms == ("x",)
    todo = [trial.seconds for trial in plan.trials if trial.trial_id not in states]
    assert snapshot.left == pytest.approx(max(todo)), "two workers for two trials: the longer one decides"


def test_trials_that_are_left_alone_without_a_result_are_pending(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    todo = [trial.trial_id for trial in plan.trials[1:]]
    progress = Progress(study="s", question="", trials=plan.trials, cells=plan.cells, states={}, todo=todo, began=BEGAN)
    for trial_id in todo:
        progress.finished(trial_id, _done(trial_id), at=BEGAN)
    snapshot = progress.snapshot(BEGAN)
    assert (snapshot.planned, snapshot.done, snapshot.pending, snapshot.stale, snapshot.to_go) == (4, 3, 1, 1, 0)
    assert counts(snapshot) == "3 done, 1 stale"
    assert time_left(snapshot) == "", "nothing is left to do"


def test_arms_that_are_equal_in_what_is_shown_lead_together(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY.replace("seeds: 2", "seeds: 3"))[1]
    ids, progress = _ids(plan), _progress(plan)
    # The same three numbers; in another order, their sum in floats is another.
    for arm, accuracies in (("x", (0.1, 0.2, 0.3)), ("y", (0.3, 0.2, 0.1))):
        for seed, accuracy in enumerate(accuracies):
            progress.finished(ids[arm, seed], _done(ids[arm, seed], accuracy), at=BEGAN)
    (leader,) = progress.snapshot(BEGAN).leaders
    assert leader.arms == ("x", "y")


def test_every_arm_that_a_trial_serves_has_its_accuracy(make_plan_of: MakePlan) -> None:
    """A dense network has no groups, so y and z are one training; they tie on both seeds, and lead over x."""
    arms = "{x: {}, y: {sparsity.level: dense}, z: {sparsity: {level: dense, groups: 1}}}"
    plan = make_plan_of(f"arms: {arms}\nseeds: 2\n")[1]
    ids = _ids(plan)
    assert sorted(ids) == [("x", 0), ("x", 1), ("y", 0), ("y", 1)]
    before = {ids["y", 0]: TrialState(status="done", record={"metrics": {"test_accuracy": 0.75}})}
    progress = _progress(plan, before)
    for arm, seed, accuracy in (("x", 0, 0.25), ("y", 1, 0.75)):
        progress.finished(ids[arm, seed], _done(ids[arm, seed], accuracy), at=BEGAN)
    leader = Leader(dataset="A", arms=("y", "z"), accuracy=0.75, seeds=2, done=3, planned=4)
    assert progress.snapshot(BEGAN).leaders == (leader,)


def test_what_runs_when_a_run_is_stopped_is_to_be_done_again(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    progress = _progress(plan)
    progress.started(plan.trials[0].trial_id, at=BEGAN)
    progress.enter("stopping")
    snapshot = progress.snapshot(BEGAN)
    assert (snapshot.running, snapshot.pending, snapshot.left) == ((), 4, None)


def test_a_trial_whose_worker_is_lost_before_it_starts_is_counted(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    progress = _progress(plan)
    progress.finished(plan.trials[0].trial_id, _failed(plan.trials[0].trial_id), at=BEGAN)
    assert (progress.snapshot(BEGAN).failed, progress.snapshot(BEGAN).pending) == (1, 3)


def test_a_trial_whose_worker_is_lost_waits_again(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY)[1]
    trial_id = plan.trials[0].trial_id
    progress = _progress(plan)
    for attempt in range(2):
        progress.started(trial_id, at=BEGAN + attempt)
        progress.lost(trial_id, at=BEGAN + attempt + 0.5)
        progress.lost(trial_id, at=BEGAN + attempt + 0.5)
        snapshot = progress.snapshot(BEGAN + attempt + 0.5)
        assert (len(snapshot.running), snapshot.pending) == (0, 4)
    progress.started(trial_id, at=BEGAN + 9)
    progress.finished(trial_id, _done(trial_id), at=BEGAN + 10)
    assert (progress.snapshot(BEGAN + 10).done, progress.snapshot(BEGAN + 10).pending) == (1, 3)


def test_a_snapshot_is_bounded_whatever_the_size_of_the_study(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(STUDY.replace("seeds: 2", "seeds: 5000"))[1]
    progress = _progress(plan)
    for trial in plan.trials:
        progress.started(trial.trial_id, at=BEGAN)
        progress.finished(trial.trial_id, _failed(trial.trial_id, f"in trial {trial.trial_id}"), at=BEGAN)
    snapshot = progress.snapshot(BEGAN)
    assert (snapshot.failed, len(snapshot.latest), len(snapshot.failures)) == (10_000, LATEST, 1)
    assert len(repr(snapshot)) < 5_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30))
def test_the_sum_holds_whatever_happens(make_plan_of: MakePlan, choices: list[tuple[int, int]]) -> None:
    """Each choice starts, reports on, ends or fails some trial, if there is one to do that to."""
    plan = make_plan_of(STUDY)[1]
    progress = _progress(plan)
    waiting, running = [trial.trial_id for trial in plan.trials], []
    for choice, which in choices:
        if choice == 0 and waiting:
            running.append(waiting.pop())
            progress.started(running[-1], at=BEGAN)
        elif choice == 1 and running:
            progress.progressed(running[which % len(running)], EpochReport(epoch=1, train_loss=1.0), at=BEGAN)
        elif choice > 1 and running:
            ended = running.pop(which % len(running))
            progress.finished(ended, _done(ended) if choice == 2 else _failed(ended), at=BEGAN)
        now = progress.snapshot(BEGAN)
        assert now.planned == now.done + now.pruned + now.failed + len(running) + len(waiting)
        assert {each.name.trial for each in now.running} == set(running)
        assert now.pending == len(waiting)
        workers = [each.worker for each in now.running]
        assert workers == sorted(set(workers)), "a row each"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("plain", "plain"),
        ("first\nsecond", "first"),
        ("Traceback (most recent call last)\n  File\nKeyError: 'a'", "KeyError: 'a'"),
        ("\x1b[31mred\x1b[2J\x07", " [31mred [2J "),
    ],
    ids=["plain", "lines", "traceback", "escape codes"],
)
def test_messages_are_one_line_that_commands_no_terminal(message: str, shown: str) -> None:
    assert one_line(message) == shown
