"""When a run will end: what its trials cost, and how fast this run gets through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.scheduling.costs import Costs


@dataclass(kw_only=True)
class _Run:
    """A trial that runs.

    Attributes:
        seconds: what it costs.
        since: when it started.
        gap: seconds that its worker stood idle before.
        reports: the first and the last: the part of it that was done, and when.
    """

    seconds: float
    since: float
    gap: float
    reports: tuple[tuple[float, float], ...] = ()

    def add(self, fraction: float, at: float) -> None:
        self.reports = (*self.reports[:1], (fraction, at))

    @property
    def last(self) -> tuple[float, float]:
        return self.reports[-1] if self.reports else (0.0, self.since)

    @property
    def evidence(self) -> tuple[float, float]:
        """Seconds that went by, and those by the costs that were done in them.

        Between the first report and the last, if there are two: a worker's first trial loads libraries and data.
        """
        fraction, seen = self.last
        first, began = self.reports[0] if len(self.reports) > 1 else (0.0, self.since)
        return max(seen - began, 0), self.seconds * (fraction - first)


class TimeLeft:
    """An estimate that is right in scale from the first reports of running trials on, not only when some have ended.

    The costs know of trials that are done. How many seconds of a worker go into a second of theirs is measured here: on
    trials that are done, on the parts that running ones have reported, and on the moments that workers stand idle
    between two.

    Args:
        costs: of the trials; whoever runs them may correct them on the way.
        trial_ids: of those that are to be run.
    """

    def __init__(self, costs: Costs, trial_ids: Iterable[str]) -> None:
        self._costs = costs
        self._waiting = dict.fromkeys(trial_ids, 0.0)
        self._waiting_seconds = 0.0
        self._running: dict[str, _Run] = {}
        self._whole: list[str] = []
        """Trials that this run has trained to the end."""
        self._idle_since: deque[float] = deque()
        self._closed = False
        self._spent = 0.0
        self._work = 0.0
        self._priced_by = costs.corrections
        self._price()

    def started(self, trial_id: str, at: float) -> None:
        seconds = self._waiting.pop(trial_id)
        self._waiting_seconds -= seconds
        gap = max(at - self._idle_since.popleft(), 0) if self._idle_since else 0.0
        self._running[trial_id] = _Run(seconds=seconds, since=at, gap=gap)

    def progressed(self, trial_id: str, fraction: float, at: float) -> None:
        self._running[trial_id].add(fraction, at)

    def finished(self, trial_id: str, at: float, *, whole: bool) -> None:
        """``whole``: it was trained in one go to the end. What one took that was not says nothing of the others."""
        run = self._running.pop(trial_id)
        self._idle_since.append(at)
        if whole:
            self._spent += run.gap + max(at - run.since, 0)
            self._work += run.seconds
            self._whole.append(trial_id)

    def lost(self, trial_id: str, at: float) -> None:
        """It waits again, and what was done of it counts nothing."""
        seconds = self._running.pop(trial_id).seconds
        self._idle_since.append(at)
        self._waiting[trial_id] = seconds
        self._waiting_seconds += seconds
        self._sort()

    def begin_no_more(self) -> None:
        """What waits is not begun in this run."""
        self._closed = True

    def estimate(self, now: float, workers: int) -> tuple[float, bool]:
        """Seconds left, and whether anything measured is in it: at first there may be the plan alone."""
        if self._priced_by != self._costs.corrections:
            self._priced_by = self._costs.corrections
            self._price()
        running = self._running.values()
        evidence = [(self._spent, self._work), *(run.evidence for run in running if run.reports)]
        spent, work = (sum(column) for column in zip(*evidence, strict=True))
        pace = spent / work if spent and work else 1.0
        rest = [max(run.seconds * pace * (1 - run.last[0]) - (now - run.last[1]), 0) for run in running]
        longest_waiting = 0.0 if self._closed else next(iter(self._waiting.values()), 0.0)
        waiting = 0.0 if self._closed else self._waiting_seconds
        # The workers share what is left, but no trial can be shared.
        shared = (sum(rest) + waiting * pace) / workers
        return max(shared, longest_waiting * pace, *rest, 0.0), bool(self._costs.measured or (spent and work))

    def _price(self) -> None:
        """Anew, by what the costs now are: as often as they are corrected, which is seldom."""
        self._waiting = {trial_id: self._costs.seconds(trial_id) for trial_id in self._waiting}
        self._waiting_seconds = sum(self._waiting.values())
        for trial_id, run in self._running.items():
            run.seconds = self._costs.seconds(trial_id)
        self._work = sum(map(self._costs.seconds, self._whole))
        self._sort()

    def _sort(self) -> None:
        """The longest first, as they are begun: so the first is the longest that waits."""
        self._waiting = dict(sorted(self._waiting.items(), key=lambda item: -item[1]))
