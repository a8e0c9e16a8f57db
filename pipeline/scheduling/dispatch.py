"""Which trial is next, and what becomes of what is heard of those that run: a run's decisions, without its cluster.

Pure: fed with what happens and when, it tells a listener what counts. What is heard of an attempt that does not run -
again, late, or in another order - counts nothing, so that no trial can end twice.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from pipeline.planning.capacity import Capacity
from pipeline.planning.plan import TrialSpec
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.retry import SAME_FAILURES, decide, fingerprint
from pipeline.scheduling.stopping import Stopping
from pipeline.scheduling.times import seconds_of_whole
from pipeline.study.resources import Resources
from pipeline.trial.outcome import Checkpoint, EpochReport, TrialError, TrialResult


class Listener(Protocol):
    """Hears what counts of every trial, in the driver's process, and knows what went before."""

    def attempts(self, trial: TrialSpec) -> int:
        """How often the trial was begun before this run."""

    def newest_checkpoint(self, trial: TrialSpec) -> bytes | None:
        """From where it can go on."""

    def started(self, trial: TrialSpec, attempt: int) -> None: ...

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None: ...

    def checkpointed(self, trial: TrialSpec, checkpoint: Checkpoint) -> None: ...

    def lost(self, trial: TrialSpec, attempt: int, error: TrialError, epoch: int) -> None:
        """The attempt has ended, after ``epoch``, and the trial has not: it is pending again."""

    def finished(self, trial: TrialSpec, attempt: int, result: TrialResult) -> None: ...

    def gave_up(self, error: TrialError, trials: int) -> None:
        """So many trials have failed by the same error: no more are begun."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker is to do: ``trial``, with the resources of this ``attempt`` (from 1), from ``checkpoint`` on."""

    trial: TrialSpec
    attempt: int
    checkpoint: bytes | None


@dataclass(kw_only=True)
class _Trial:
    """A trial that has been handed out, once or more.

    Attributes:
        spec: with the resources of the newest attempt.
        attempt: the newest; ``running`` says whether it is under way, ``since`` when its worker began it.
        epoch: the highest that any attempt has reported; ``reached``, the newest.
        gained: whether the newest has reported an epoch that no other had.
        losses: attempts in a row that were lost, by how, with no new epoch from the first of them on.
        overdue: the newest has had its time.
    """

    spec: TrialSpec
    attempt: int
    epoch: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    running: bool = True
    since: float | None = None
    reached: int = 0
    gained: bool = False
    overdue: bool = False

    def begin_again(self, resources: Resources) -> None:
        if resources != self.spec.resources:
            self.spec = replace(self.spec, resources=resources)
            self.losses.clear()
        self.attempt += 1
        self.running, self.since, self.reached, self.gained, self.overdue = True, None, 0, False, False


class Dispatch:
    """The state of one run of ``trials``.

    Args:
        trials: to be run, each with what it may use. The longest is begun first; of equals, the first.
        capacity: what there is.
        listener: told of what counts, before this returns.
        stopping: asked before anything is handed out.
        costs: how long they take, and told of each that is done; without, the plan says.
    """

    def __init__(
        self,
        trials: Iterable[TrialSpec],
        capacity: Capacity,
        listener: Listener,
        stopping: Stopping,
        costs: Costs | None = None,
    ) -> None:
        self._fresh = list(trials)[::-1]
        """The next one last."""
        self._costs = Costs.of(self._fresh) if costs is None else costs
        self._sorted_by: int | None = None
        """Which correction of the costs that is by."""
        self._capacity = capacity
        self._listener = listener
        self._stopping = stopping
        self._known: dict[str, _Trial] = {}
        """Trials that have been handed out and have not ended."""
        self._retries = deque[tuple[str, Resources]]()
        self._failures = Counter[str]()
        self._gave_up = False

    @property
    def finishing(self) -> bool:
        """Whether no more is begun."""
        return self._gave_up or self._stopping.asked > 0

    def next(self) -> Assignment | Literal["wait", "finished"]:
        """What the next free worker is to do. ``wait``: nothing now, but a trial that runs may have to be run again."""
        if self.finishing:
            return "finished"
        if self._retries:
            trial_id, resources = self._retries.popleft()
            known = self._known[trial_id]
            known.begin_again(resources)
            return self._assigned(known)
        if self._fresh:
            self._sort()
            fresh = self._fresh.pop()
            known = _Trial(spec=fresh, attempt=self._listener.attempts(fresh) + 1)
            self._known[fresh.trial_id] = known
            return self._assigned(known)
        return "wait" if self._known else "finished"

    def _sort(self) -> None:
        """Anew for each correction of the costs, which are few, whatever the number of trials."""
        if self._sorted_by != self._costs.corrections:
            self._sorted_by = self._costs.corrections
            self._fresh.sort(key=lambda trial: self._costs.seconds(trial.trial_id))

    def _assigned(self, known: _Trial) -> Assignment:
        content = self._listener.newest_checkpoint(known.spec)
        return Assignment(trial=known.spec, attempt=known.attempt, checkpoint=content)

    def started(self, trial_id: str, attempt: int, now: float) -> None:
        """A worker has begun it."""
        known = self._running(trial_id, attempt)
        if known and known.since is None:
            known.since = now
            self._listener.started(known.spec, attempt)

    def progressed(self, trial_id: str, attempt: int, report: EpochReport) -> None:
        """An epoch is over."""
        known = self._begun(trial_id, attempt)
        if known and report.epoch > known.reached:
            known.reached = report.epoch
            known.gained = known.gained or report.epoch > known.epoch
            known.epoch = max(known.epoch, report.epoch)
            self._listener.progressed(known.spec, report)

    def checkpointed(self, trial_id: str, attempt: int, checkpoint: Checkpoint) -> None:
        """It could go on from there."""
        known = self._begun(trial_id, attempt)
        if known:
            self._listener.checkpointed(known.spec, checkpoint)

    def ended(self, trial_id: str, attempt: int, result: TrialResult, at: float) -> None:
        """The attempt has come to an end by itself, ``at`` in seconds since 1970."""
        known = self._begun(trial_id, attempt)
        if known is None:
            return
        if result.error is None:
            seconds = seconds_of_whole(result, at)
            if seconds is not None:
                self._costs.learn(trial_id, seconds)
            self._settle(known, result)
        else:
            self._failed(known, result, result.error)

    def lost(self, trial_id: str, attempt: int, error: TrialError, now: float, at: float) -> None:
        """The attempt has ended without a result; ``now`` as for ``started``, and ``at`` in seconds since 1970."""
        known = self._running(trial_id, attempt)
        if known is None:
            return
        if known.overdue:
            limit = known.spec.resources.time_limit
            error = TrialError(kind="time-limit", message=f"ran longer than resources.time_limit, {limit}")
        ran = 0.0 if known.since is None else now - known.since
        self._failed(known, TrialResult(trial_id=trial_id, status="failed", started=at - ran, error=error), error)

    def overdue(self, now: float) -> list[tuple[str, int]]:
        """The attempts whose time is up, each once; they are to be ended, and ``lost`` told of it."""
        found = []
        for trial_id, known in self._known.items():
            if known.running and known.since is not None and not known.overdue:
                known.overdue = now - known.since > known.spec.resources.time_limit_seconds
                if known.overdue:
                    found.append((trial_id, known.attempt))
        return found

    def withdraw(self, trial_id: str, attempt: int) -> bool:
        """Take back an attempt that no worker has begun, because no more are; whether that could be done."""
        known = self._running(trial_id, attempt)
        if known is None or known.since is not None or not self.finishing:
            return False
        del self._known[trial_id]
        return True

    def put_back(self, trial_id: str, attempt: int) -> bool:
        """An attempt that no worker has begun is to be handed out anew; whether that could be done."""
        known = self._running(trial_id, attempt)
        if known is None or known.since is not None:
            return False
        known.running = False
        self._retries.appendleft((trial_id, known.spec.resources))
        return True

    def _failed(self, known: _Trial, result: TrialResult, error: TrialError) -> None:
        if known.gained:
            known.losses.clear()
        known.losses[error.kind] += 1
        retry = decide(error, known.losses[error.kind], known.spec.resources, self._capacity)
        if retry is None:
            self._settle(known, result)
            self._count(error)
            return
        known.running = False
        self._retries.append((known.spec.trial_id, retry.resources))
        self._listener.lost(known.spec, known.attempt, error, known.reached)

    def _settle(self, known: _Trial, result: TrialResult) -> None:
        del self._known[known.spec.trial_id]
        self._listener.finished(known.spec, known.attempt, result)

    def _count(self, error: TrialError) -> None:
        """The same bug in several trials will be in the others too."""
        place = fingerprint(error)
        self._failures[place] += 1
        if place and self._failures[place] == SAME_FAILURES and not self._gave_up:
            self._gave_up = True
            self._listener.gave_up(error, SAME_FAILURES)

    def _running(self, trial_id: str, attempt: int) -> _Trial | None:
        known = self._known.get(trial_id)
        return known if known and known.running and known.attempt == attempt else None

    def _begun(self, trial_id: str, attempt: int) -> _Trial | None:
        known = self._running(trial_id, attempt)
        return known if known and known.since is not None else None
