"""Comparing speeds on a machine that is not quiet: the competitors take turns, and each round gives one ratio.

A core's speed drifts by tens of per cent, with its clock and with what runs beside it. Within a round of a second or
two it is nearly the same for all, so that the drift cancels out of a round's ratios; the median over rounds ignores
those in which it did not, and the quartiles tell how many there were.

Time is the processor's, of all threads of the process: where a core is ours alone, it is that on the wall; where it is
not, the time in which others had it is left out. A competitor that used more threads would gain nothing by them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Steps = Callable[[int], object]
"""Does so many steps, one after the other."""

_TRIES = 2


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Of one figure over the rounds: its median, and the quartiles around it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of at least one value; quartiles are interpolated between the two nearest values."""
        if len(values) == 1:
            return cls(median=values[0], lower=values[0], upper=values[0])
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median=median, lower=lower, upper=upper)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds of processor time a step: for each competitor one figure a round, in the order of the rounds."""

    seconds: Mapping[str, tuple[float, ...]]

    def of(self, name: str) -> Spread:
        """Seconds a step of one competitor."""
        return Spread.of(list(self.seconds[name]))

    def speed_up(self, name: str, *, over: str) -> Spread:
        """How many times faster ``name`` is than ``over``: ratios of the same round."""
        pairs = zip(self.seconds[over], self.seconds[name], strict=True)
        return Spread.of([slow / fast for slow, fast in pairs])


def take_turns(
    competitors: Mapping[str, Steps],
    *,
    rounds: int,
    block_seconds: float,
    clock: Callable[[], float] = time.process_time,
) -> Timings:
    """Let each competitor do a block of steps in each round; whoever begins a round ends the next.

    Blocks of all competitors last about ``block_seconds``, so that a disturbance of a given length meets each as
    likely; the number of steps in them is found in a warm-up, and is at least 1. The first step of each competitor, in
    which memory is allocated, is not timed.
    """
    sizes = {name: _block_size(steps, block_seconds, clock) for name, steps in competitors.items()}
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    order = list(competitors)
    for _ in range(rounds):
        for name in order:
            seconds[name].append(_timed(competitors[name], sizes[name], clock) / sizes[name])
        order.append(order.pop(0))
    return Timings(seconds={name: tuple(each) for name, each in seconds.items()})


def _block_size(steps: Steps, block_seconds: float, clock: Callable[[], float]) -> int:
    steps(1)
    once = min(_timed(steps, 1, clock) for _ in range(_TRIES))  # a disturbance makes a step longer, never shorter
    return max(1, round(block_seconds / once))


def _timed(steps: Steps, number: int, clock: Callable[[], float]) -> float:
    start = clock()
    steps(number)
    return clock() - start
