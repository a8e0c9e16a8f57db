"""When an attempt that told nothing began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.planning.capacity import Capacity
from pipeline.planning.plan import Plan
from pipeline.scheduling.dispatch import Dispatch
from pipeline.scheduling.stopping import Stopping
from pipeline.trial.outcome import TrialError, TrialResult

NO_RESULT = TrialError(kind="no-result", message="came to an end without a result")


class Listener:
    """Keeps results, and knows of nothing before."""

    def __init__(self) -> None:
        self.results: list[TrialResult] = []

    def attempts(self, *_: Any) -> int:
        return 0

    def newest_checkpoint(self, *_: Any) -> None:
        return None

    def finished(self, _trial: Any, _attempt: int, result: TrialResult) -> None:
        self.results.append(result)

    def started(self, *_: Any) -> None: ...

    progressed = checkpointed = lost = gave_up = started


@pytest.mark.parametrize(("begun", "ran"), [(True, 60.0), (False, 0.0)])
def test_an_attempt_that_told_nothing_took_the_time_since_its_worker_began(
    make_plan_of: Callable[..., tuple[Any, Plan]], begun: bool, ran: float
) -> None:
    listener = Listener()
    trials = make_plan_of("seeds: 1\n")[1].trials
    dispatch = Dispatch(trials, Capacity.of_one(cpus=1), listener, Stopping())
    given = dispatch.next()
    assert not isinstance(given, str)
    attempt = given.trial.trial_id, given.attempt
    if begun:
        dispatch.started(*attempt, now=5.0)
    dispatch.lost(*attempt, NO_RESULT, now=65.0, at=1000.0)
    (result,) = listener.results
    assert (result.status, result.started) == ("failed", 1000.0 - ran)
