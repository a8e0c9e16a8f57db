"""A run as a queue: slots that train, one driver that serves them, one process that writes to MLflow. Pure.

A slot trains, then asks the driver: to hear a report, after which it trains on, or to record a result and be given the
next trial. It waits until it has been served; the driver serves one slot after the other, first come, first served. So
the slots are a closed network (the machine repairman's): the busier the driver, the fewer of them ask. The process that
writes to MLflow follows behind: nobody waits for it, and what it has not written yet is its lag.

``Bounds`` is the same on paper (operational analysis: Denning and Buzen, "The Operational Analysis of Queueing Network
Models", ACM Computing Surveys 10(3), 1978). ``simulate`` says what becomes of it between the bounds.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Service:
    """Seconds of service.

    Attributes:
        trial: of the driver, to hand out a trial and to make its result durable.
        report: of the driver, to hear a report of a running trial.
        slot: of the driver, more for either, for each slot that there is: Tune looks at all running trials at each
            event.
        store: of the process that writes to MLflow, for a trial.
    """

    trial: float
    report: float
    slot: float
    store: float

    def at(self, slots: int) -> tuple[float, float]:
        """Of a trial's end and of a report, where there are so many slots."""
        return self.trial + slots * self.slot, self.report + slots * self.slot


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of a run.

    Attributes:
        slots: trials that train at a time.
        seconds: of a trial's training.
        every: seconds of training between two reports of a trial; infinity for none.
    """

    slots: int
    seconds: float
    every: float = math.inf

    @property
    def reports(self) -> int:
        """Of a trial of just that length, its end aside."""
        return max(math.ceil(self.seconds / self.every) - 1, 0)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What no run can exceed, in trials a second.

    Attributes:
        asked: what the slots would ask for if nobody had to wait.
        driver: what the driver serves, with the reports that come with each trial.
        store: what the process that writes to MLflow serves; beyond it, its lag grows.
    """

    asked: float
    driver: float
    store: float

    @classmethod
    def of(cls, load: Load, service: Service) -> Bounds:
        """On paper."""
        trial, report = service.at(load.slots)
        served = trial + load.reports * report
        return cls(
            asked=load.slots / (load.seconds + served),
            driver=1 / served if served else math.inf,
            store=1 / service.store if service.store else math.inf,
        )

    @property
    def throughput(self) -> float:
        """The lower of what is asked and what the driver serves. MLflow holds up nobody."""
        return min(self.asked, self.driver)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What came of a simulated run, over its whole length.

    Attributes:
        seconds: until the last trial was recorded.
        trials: how many were.
        busy: seconds in which the driver served.
        visits: how often it was asked.
        waited: seconds that all visits together waited before they were served.
        lag: seconds that MLflow was behind at the end.
    """

    seconds: float
    trials: int
    busy: float
    visits: int
    waited: float
    lag: float

    @property
    def throughput(self) -> float:
        """Trials a second."""
        return self.trials / self.seconds

    @property
    def utilisation(self) -> float:
        """The part of the time in which the driver served."""
        return self.busy / self.seconds

    @property
    def wait(self) -> float:
        """Seconds before a visit is served, on average."""
        return self.waited / self.visits


def simulate(load: Load, service: Service, trials: int, *, random: np.random.Generator | None = None) -> Simulated:
    """Run ``trials`` trials.

    Args:
        load: what the slots ask for.
        service: what that takes.
        trials: how many there are; slots that get none are idle.
        random: draws the trials' lengths, exponentially distributed around ``load.seconds``; without, all are equal.
            Slots begin one after the other, as the driver hands trials out.
    """
    trial_service, report_service = service.at(load.slots)

    def length() -> float:
        return load.seconds if random is None else float(random.exponential(load.seconds))

    # Slots by when they ask next, and the training that they then have left. All ask for a first trial at once.
    asking: list[tuple[float, int, float]] = []
    driver = store = busy = waited = 0.0
    begun = recorded = visits = 0
    while begun < min(load.slots, trials):
        _train(asking, begun, driver, length(), load.every)
        begun += 1
    while recorded < trials:
        now, slot, left = heapq.heappop(asking)
        served = report_service if left else trial_service
        waited += max(driver - now, 0.0)
        visits, busy, driver = visits + 1, busy + served, max(driver, now) + served
        if left:
            _train(asking, slot, driver, left, load.every)
            continue
        recorded += 1
        store = max(store, driver) + service.store
        if begun < trials:
            begun += 1
            _train(asking, slot, driver, length(), load.every)
    return Simulated(seconds=driver, trials=trials, busy=busy, visits=visits, waited=waited, lag=store - driver)


def _train(asking: list[tuple[float, int, float]], slot: int, now: float, seconds: float, every: float) -> None:
    """Let a slot train for what is left of its trial, or until its next report."""
    heapq.heappush(asking, (now + min(seconds, every), slot, max(seconds - every, 0.0)))
