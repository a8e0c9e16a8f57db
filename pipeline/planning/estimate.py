"""How long a trial will take, guessed before anything has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsn.architecture import is_sparse
from dsn.config import RunConfig
from dsn.cost import Cost
from dsn.engine_choice import choose_engine
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from pipeline.study.resources import Resources

SERIAL = 0.1
"""Of the operations, what threads do not share out (Amdahl 1967). The native engine's profile on one core says 0.001 to
0.03; the rest is a guess for what they wait for each other and for memory, on the careful side."""

BACKWARD = 2
"""The backward pass computes two products for each of the forward pass: for the inputs and for the weights."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast one core trains with an engine, measured on a 2-core AVX-512 server.

    Attributes:
        overhead: seconds of a training step that do not depend on its size, nor on the number of cores.
        operations: a second.
    """

    overhead: float
    operations: float


PACES: Mapping[str, Pace] = {
    "torch": Pace(overhead=4e-3, operations=8e10),
    "native": Pace(overhead=3.5e-4, operations=1.4e11),
}


def estimated_seconds(config: RunConfig, cost: Cost, train_n: int, test_n: int, engine: str, *, cpus: int = 1) -> float:
    """Wall-clock seconds of one trial; ``engine`` is a key of ``PACES``. On one core they are right within a factor of
    about two."""
    pace = PACES[engine]
    operations = pace.operations / (SERIAL + (1 - SERIAL) / cpus)
    forward = cost.flops if engine == "native" else cost.flops_masked
    backward = BACKWARD * forward
    if engine == "native" and _dense_moments(config):
        backward = forward + cost.flops_masked
    steps = config.training.steps_per_epoch(train_n) * config.training.epochs
    training = steps * pace.overhead + config.training.epochs * train_n * (forward + backward) / operations
    tests = 1 + config.training.tests
    return training + tests * test_n * forward / operations


def expected_engine(asked: str, resources: Resources) -> str:
    """What the trials of a study will be computed with if the machines that run them are like this one.

    Raises:
        InvalidInput: the environment asks for an instruction set that does not exist.
    """
    if asked != "auto":
        return asked
    return choose_engine(asked, "cuda" if resources.gpus else "cpu").name


def _dense_moments(config: RunConfig) -> bool:
    """Whether inactive weights need gradients too, for Adam's moments: those of all positions are kept or looked at."""
    sparsity = config.sparsity
    if not (is_sparse(config.model, sparsity) and sparsity.explore):
        return False
    return sparsity.moments == "warm" or "momentum" in DROP[sparsity.drop].needs | GROW[sparsity.grow].needs
