"""How much is exchanged, and when."""

from __future__ import annotations

import math

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput


def update_due(sparsity: SparsityConfig, epoch: int) -> bool:
    """Whether masks change in the last step of ``epoch`` (from 1): at epochs update_every, 2 * update_every, ..."""
    return sparsity.explore and sparsity.level != "dense" and epoch % sparsity.update_every == 0


def require_steps(sparsity: SparsityConfig, steps_per_epoch: int) -> None:
    """Check that updates leave gradient steps to train with.

    Raises:
        InvalidInput: each would take the place of the only one.
    """
    if sparsity.update_timing == "replaces-step" and steps_per_epoch == sparsity.update_every == 1 and sparsity.explore:
        raise InvalidInput(
            "leaves no gradient step: an epoch has one batch here, and an update takes its place",
            key="sparsity.update_every",
            value=1,
        )


def exchanged_fraction(sparsity: SparsityConfig, step: int, total_steps: int) -> float:
    """The part of a group's active weights that an update at ``step`` (from 1) of ``total_steps`` exchanges.

    f + (i - f) / 2 * (1 + cos(pi * t / T)), T = explore_until * total_steps, and f from T on: with the published code's
    settings 0.001 + 0.2495 * (1 + cos(pi * t / T)), with the paper's 0.25 * (1 + cos(pi * t / T)), T = all steps.
    """
    start, floor = sparsity.initial_fraction, sparsity.final_fraction
    end = sparsity.explore_until * total_steps
    if step >= end:
        return floor
    return floor + (start - floor) / 2 * (1 + math.cos(math.pi * step / end))
