"""What a trial may use, and what of that a machine or cluster can give."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from dsn.config import STRICT
from dsn.errors import InvalidInput
from dsn.limits import Limits, limited, require_limits

OBJECT_STORE = 200 * 2**20
"""Bytes that Ray sets aside for what travels between processes: plans and results, never a data set."""

SMALLEST_SHARE = 0.0001
"""Of a GPU: what Ray counts in."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial may use.

    Attributes:
        cpus: cores that are set aside for it, and threads that it computes with on the CPU. They make a trial shorter,
            a study only where it has fewer trials than the machine has cores. The native engine's results are the same
            to the bit for any number, PyTorch's differ in rounding as between processors.
        gpus: below 1, several trials share a GPU. Where there are none, trials run on the CPU.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    cpus: int = limited(1, Limits(least=1, most=100_000))
    gpus: float = limited(0, Limits(least=0, below=1000))

    def __post_init__(self) -> None:
        require_limits(self)
        if 0 < self.gpus < SMALLEST_SHARE or (self.gpus > 1 and self.gpus != int(self.gpus)):
            problem = f"must be a part of one GPU, 0 or at least {SMALLEST_SHARE}, or a whole number"
            raise InvalidInput(problem, key="gpus", value=self.gpus)


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
    """What there is: cores and GPUs."""

    cpus: int
    gpus: int

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
        return given

    def slots(self, each: Resources) -> int:
        """How many trials run at a time."""
        return max(1, min(self.cpus // each.cpus, self._gpu_slots(each.gpus)))

    def _gpu_slots(self, wanted: float) -> int:
        """Trials that the GPUs bear: a share lies on one of them."""
        if not wanted:
            return self.cpus
        # From the decimal that was written: 1 // 0.2 is 4 in floating point.
        share = Fraction(repr(float(wanted)))
        return self.gpus * int(1 / share) if share <= 1 else int(self.gpus // share)
