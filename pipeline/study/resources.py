"""What a trial may use: a study file's ``resources``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from dsn.config import STRICT
from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, require_limits
from pipeline.study.quantities import BYTES, SECONDS, quantity

SMALLEST_SHARE = 0.0001
"""Of a GPU: what Ray counts in."""

LEAST_MEMORY = 100_000_000
"""Bytes: with less PyTorch cannot load what it loads late, and fails in words that say nothing of memory."""

AUTO = "auto"
"""Of ``gpu_memory``: as much as is estimated."""

QUANTITIES = {"time_limit": SECONDS, "memory": BYTES, "gpu_memory": BYTES}
"""Keys of ``Resources`` that are written with a unit."""

WORDS = {"gpu_memory": (AUTO,)}
"""What else may be written there."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial may use.

    Attributes:
        cpus: cores that are set aside for it, and threads that it computes with on the CPU. They make a trial shorter,
            a study only where it has fewer trials than the machine has cores. The native engine's results are the same
            to the bit for any number, PyTorch's differ in rounding as between processors.
        gpus: below 1, several trials share a GPU. Where there are none, trials run on the CPU.
        gpu_memory: with ``gpus: 1``, what a trial takes of its GPU's memory, such as ``2GB``, or ``auto`` for an
            estimate: as many share a GPU as its memory bears, and none may take more than its part. One that needs more
            is tried again with twice the part. null: ``gpus`` says how many share one.
        time_limit: how long one attempt of a trial may run before it is ended and recorded as failed: ``90s``, ``2h``;
            null for as long as it takes.
        memory: what a trial may take on top of what its worker needs to begin, such as ``500MB`` or ``2GB``; one that
            takes more is tried again with twice as much, while the machine has it. null sets no limit.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    cpus: int = limited(1, Limits(least=1, most=100_000))
    gpus: float = limited(0, Limits(least=0, below=1000))
    gpu_memory: str | None = None
    time_limit: str | None = None
    memory: str | None = None

    def __post_init__(self) -> None:
        require_limits(self)
        for key, units in QUANTITIES.items():
            written = getattr(self, key)
            if written is not None and written not in WORDS.get(key, ()):
                try:
                    quantity(written, units)
                except ValueError as error:
                    problem = ", or ".join([str(error), *WORDS.get(key, ())])
                    raise InvalidInput(problem, key=key, value=written) from None
        if 0 < self.gpus < SMALLEST_SHARE or (self.gpus > 1 and self.gpus != int(self.gpus)):
            problem = f"must be a part of one GPU, 0 or at least {SMALLEST_SHARE}, or a whole number"
            raise InvalidInput(problem, key="gpus", value=self.gpus)
        if self.gpu_memory is not None and self.gpus != 1:
            problem = "divides one GPU among trials, so resources.gpus must be 1"
            raise InvalidInput(problem, key="gpu_memory", value=self.gpu_memory)
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

    @property
    def gpu_memory_bytes(self) -> int | None:
        """What a trial takes of its GPU's memory; None where that says nothing, and while it is ``AUTO``."""
        return None if self.gpu_memory in (None, AUTO) else int(quantity(self.gpu_memory, BYTES))

    def without_gpu(self) -> Resources:
        """The same on the CPU."""
        return replace(self, gpus=0, gpu_memory=None)

    def with_share(self, share: float) -> Resources:
        """The same with that part of a GPU, however it came about."""
        return replace(self, gpus=share, gpu_memory=None)

    def with_memory(self, size: int) -> Resources:
        """The same, but for a limit of ``size`` bytes."""
        return replace(self, memory=f"{size}B")
