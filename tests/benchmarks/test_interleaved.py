"""Turns, blocks and ratios, on a clock that only the competitors move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from benchmarks.interleaved import Spread, Timings, take_turns


class Clock:
    """Stands still but for the steps that are done, and notes who did how many."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[tuple[str, int]] = []

    def __call__(self) -> float:
        return self.now

    def competitor(self, name: str, seconds: Iterator[float]) -> Callable[[int], None]:
        def steps(number: int) -> None:
            self.turns.append((name, number))
            self.now += sum(next(seconds) for _ in range(number))

        return steps


def test_blocks_last_equally_long_and_who_begins_a_round_ends_the_next() -> None:
    clock = Clock()
    # Powers of two: the sums are exact.
    competitors = {
        "slow": clock.competitor("slow", repeat(2.0)),
        "fast": clock.competitor("fast", repeat(0.25)),
        "medium": clock.competitor("medium", repeat(0.5)),
    }
    timings = take_turns(competitors, rounds=3, block_seconds=1, clock=clock)
    warm_up = [(name, 1) for name in competitors for _ in range(3)]
    slow, fast, medium = ("slow", 1), ("fast", 4), ("medium", 2)
    assert clock.turns == [*warm_up, slow, fast, medium, fast, medium, slow, medium, slow, fast]
    assert timings.seconds == {"slow": (2.0,) * 3, "fast": (0.25,) * 3, "medium": (0.5,) * 3}
    assert timings.speed_up("fast", over="slow") == Spread(median=8, lower=8, upper=8)


def test_neither_the_first_step_nor_one_disturbance_decides_the_size_of_blocks() -> None:
    clock = Clock()
    take_turns(
        {"one": clock.competitor("one", chain([64.0, 16.0], repeat(0.25)))}, rounds=1, block_seconds=1, clock=clock
    )
    assert clock.turns[-1] == ("one", 4)


def test_drift_that_meets_all_alike_is_in_the_times_but_not_in_the_ratios() -> None:
    # The machine is 4 times slower in the second round; in the third, something disturbs one competitor alone.
    timings = Timings(seconds={"a": (1.0, 4.0, 1.0, 1.0, 1.0), "b": (0.5, 2.0, 4.0, 0.5, 0.5)})
    assert timings.of("a") == Spread(median=1, lower=1, upper=1)
    assert timings.speed_up("b", over="a") == Spread(median=2, lower=2, upper=2)
    assert timings.speed_up("a", over="b").median == 0.5


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([3.0], Spread(median=3, lower=3, upper=3)),
        ([1.0, 2.0], Spread(median=1.5, lower=1.25, upper=1.75)),
        ([4.0, 1.0, 3.0, 2.0, 5.0], Spread(median=3, lower=2, upper=4)),
    ],
)
def test_quartiles(values: list[float], spread: Spread) -> None:
    assert Spread.of(values) == spread
