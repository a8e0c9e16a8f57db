"""What a workspace has of a plan before it is run, and what the rest costs, for ``dsn plan``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsn.errors import InvalidInput
from pipeline.planning.capacity import Capacity
from pipeline.planning.machine import this_machine
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.scheduling.costs import Costs, shared_out
from pipeline.scheduling.times import Conditions
from pipeline.scheduling.todo import Todo, what_to_do
from pipeline.workspace.lifecycle import TrialState


@dataclass(frozen=True, kw_only=True)
class Here:
    """What a machine makes of the trials that are to be run.

    Attributes:
        slots: how many run at a time.
        seconds: on the wall, from the first trial's beginning to the last one's end.
    """

    slots: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a plan stands.

    Attributes:
        todo: what ``dsn run`` would do with each trial now.
        costs: what each takes, by those that are done.
        here: what this machine makes of it; or why it bears no such trial, in words.
    """

    todo: Todo
    costs: Costs
    here: Here | str

    def trial_seconds(self, trials: Iterable[TrialSpec]) -> float:
        """What ``trials`` take, one after the other."""
        return sum(self.costs.seconds(trial.trial_id) for trial in trials)

    @property
    def seconds(self) -> float:
        """What those take that are to be run, one after the other."""
        return self.trial_seconds(self.todo.trials)


def standing(plan: Plan, states: Mapping[str, TrialState], capacity: Capacity | None = None) -> Standing:
    """How ``plan`` stands by what ``pipeline.workspace.ledger.read_times`` says; on this machine, unless it is another
    ``capacity``.

    Raises:
        InvalidInput: the environment asks for an instruction set that does not exist.
    """
    todo = what_to_do(plan, states, None)
    costs = Costs.of(plan.trials, states, Conditions.here(plan.engine, plan.resources))
    return Standing(todo=todo, costs=costs, here=_here(plan, todo, costs, capacity or this_machine()))


def _here(plan: Plan, todo: Todo, costs: Costs, capacity: Capacity) -> Here | str:
    try:
        slots = capacity.slots(capacity.fitted(plan.resources))
    except InvalidInput as error:
        return str(error)
    return Here(slots=slots, seconds=shared_out((costs.seconds(trial.trial_id) for trial in todo.trials), slots))
