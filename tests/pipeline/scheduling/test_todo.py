"""What a run trains, what it leaves alone, and what begins again; and that an interrupted rerun is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_workspace import planned

from dsn.errors import InvalidInput
from pipeline.planning import identity
from pipeline.planning.identity import former_ids
from pipeline.planning.plan import Plan
from pipeline.scheduling.todo import RERUNS, Rerun, Todo, begin, is_stale, opening, require_rerun, what_to_do
from pipeline.study.spec import Study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, ledger_file, read_records, read_states
from pipeline.workspace.lock import driver_lock

MakePlan = Callable[..., tuple[Study, Plan]]

ENDS = ("done", "diverged", "worker-lost", "started", "lost", None)
"""How the trials of the plan stand, one each."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture
def plan(make_plan_of: MakePlan) -> Plan:
    return make_plan_of(f"seeds: {len(ENDS)}\n")[1]


def _error(kind: str) -> dict[str, str]:
    return {"kind": kind, "message": "m", "traceback": ""}


def _end(workspace: Workspace, plan: Plan, study: str = "s") -> None:
    with Ledger(workspace, study) as ledger:
        for trial, end in zip(plan.trials, ENDS, strict=True):
            if end in ("diverged", "worker-lost"):
                ledger.append("failed", trial.trial_id, error=_error(str(end)))
            elif end == "lost":
                ledger.append("started", trial.trial_id)
                ledger.append("lost", trial.trial_id, attempt=1, epoch=2, error=_error("worker-lost"))
            elif end is not None:
                ledger.append(end, trial.trial_id)


def _begin(workspace: Workspace, plan: Plan, rerun: Rerun | None) -> tuple[Todo, list[str]]:
    with driver_lock(workspace, plan.study), Ledger(workspace, plan.study) as ledger:
        todo, _ = begin(workspace, ledger, plan, rerun)
        return todo, list(opening(plan, todo, workspace))


def _chosen(plan: Plan, todo: Todo) -> list[str | None]:
    ids = {trial.trial_id for trial in todo.trials}
    return [end for trial, end in zip(plan.trials, ENDS, strict=True) if trial.trial_id in ids]


@pytest.mark.parametrize(
    ("rerun", "chosen", "reasons", "words"),
    [
        (
            None,
            ["worker-lost", "started", "lost", None],
            {"worker-lost": "worker-lost"},
            ["s: 6 trials, 1 already there, 1 failed before (--rerun failed tries again), 4 to run"],
        ),
        (
            "failed",
            ["diverged", "worker-lost", "started", "lost", None],
            {"diverged": "failed", "worker-lost": "failed"},
            ["s: 6 trials, 1 already there, 5 to run", "s: reopens 2 trials"],
        ),
        (
            "stale",
            ["worker-lost", "started", "lost", None],
            {"worker-lost": "worker-lost"},
            ["s: 6 trials, 1 already there, 1 failed before (--rerun failed tries again), 4 to run"],
        ),
        (
            "all",
            list(ENDS),
            {"done": "all", "diverged": "all", "worker-lost": "all"},
            ["s: 6 trials, 0 already there, 6 to run", "s: reopens 3 trials"],
        ),
    ],
)
def test_what_is_trained_and_what_is_reopened(
    workspace: Workspace,
    plan: Plan,
    *,
    rerun: Rerun | None,
    chosen: list[str | None],
    reasons: dict[str, str],
    words: list[str],
) -> None:
    _end(workspace, plan)
    todo, said = _begin(workspace, plan, rerun)
    assert _chosen(plan, todo) == chosen
    ends = {trial.trial_id: end for trial, end in zip(plan.trials, ENDS, strict=True)}
    assert {ends[trial_id]: why for trial_id, why in todo.reopened.items()} == reasons
    assert said == words
    again, _ = _begin(workspace, plan, None)
    assert _chosen(plan, again) == chosen, "a run that was interrupted is gone on with, without being asked twice"
    assert again.reopened == {}


def test_what_another_run_left_running_is_lost_and_no_more_than_once(workspace: Workspace, plan: Plan) -> None:
    _end(workspace, plan)
    for _ in range(2):
        _begin(workspace, plan, None)
    with driver_lock(workspace, "s"):
        assert {state.status for state in read_states(workspace).values()} == {"done", "failed", "pending"}
    lines = read_records(ledger_file(workspace, "s"))[0]
    lost = [line for line in lines if line["event"] == "lost" and line["epoch"] is None]
    assert [(line["trial"], line["attempt"]) for line in lost] == [(plan.trials[ENDS.index("started")].trial_id, 1)]
    assert lost[0]["error"]["message"] == "the run that trained it ended before it"


def test_a_run_that_was_cut_off_hides_no_failure_that_another_study_found_since(
    workspace: Workspace, plan: Plan
) -> None:
    trial_id = plan.trials[0].trial_id
    with Ledger(workspace, "s") as ledger:
        ledger.append("started", trial_id)
    with Ledger(workspace, "another") as ledger:
        ledger.append("failed", trial_id, error=_error("diverged"))
    todo, _ = _begin(workspace, plan, None)
    assert (todo.failed, todo.trials) == (1, plan.trials[1:])


def test_a_result_of_the_next_life_is_there(workspace: Workspace, plan: Plan) -> None:
    _end(workspace, plan)
    _begin(workspace, plan, "all")
    with Ledger(workspace, "another") as ledger:
        for trial in plan.trials:
            ledger.append("done", trial.trial_id)
    assert _begin(workspace, plan, None)[1] == ["s: 6 trials, 6 already there, 0 to run"]


def test_studies_that_have_the_same_trials_are_named(workspace: Workspace) -> None:
    own = planned(workspace, "own", seeds=4)
    for name, seeds in (("b", [0, 1]), ("c", [1, 2]), ("d", [9])):
        planned(workspace, name, seeds=seeds)
    planned(workspace, "unreadable")
    (workspace.study("unreadable") / "study.json").write_text("{}", encoding="utf-8")
    with Ledger(workspace, "b") as ledger:
        for trial in own.trials:
            ledger.append("done", trial.trial_id)
    shared = [trial for trial in own.trials if trial.seed in (0, 1, 2)]
    todo = Todo(trials=(), reopened={trial.trial_id: "all" for trial in own.trials}, there=0, failed=0, stale=0)
    plan = Plan(study="own", arms=(), references={}, datasets=(), data=(), cells=(), trials=())
    *_, words = opening(plan, todo, workspace)
    assert words == f"own: reopens 16 trials, {len(shared)} of them also of studies b and c"
    assert len(shared) == 12


def test_results_of_earlier_semantics_are_held_back_until_asked_for(
    workspace: Workspace, make_plan_of: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four trials: one with a result of the first program, one of the second, one that failed there, one without."""
    before = []
    for semantics in (1, 2):
        monkeypatch.setattr(identity, "SEMANTICS", semantics)
        before.append(make_plan_of("seeds: 4\n")[1].trials)
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", before[0][0].trial_id)
        ledger.append("done", before[1][1].trial_id)
        ledger.append("failed", before[1][2].trial_id, error=_error("diverged"))
    monkeypatch.setattr(identity, "SEMANTICS", 3)
    plan = make_plan_of("seeds: 4\n")[1]
    stale, others = plan.trials[:2], plan.trials[2:]
    assert len({trial.trial_id for each in (*before, plan.trials) for trial in each}) == 12

    held, said = _begin(workspace, plan, "failed")
    assert held.trials == others
    assert said == ["s: 4 trials, 0 already there, 2 stale (--rerun stale trains them again), 2 to run"]

    for rerun in ("stale", "all"):
        asked = what_to_do(plan, read_states(workspace), rerun)
        assert (asked.trials, asked.reopened) == (plan.trials, {trial.trial_id: rerun for trial in stale})
    _begin(workspace, plan, "stale")
    again, said = _begin(workspace, plan, None)
    assert (again.trials, again.reopened) == (plan.trials, {})
    assert said == ["s: 4 trials, 0 already there, 4 to run"]


def test_there_is_nothing_stale_before_semantics_is_raised(workspace: Workspace, plan: Plan) -> None:
    assert list(former_ids(plan.trials[0].config, 0, "A")) == []
    assert not is_stale(plan.trials[0], read_states(workspace))


@pytest.mark.parametrize("given", ["", "Failed", "none"])
def test_what_cannot_be_asked_for_is_refused_with_what_can(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        require_rerun(given)
    assert (caught.value.key, caught.value.choices) == ("--rerun", RERUNS)
    assert [require_rerun(each) for each in (None, *RERUNS)] == [None, *RERUNS]
