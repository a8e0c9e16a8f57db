"""What a run tells while it goes on: a line a finished trial, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.analysis.wording import duration, percent
from pipeline.outcome import TrialResult
from pipeline.planning import TrialSpec

Say = Callable[[str], None]


class Progress:
    """Counts trials and says so.

    Args:
        todo: the trials of this run.
        slots: how many run at a time.
        say: takes a line.
    """

    def __init__(self, todo: list[TrialSpec], slots: int, say: Say) -> None:
        self._say = say
        self._slots = slots
        self._total = len(todo)
        self._total_seconds = sum(trial.seconds for trial in todo)
        self._finished = 0
        self._finished_seconds = 0.0
        self._began = 0.0

    def started(self) -> None:
        """The clock runs from the first trial on: starting the workers is not part of the rate."""
        self._began = self._began or time.monotonic()

    def finished(self, trial: TrialSpec, result: TrialResult) -> None:
        self._finished += 1
        self._finished_seconds += trial.seconds
        if result.error:
            outcome = f"failed ({result.error.kind}): {result.error.message}"
        else:
            accuracy, seconds = result.metrics["test_accuracy"], result.metrics["train_seconds"]
            outcome = f"test accuracy {percent(accuracy)} %, {seconds:.1f} s"
        self._say(f"[{self._finished}/{self._total}] {trial.title}: {outcome}{self._left()}")

    def _left(self) -> str:
        """The time left, from the plan's estimates corrected by how long the finished ones really took."""
        if self._finished == self._total:
            return ""
        # What the other slots are at counts half: on average they are half way.
        mean = self._finished_seconds / self._finished
        done = self._finished_seconds + mean * min(self._slots - 1, self._total - self._finished) / 2
        elapsed = time.monotonic() - self._began
        return f"; about {duration(elapsed * max(self._total_seconds - done, 0) / done)} left"
