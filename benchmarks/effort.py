"""How long a benchmark may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a benchmark's precision costs.

    Attributes:
        rounds: turns of each competitor.
        block_seconds: how long a turn lasts; one step, where that is longer.
        processes: fresh processes started for each figure of start-up and memory.
        epochs: of a whole training.
        steps: over which memory is watched.
        longest: longer series are cut to it, or left out.
        trials: of a study whose results are read.
    """

    rounds: int
    block_seconds: float
    processes: int
    epochs: int
    steps: int
    longest: int
    trials: int


FULL = Effort(rounds=15, block_seconds=0.2, processes=5, epochs=60, steps=10_000, longest=1000, trials=10_000)
QUICK = Effort(rounds=2, block_seconds=0.005, processes=1, epochs=2, steps=400, longest=24, trials=120)
"""To see that all of it runs; its figures mean nothing."""
