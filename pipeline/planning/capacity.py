"""What a machine or cluster has, and how many trials that bears."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.study.resources import Resources

OBJECT_STORE = 200 * 2**20
"""Bytes that Ray sets aside for what travels between processes: plans and results, never a data set."""


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
