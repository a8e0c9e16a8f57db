"""What a workspace has of a plan before it is run, and how long the rest takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_workspace import here

from pipeline.planning import identity
from pipeline.planning.capacity import Capacity
from pipeline.planning.plan import Plan
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.standing import Here, standing
from pipeline.terminal.plan_text import plan_summary, plan_text
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.lifecycle import Status, TrialState

MakePlan = Callable[..., tuple[Any, Plan]]

ARMS = "arms: {x: {}, y: {sparsity.level: 0.5}}\nseeds: 3\nresources: {cpus: 2}\n"


ROOM = Capacity.of_one(cpus=4)


def _state(status: Status, took: float | None, kind: str = "diverged") -> TrialState:
    """On a machine like this one, with two threads."""
    record: dict[str, Any] = {"time": 1000.0, "error": {"kind": kind} if status == "failed" else None}
    record |= {"trial": "-", "provenance": here() | {"threads": "2"}}
    return TrialState(status=status, record=record if took is None else record | {"started": 1000.0 - took})


def _already(plan: Plan, states: Mapping[str, TrialState]) -> list[str]:
    lines = plan_text(plan, 0, now=standing(plan, states)).splitlines()
    return [line.removeprefix("already:   ") for line in lines if line.startswith("already:")]


def test_a_plan_of_which_nothing_is_there_says_nothing(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(ARMS)[1]
    states = {"another": _state("done", 1.0), plan.trials[0].trial_id: _state("pending", None)}
    assert _already(plan, states) == []
    summary = plan_summary(plan, 0, now=standing(plan, states))
    assert (summary["already_done"], summary["to_run"]) == (0, 6)
    assert summary["remaining_core_seconds"] == summary["estimated_core_seconds"]


def test_what_is_left_is_by_how_long_the_others_took(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(ARMS)[1]
    first, second, third, *rest = plan.trials
    states = {
        first.trial_id: _state("done", 2 * first.seconds),
        second.trial_id: _state("done", 4 * second.seconds),
        # Neither says how long a whole training takes.
        third.trial_id: _state("failed", 100 * third.seconds),
        rest[0].trial_id: _state("failed", 100 * third.seconds, "worker-lost"),
    }
    found = standing(plan, states, ROOM)
    costs = Costs.of(plan.trials)
    costs.learn(first.trial_id, 2 * first.seconds)
    costs.learn(second.trial_id, 4 * second.seconds)
    seconds = [costs.seconds(trial.trial_id) for trial in rest]
    assert found.seconds == pytest.approx(sum(seconds), rel=1e-12)
    assert found.here == Here(slots=2, seconds=pytest.approx(max(sum(seconds) / 2, *seconds)))
    (line,) = _already(plan, states)
    assert line.startswith("2 of 6 trials done, 1 failed before (--rerun failed tries again); the rest about ")
    summary = plan_summary(plan, 0, now=found)
    assert summary["remaining_core_seconds"] == round(2 * found.seconds, 1), "of two cores each"
    assert {key: summary[key] for key in ("trials", "already_done", "already_failed", "stale", "to_run")} == {
        "trials": 6,
        "already_done": 2,
        "already_failed": 1,
        "stale": 0,
        "to_run": 3,
    }


def test_a_plan_that_is_done_says_so(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(ARMS)[1]
    states = {trial.trial_id: _state("done", 1.0) for trial in plan.trials}
    assert _already(plan, states) == ["6 of 6 trials done; nothing is left to run"]


def test_stale_results_are_held_back(make_plan_of: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {trial.trial_id: _state("done", 1.0) for trial in make_plan_of(ARMS)[1].trials[:2]}
    monkeypatch.setattr(identity, "SEMANTICS", 2)
    (line,) = _already(make_plan_of(ARMS)[1], states)
    assert line.startswith("0 of 6 trials done, 2 stale (--rerun stale trains them again); the rest about ")


def test_how_long_it_takes_here(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(ARMS)[1]
    lines = plan_text(plan, 0, now=standing(plan, {}, ROOM)).splitlines()
    assert lines[3].startswith("here:      ")
    assert lines[3].endswith(", 2 trials at a time")
    lines = plan_text(plan, 0, now=standing(plan, {}, Capacity.of_one(cpus=1))).splitlines()
    assert lines[3] == "here:      resources.cpus: is more than there is, 1: no trial could start (got 2)"
    summary = plan_summary(plan, 0, now=standing(plan, {}, Capacity.of_one(cpus=1)))
    assert (summary["slots"], summary["remaining_wall_seconds"]) == (0, None)
    done = {trial.trial_id: _state("done", 1.0) for trial in plan.trials}
    assert "here:" not in plan_text(plan, 0, now=standing(plan, done, ROOM))


def test_trials_on_gpus_are_counted_in_hours_of_gpus(make_plan_of: MakePlan) -> None:
    plan = make_plan_of("seeds: 8\nresources: {gpus: 0.25}\n")[1]
    now = standing(plan, {}, Capacity.of_one(cpus=16, gpus=1))
    (seconds,) = {trial.seconds for trial in plan.trials}
    assert now.seconds == pytest.approx(8 * seconds)
    assert now.here == Here(slots=4, seconds=pytest.approx(2 * seconds))
    text = plan_text(plan, 0, now=now)
    assert " of one GPU (rough" in text
    assert "  GPU time\n" in text
    summary = plan_summary(plan, 0, now=now)
    assert summary["estimated_gpu_seconds"] == summary["remaining_gpu_seconds"] == round(2 * seconds, 1)
    assert summary["estimated_core_seconds"] == summary["remaining_core_seconds"] == round(8 * seconds, 1)


def test_the_estimate_says_what_it_rests_on(make_plan_of: MakePlan) -> None:
    plan = make_plan_of(ARMS.replace("seeds: 3", "seeds: 5"))[1]
    states = {trial.trial_id: _state("done", 3 * trial.seconds) for trial in plan.trials[:3]}
    assert "(by 3 trials done on such a machine)" in plan_text(plan, 0, now=standing(plan, states, ROOM))
    states = {trial.trial_id: _state("done", 3 * trial.seconds) for trial in plan.trials[:5]}
    now = standing(plan, states, ROOM)
    assert "(by 5 trials done on such a machine: half of them within 1.00 times)" in plan_text(plan, 0, now=now)
    summary = plan_summary(plan, 0, now=now)
    assert (summary["measured"], summary["error_factor"]) == (5, 1.0)
    assert summary["estimated_core_seconds"] == round(2 * 3 * sum(trial.seconds for trial in plan.trials), 1)


def test_the_command_looks_into_the_workspace(dsn: Callable[..., tuple[object, str, str]], tmp_path: Path) -> None:
    file, workspace = tmp_path / "s.yaml", Workspace(root=tmp_path / "workspace")
    file.write_text("name: s\ndata: [{source: aeon, names: [GunPoint]}]\nseeds: 3\n", encoding="utf-8")
    code, out, _ = dsn("plan", str(file))
    assert (code, "already" in out) == (0, False)
    trials = json.loads(dsn("plan", str(file), "--json")[1])["trial_list"]
    with Ledger(workspace, "s") as ledger:
        for trial in trials[:2]:
            ledger.append("done", trial["trial"])
    assert "\nalready:   2 of 3 trials done; the rest about " in dsn("plan", str(file))[1]
    assert json.loads(dsn("plan", str(file), "--json")[1])["to_run"] == 1
