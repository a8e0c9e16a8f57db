"""Training steps to be timed: of an engine, or of the published code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.interleaved import Steps
from benchmarks.made_up import SEED, initial_masks, made_up_batches, made_up_data
from dsn.config import RunConfig
from dsn.engines import ENGINES

PUBLISHED = "published"

RATE = 3e-4
"""The learning rate, the published one."""


def training_steps(name: str, config: RunConfig, *, batch: int, length: int) -> Steps:
    """Steps on noise, under the masks that a training begins with.

    Args:
        name: a key of ``dsn.engines.ENGINES``, or ``PUBLISHED``.
        config: what to train.
        batch: series of a mini-batch.
        length: time points of a series.
    """
    data, batches, masks = made_up_data(batch=batch, length=length), made_up_batches(batch), initial_masks(config)
    if name == PUBLISHED:
        # An engine's own start, which is measured with this function too, has no use for it.
        from benchmarks.published_step import PublishedStep

        return _calls(PublishedStep(config, data, seed=SEED, masks=masks).train, batches)
    engine = ENGINES[name](config, data, seed=SEED, device="cpu")
    engine.set_masks(masks)
    return _calls(engine.train, batches)


def _calls(train: Callable[[Sequence[NDArray[np.intp]], float], object], batches: Sequence[NDArray[np.intp]]) -> Steps:
    """Steps in calls of all batches, as in epochs, and a last call of fewer."""

    def run(number: int) -> None:
        whole, rest = divmod(number, len(batches))
        for _ in range(whole):
            train(batches, RATE)
        if rest:
            train(batches[:rest], RATE)

    return run
