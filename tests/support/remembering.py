"""Who is told of trials, and remembers."""

from __future__ import annotations

from typing import Any

from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import Checkpoint, EpochReport, TrialError, TrialResult


class Listener:
    """Remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.kept: dict[str, bytes] = {}
        self.on_event = lambda: None

    def attempts(self, trial: TrialSpec) -> int:
        return 0

    def newest_checkpoint(self, trial: TrialSpec) -> bytes | None:
        return self.kept.get(trial.trial_id)

    def started(self, trial: TrialSpec, attempt: int) -> None:
        self._heard("started", trial, attempt)

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None:
        self._heard("progressed", trial, report.epoch)

    def checkpointed(self, trial: TrialSpec, checkpoint: Checkpoint) -> None:
        self.kept[trial.trial_id] = checkpoint.content

    def lost(self, trial: TrialSpec, attempt: int, error: TrialError, epoch: int) -> None:
        self._heard("lost", trial, error, epoch)

    def finished(self, trial: TrialSpec, attempt: int, result: TrialResult) -> None:
        self._heard("finished", trial, attempt, result)

    def gave_up(self, error: TrialError, trials: int) -> None:
        self.events.append(("gave_up", None, error, trials))
        self.on_event()

    def _heard(self, event: str, trial: TrialSpec, *more: Any) -> None:
        self.events.append((event, trial.arm, *more))
        self.on_event()

    def of(self, event: str, arm: str) -> list[tuple[Any, ...]]:
        return [each[2:] for each in self.events if each[:2] == (event, arm)]

    def result(self, arm: str) -> TrialResult:
        ((_, result),) = self.of("finished", arm)
        return result
