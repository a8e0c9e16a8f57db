"""How much is exchanged, and when.

A schedule is the shape of the exchanged fraction over time: which share of the way from ``initial_fraction`` down to
``final_fraction`` is still ahead. Adding one is a function here, a line in SCHEDULES, and its name in
``dsn.config.SparsityConfig.schedule``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput

Schedule = Callable[[float, float], float]
"""(t, T) -> the share that is still ahead at step t < T: 1 at the beginning, and never rising."""


def cosine(t: float, end: float) -> float:
    """(1 + cos(pi * t / T)) / 2: the paper's, after SNFS (Dettmers 2019) and RigL (Evci 2020)."""
    return (1 + math.cos(math.pi * t / end)) / 2


def constant(t: float, end: float) -> float:
    """1: the initial fraction until T, as in SET (Mocanu 2018)."""
    return 1.0


def linear(t: float, end: float) -> float:
    """1 - t / T: the inverse power of exponent 1 in RigL's appendix (Evci 2020)."""
    return 1 - t / end


def inverse_power(t: float, end: float) -> float:
    """(1 - t / T)^3: RigL's appendix (Evci 2020) with the exponent of gradual pruning (Zhu and Gupta 2017)."""
    return (1 - t / end) ** 3


SCHEDULES: Mapping[str, Schedule] = {
    "cosine": cosine,
    "constant": constant,
    "linear": linear,
    "inverse-power": inverse_power,
}


def update_period(sparsity: SparsityConfig, steps_per_epoch: int) -> int:
    """How many steps lie between two mask updates."""
    return sparsity.update_every * (steps_per_epoch if sparsity.update_unit == "epochs" else 1)


def updates_due(sparsity: SparsityConfig, done: int, steps_per_epoch: int) -> range:
    """The steps of one epoch at which masks change. They count from 1 over the whole training; ``done`` lie before."""
    if not sparsity.explore or sparsity.level == "dense":
        return range(0)
    period = update_period(sparsity, steps_per_epoch)
    return range(done + period - done % period, done + steps_per_epoch + 1, period)


def require_steps(sparsity: SparsityConfig, steps_per_epoch: int) -> None:
    """Check that updates leave gradient steps to train with.

    Raises:
        InvalidInput: one would take the place of every step.
    """
    if sparsity.explore and sparsity.update_timing == "replaces-step" and update_period(sparsity, steps_per_epoch) == 1:
        reason = "an epoch has one batch here, and" if sparsity.update_unit == "epochs" else "at every step"
        raise InvalidInput(
            f"leaves no gradient step: {reason} an update takes its place", key="sparsity.update_every", value=1
        )


def exchanged_fraction(sparsity: SparsityConfig, step: int, total_steps: int) -> float:
    """The part of a group's active weights that an update at ``step`` (from 1) of ``total_steps`` exchanges.

    f + (i - f) * schedule(t, T), T = explore_until * total_steps, and f from T on: with the published code's settings
    0.001 + 0.2495 * (1 + cos(pi * t / T)), with the paper's 0.25 * (1 + cos(pi * t / T)), T = all steps.
    """
    start, floor = sparsity.initial_fraction, sparsity.final_fraction
    end = sparsity.explore_until * total_steps
    if step >= end:
        return floor
    return floor + (start - floor) * SCHEDULES[sparsity.schedule](step, end)
