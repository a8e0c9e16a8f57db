"""Independent streams of random numbers from one seed.

Arms of a study that share a seed draw the same initial weights (for parameters of equal shape), the same batch order
and, where the number of draws is equal, the same topology: that is what "paired seeds" means. All draws are made with
numpy on the host, so that every engine sees the same numbers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["weights", "order", "topology", "exploration"]

# The position is part of every result: append, never reorder.
_STREAMS: tuple[Stream, ...] = ("weights", "order", "topology", "exploration")


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """The ``index``-th generator of ``stream`` under ``seed``.

    Weights and topologies take one index a parameter, so that a change of one layer leaves the draws of all others
    alone.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS.index(stream), index)))
