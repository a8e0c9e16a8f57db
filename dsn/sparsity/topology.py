"""Initial topologies: which weights are active before the first step. INITIAL lists them.

A topology returns one score a position of a group's block, shaped (channels, in_channels, region); the trainer turns on
the highest. Adding one is a function here, a line in INITIAL, and its name in
``dsn.config.SparsityConfig.initial``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Topology = Callable[[tuple[int, int, int], np.random.Generator], NDArray[np.float64]]


def sequential(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Fill the region tap by tap: all kernels' tap 0 first, in order (tap, out, in), as the published code does."""
    channels, inputs, taps = shape
    order = np.arange(taps * channels * inputs, dtype=np.float64).reshape(taps, channels, inputs)
    return -order.transpose(1, 2, 0)


def random(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Uniformly over the region."""
    return rng.random(shape)


INITIAL: Mapping[str, Topology] = {"sequential": sequential, "random": random}
