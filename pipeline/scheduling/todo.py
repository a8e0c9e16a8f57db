"""What a run does with each trial of its plan: train it, or leave it alone as there, failed before, or stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dsn.errors import InvalidInput
from pipeline.planning.identity import former_ids
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.wording import counted, enumerated
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, read_states
from pipeline.workspace.lifecycle import FINAL, TrialState
from pipeline.workspace.record import load_outline, recorded_studies

Rerun = Literal["failed", "stale", "all"]
RERUNS: tuple[Rerun, ...] = ("failed", "stale", "all")
"""What ``dsn run --rerun`` asks for again."""

_LOST = "worker-lost"
_NO_FAULT = (_LOST, "host-lost")
"""Kinds of failure that say nothing against a trial."""
_ENDED = {"kind": _LOST, "message": "the run that trained it ended before it", "traceback": ""}


@dataclass(frozen=True, kw_only=True)
class Todo:
    """What becomes of the trials of a plan: ``planned = there + failed + stale + len(trials)``.

    Attributes:
        trials: those to be trained, in the plan's order.
        reopened: id -> why, of those among them that begin a new life.
        there: how many have their results.
        failed: how many have failed before, and are not tried again.
        stale: how many have results of earlier semantics, and are not trained under today's.
    """

    trials: tuple[TrialSpec, ...]
    reopened: Mapping[str, str]
    there: int
    failed: int
    stale: int


def begin(
    workspace: Workspace, ledger: Ledger, plan: Plan, rerun: Rerun | None
) -> tuple[Todo, Mapping[str, TrialState]]:
    """Decide what to do and make it durable, under the workspace's lock and before anything runs: an interrupted
    ``--rerun`` is gone on with by a plain ``dsn run``.

    Returns:
        What to do, and what the ledgers said when that was decided.
    """
    for trial_id, state in read_states(workspace).items():
        if state.status == "running":
            # Nothing runs yet. Until this is said, what an earlier run of this study was training when it ended would
            # hide what another study has found of the trial since.
            attempt = (state.record or {}).get("attempt", 1)
            ledger.append("lost", trial_id, attempt=attempt, epoch=None, error=_ENDED)
    states = read_states(workspace)
    todo = what_to_do(plan, states, rerun)
    if todo.reopened:
        ledger.reopen(todo.reopened)
    return todo, states


def what_to_do(plan: Plan, states: Mapping[str, TrialState], rerun: Rerun | None) -> Todo:
    """Of the trials of ``plan``, by what the ledgers say of them and what is asked for again.

    A worker or a host that was lost says nothing against its trial, which is tried again without being asked for; what
    a trial itself raised, it would raise again.
    """
    trials: list[TrialSpec] = []
    reopened: dict[str, str] = {}
    left = Counter[str]()
    for trial in plan.trials:
        kept, reasons = _standing(trial, states)
        why = next((reason for reason in reasons if reason in (rerun, *_NO_FAULT)), None)
        if kept is not None and why is None:
            left[kept] += 1
            continue
        trials.append(trial)
        if why is not None:
            reopened[trial.trial_id] = why
    return Todo(
        trials=tuple(trials), reopened=reopened, there=left["there"], failed=left["failed"], stale=left["stale"]
    )


def _standing(
    trial: TrialSpec, states: Mapping[str, TrialState]
) -> tuple[Literal["there", "failed", "stale"] | None, tuple[str, ...]]:
    """As what a trial is left alone, and the reasons for which it is not. One that has not ended has none of both."""
    state = states.get(trial.trial_id)
    if state is None:
        return ("stale", ("stale", "all")) if is_stale(trial, states) else (None, ())
    if state.status in FINAL:
        return "there", ("all",)
    if state.status == "failed":
        kind = (state.record or {})["error"]["kind"]
        return "failed", ("failed", "all", kind)
    return None, ()


def is_stale(trial: TrialSpec, states: Mapping[str, TrialState]) -> bool:
    """Whether there is a result of this trial that today's program would not give it: one under the id that it had
    before ``identity.SEMANTICS`` was raised, and nothing under today's."""
    former = tuple(former_ids(trial.config, trial.seed, trial.content_hash))
    if trial.trial_id in former:
        former = (trial.trial_id,)
    elif trial.trial_id in states:
        return False
    return any(states[identity].status in FINAL for identity in former if identity in states)


def opening(plan: Plan, todo: Todo, workspace: Workspace) -> Iterator[str]:
    """The first words of a run: what becomes of each trial, and what is reopened that other studies have too."""
    left = [f"{todo.there} already there", *left_alone(todo)]
    assert todo.there + todo.failed + todo.stale + len(todo.trials) == len(plan.trials)
    yield f"{plan.study}: {', '.join([counted(len(plan.trials), 'trial'), *left, f'{len(todo.trials)} to run'])}"
    asked = [trial_id for trial_id, why in todo.reopened.items() if why not in _NO_FAULT]
    if asked:
        yield f"{plan.study}: reopens {counted(len(asked), 'trial')}{_also_of(workspace, plan.study, asked)}"


def left_alone(todo: Todo) -> list[str]:
    """The trials that have no result and are not trained, and by what they would be."""
    failed = [f"{todo.failed} failed before (--rerun failed tries again)"] if todo.failed else []
    return failed + ([f"{todo.stale} stale (--rerun stale trains them again)"] if todo.stale else [])


def _also_of(workspace: Workspace, study: str, trial_ids: Collection[str]) -> str:
    """``, 4 of them also of studies b and c``. Records that another version wrote are passed over."""
    shared: set[str] = set()
    names = []
    for name in recorded_studies(workspace):
        try:
            others = load_outline(workspace, name).estimates.keys() if name != study else set()
        except InvalidInput:
            continue
        common = others & set(trial_ids)
        shared |= common
        names += [name] if common else []
    if not names:
        return ""
    return f", {len(shared)} of them also of {'study' if len(names) == 1 else 'studies'} {enumerated(names)}"


def require_rerun(given: str | None) -> Rerun | None:
    """
    Raises:
        InvalidInput: it is none of ``RERUNS``.
    """
    found = next((rerun for rerun in RERUNS if rerun == given), None)
    if given is not None and found is None:
        raise InvalidInput("cannot be asked for again", key="--rerun", value=given, choices=RERUNS)
    return found
