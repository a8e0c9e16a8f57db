"""How long trials really take, against what the plan says. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.wording import elapsed
from pipeline.workspace.lifecycle import ENDED, TrialState


def seconds_taken(state: TrialState) -> float | None:
    """From the beginning to the end of a trial; None while it has not ended, or where its line does not say."""
    if state.status not in ENDED or state.record is None or "started" not in state.record:
        return None
    return elapsed(state.record["started"], state.record["time"])


def pace(trials: Iterable[tuple[float, TrialState]]) -> float:
    """How many times as long as planned those took that are done; 1 while none is. ``trials`` are seconds by the plan,
    and the state."""
    planned = took = 0.0
    for seconds, state in trials:
        taken = seconds_taken(state)
        if state.status == "done" and taken is not None:
            planned += seconds
            took += taken
    return took / planned if planned else 1.0
