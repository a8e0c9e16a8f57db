"""What a workspace has of a plan before it is run, for ``dsn plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.planning.plan import Plan
from pipeline.scheduling.pace import pace
from pipeline.scheduling.todo import Todo, what_to_do
from pipeline.workspace.lifecycle import TrialState


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a plan stands.

    Attributes:
        todo: what ``dsn run`` would do with each trial now.
        seconds: core-seconds of those that it would train, by the plan and by how long those took that are done.
    """

    todo: Todo
    seconds: float


def standing(plan: Plan, states: Mapping[str, TrialState]) -> Standing:
    """How ``plan`` stands by what ``pipeline.workspace.ledger.read_times`` says."""
    todo = what_to_do(plan, states, None)
    known = ((trial.seconds, states[trial.trial_id]) for trial in plan.trials if trial.trial_id in states)
    planned = sum(trial.seconds * trial.resources.cpus for trial in todo.trials)
    return Standing(todo=todo, seconds=planned * pace(known))
