"""How long a trial will take, guessed before anything has run."""

from __future__ import annotations

from dsn.config import RunConfig
from dsn.cost import Cost

STEP_OVERHEAD = 4e-3
"""Seconds of a training step that do not depend on its size: framework calls and the optimiser."""

OPERATIONS_PER_SECOND = 8e10
"""Of one core that trains with the torch engine, dense operations; measured on a 2-core AVX-512 server."""

BACKWARD = 2
"""The backward pass computes two products for each of the forward pass: for the inputs and for the weights."""


def estimated_seconds(config: RunConfig, cost: Cost, train_n: int, test_n: int) -> float:
    """Wall-clock seconds of one trial on one core, within a factor of about two."""
    steps = config.training.steps_per_epoch(train_n) * config.training.epochs
    training = (
        steps * STEP_OVERHEAD
        + config.training.epochs * train_n * cost.flops_masked * (1 + BACKWARD) / OPERATIONS_PER_SECOND
    )
    tests = 1 + config.training.tests
    return training + tests * test_n * cost.flops_masked / OPERATIONS_PER_SECOND
