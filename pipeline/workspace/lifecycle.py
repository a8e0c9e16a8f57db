"""What the lines of a ledger say of a trial. Pure: no files, no clock.

    pending --started--> running --done | pruned | failed--> ended --reopened--> pending, one generation later
                running --lost--> pending

A generation is one life of a trial, from 0. Whoever wants a trial again that has ended (``--rerun``) reopens it, and
from then on nothing counts that an earlier generation said. Within one generation ``done`` and ``pruned`` are final,
and other lines count in the order in which they stand in their ledger: one driver wrote them, as it took its decisions.
Between ledgers neither the names of files nor the times of lines decide.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["pending", "running", "done", "pruned", "failed"]
STATUSES: tuple[Status, ...] = ("done", "pruned", "failed", "running", "pending")

EVENTS: Mapping[str, Status] = {
    "started": "running",
    "lost": "pending",
    "reopened": "pending",
    "done": "done",
    "failed": "failed",
}
"""What a line may say, and what its trial is by it. No event of today makes a trial ``pruned``."""

FINAL: frozenset[Status] = frozenset({"done", "pruned"})
"""What a trial stays, within its generation."""

ENDED: frozenset[Status] = FINAL | {"failed"}
"""A trial that a run does not begin again by itself, unless its worker was lost."""

_TIMES = ("time", "started")


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """What the ledgers say of one trial.

    Attributes:
        status: what it is.
        record: the line that says so; None while it has none.
        generation: which of its lives that is.
    """

    status: Status
    record: Mapping[str, Any] | None = None
    generation: int = 0


def counts_after(last: Mapping[str, Any] | None, line: Mapping[str, Any]) -> bool:
    """Whether ``line`` says what its trial is, where ``last`` said so before it; both of one ledger."""
    if last is None:
        return True
    generation, known = generation_of(line), generation_of(last)
    if generation != known:
        return generation > known
    if EVENTS[last["event"]] in FINAL or line["event"] == "reopened":
        return False
    lost_too_late = line["event"] == "lost" and last["event"] == "failed"
    return not lost_too_late


def generation_of(line: Mapping[str, Any]) -> int:
    """Of the trial's life that a line tells of. It is left out where it is 0, as it was before there were others."""
    generation: int = line.get("generation", 0)
    return generation


def states_of(lines: Iterable[Mapping[str, Any]], *, driven: bool) -> Iterator[tuple[str, TrialState]]:
    """The state of each trial in the lines of one ledger; ``driven`` says whether its study is being run."""
    deciding: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        if counts_after(deciding.get(line["trial"]), line):
            deciding[line["trial"]] = line
    for trial_id, line in deciding.items():
        status = EVENTS[line["event"]]
        if status == "running" and not driven:
            status = "pending"
        yield trial_id, TrialState(status=status, record=line, generation=generation_of(line))


def prevailing(known: Iterable[tuple[str, TrialState]]) -> dict[str, TrialState]:
    """Of each trial the state that counts, of those that several ledgers know; in whatever order they come."""
    states: dict[str, TrialState] = {}
    for trial_id, state in known:
        if trial_id not in states or prevails(state, states[trial_id]):
            states[trial_id] = state
    return states


def prevails(state: TrialState, other: TrialState) -> bool:
    """Whether a trial is what ``state`` says and not what another ledger says: by the generation, then by the status
    (a result, then what runs, then a failure). What is equal in both is told apart by what else it says."""
    ranks = _rank(state), _rank(other)
    return ranks[0] > ranks[1] if ranks[0] != ranks[1] else _content(state) > _content(other)


def _rank(state: TrialState) -> tuple[int, int]:
    return state.generation, {"done": 3, "pruned": 3, "running": 2, "failed": 1, "pending": 0}[state.status]


def _content(state: TrialState) -> tuple[str, ...]:
    """A line as text; its times last, so that they tell apart only what is the same without them."""
    record = dict(state.record or {})
    times = {key: record.pop(key) for key in _TIMES if key in record}
    return tuple(json.dumps(part, sort_keys=True) for part in (record, times))


def accounted(trial_ids: Iterable[str], states: Mapping[str, TrialState]) -> dict[str, int]:
    """Trials by status. The values add up to all of them: planned = done + pruned + failed + running + pending."""
    return tally(states[trial_id].status if trial_id in states else "pending" for trial_id in trial_ids)


def tally(statuses: Iterable[str]) -> dict[str, int]:
    """How often each of ``STATUSES`` occurs among statuses that are all of these."""
    found = Counter(statuses)
    assert found.keys() <= set(STATUSES), f"statuses that nobody knows: {sorted(map(str, found))}"
    return {status: found[status] for status in STATUSES}


def lifted(lines: Sequence[Mapping[str, Any]], known: Mapping[str, TrialState]) -> Iterator[Mapping[str, Any]]:
    """Lines from elsewhere, with the last generation of each trial raised to the one that is ``known`` of it here: what
    they say in the end is not of a life that is over."""
    highest: dict[str, int] = {}
    for line in lines:
        highest[line["trial"]] = max(generation_of(line), highest.get(line["trial"], 0))
    for line in lines:
        here = known[line["trial"]].generation if line["trial"] in known else 0
        missing = max(here - highest[line["trial"]], 0)
        yield {**line, "generation": generation_of(line) + missing} if missing else line
