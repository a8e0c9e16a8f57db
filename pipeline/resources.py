"""What a trial may use, and what of that a machine or cluster can give."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from dsn.config import STRICT
from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, require_limits
from pipeline.quantities import BYTES, SECONDS, quantity

OBJECT_STORE = 200 * 2**20
"""Bytes that Ray sets aside for what travels between processes: plans and results, never a data set."""

SMALLEST_SHARE = 0.0001
"""Of a GPU: what Ray counts in."""

LEAST_MEMORY = 100_000_000
"""Bytes: with less PyTorch cannot load what it loads late, and fails in words that say nothing of memory."""

QUANTITIES = {"time_limit": SECONDS, "memory": BYTES}
"""Keys of ``Resources`` that are written with a unit."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial may use.

    Attributes:
        cpus: cores that are set aside for it, and threads that it computes with on the CPU. They make a trial shorter,
            a study only where it has fewer trials than the machine has cores. The native engine's results are the same
            to the bit for any number, PyTorch's differ in rounding as between processors.
        gpus: below 1, several trials share a GPU. Where there are none, trials run on the CPU.
        time_limit: how long one attempt of a trial may run before it is ended and recorded as failed: ``90s``, ``2h``;
            null for as long as it takes.
        memory: what a trial may take on top of what its worker needs to begin, such as ``500MB`` or ``2GB``; one that
            takes more is tried again with twice as much, while the machine has it. null sets no limit.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    cpus: int = limited(1, Limits(least=1, most=100_000))
    gpus: float = limited(0, Limits(least=0, below=1000))
    time_limit: str | None = None
    memory: str | None = None

    def __post_init__(self) -> None:
        require_limits(self)
        for key, units in QUANTITIES.items():
            written = getattr(self, key)
            if written is not None:
                try:
                    quantity(written, units)
                except ValueError as error:
                    raise InvalidInput(str(error), key=key, value=written) from None
        if 0 < self.gpus < SMALLEST_SHARE or (self.gpus > 1 and self.gpus != int(self.gpus)):
            problem = f"must be a part of one GPU, 0 or at least {SMALLEST_SHARE}, or a whole number"
            raise InvalidInput(problem, key="gpus", value=self.gpus)
        if self.memory_bytes is not None and self.memory_bytes < LEAST_MEMORY:
            raise InvalidInput("must be at least 100MB", key="memory", value=self.memory)

    @property
    def time_limit_seconds(self) -> float:
        """How long an attempt may run; infinite without a limit."""
        return math.inf if self.time_limit is None else quantity(self.time_limit, SECONDS)

    @property
    def memory_bytes(self) -> int | None:
        """What a trial may take; None without a limit."""
        return None if self.memory is None else int(quantity(self.memory, BYTES))

    def with_memory(self, size: int) -> Resources:
        """The same, but for a limit of ``size`` bytes."""
        return replace(self, memory=f"{size}B")


def local_cpus() -> int:
    """Cores that this process may use: those of its affinity, or fewer if its container's quota is smaller."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores  # no control group, or one of another kind: there is no quota to keep
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What there is: cores, GPUs, and bytes of memory for trials where that is known."""

    cpus: int
    gpus: int
    memory: int | None = None

    def fitted(self, wanted: Resources) -> Resources:
        """What a trial gets: no GPU where there is none.

        Raises:
            InvalidInput: no trial would ever start.
        """
        given = wanted if self.gpus else replace(wanted, gpus=0)
        for key, there in (("cpus", self.cpus), ("gpus", self.gpus)):
            if getattr(given, key) > there:
                problem = f"is more than there is, {there}: no trial could start"
                raise InvalidInput(problem, key=f"resources.{key}", value=getattr(wanted, key))
        if self.memory is not None and (given.memory_bytes or 0) > self.memory:
            problem = f"is more than there is for trials, {self.memory // 10**6}MB: no trial could start"
            raise InvalidInput(problem, key="resources.memory", value=wanted.memory)
        return given

    def slots(self, each: Resources) -> int:
        """How many trials run at a time."""
        return max(1, min(self.cpus // each.cpus, self._gpu_slots(each.gpus), self._memory_slots(each.memory_bytes)))

    def _memory_slots(self, wanted: int | None) -> int:
        return self.cpus if wanted is None or self.memory is None else self.memory // wanted

    def _gpu_slots(self, wanted: float) -> int:
        """Trials that the GPUs bear: a share lies on one of them."""
        if not wanted:
            return self.cpus
        # From the decimal that was written: 1 // 0.2 is 4 in floating point.
        share = Fraction(repr(float(wanted)))
        return self.gpus * int(1 / share) if share <= 1 else int(self.gpus // share)
