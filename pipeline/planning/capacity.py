"""What a machine or a cluster has, and how many trials that bears."""

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
class Host:
    """One machine: its cores, its GPUs, and bytes of memory for trials where that is known; ``name`` in a cluster."""

    name: str = ""
    cpus: int
    gpus: int
    memory: int | None = None

    def slots(self, each: Resources) -> int:
        """How many trials run here at a time."""
        return min(self.cpus // each.cpus, self._gpu_slots(each.gpus), self._memory_slots(each.memory_bytes))

    def _memory_slots(self, wanted: int | None) -> int:
        return self.cpus if wanted is None or self.memory is None else self.memory // wanted

    def _gpu_slots(self, wanted: float) -> int:
        """Trials that the GPUs bear: a share lies on one of them."""
        if not wanted:
            return self.cpus
        # From the decimal that was written: 1 // 0.2 is 4 in floating point.
        share = Fraction(repr(float(wanted)))
        return self.gpus * int(1 / share) if share <= 1 else int(self.gpus // share)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What there is: one host, or those of a cluster. A trial has its place on one of them."""

    hosts: tuple[Host, ...]

    @classmethod
    def of_one(cls, *, cpus: int, gpus: int = 0, memory: int | None = None) -> Capacity:
        """A single machine."""
        return cls(hosts=(Host(cpus=cpus, gpus=gpus, memory=memory),))

    @property
    def cpus(self) -> int:
        return sum(host.cpus for host in self.hosts)

    @property
    def gpus(self) -> int:
        return sum(host.gpus for host in self.hosts)

    def most_memory(self, each: Resources) -> int | None:
        """Bytes that a trial can have at most which is otherwise given what ``each`` says; None: nobody knows."""
        unlimited = replace(each, memory=None)
        return max((host.memory or 0 for host in self.hosts if host.slots(unlimited)), default=0) or None

    def fitted(self, wanted: Resources) -> Resources:
        """What a trial gets: no GPU where there is none.

        Raises:
            InvalidInput: no trial would ever start.
        """
        given = wanted if self.gpus else wanted.without_gpu()
        for key in ("cpus", "gpus"):
            there = max((getattr(host, key) for host in self.hosts), default=0)
            if getattr(given, key) > there:
                problem = f"is more than {self._there_is}, {there}: no trial could start"
                raise InvalidInput(problem, key=f"resources.{key}", value=getattr(wanted, key))
        if not any(host.slots(replace(given, memory=None)) for host in self.hosts):
            problem = f"and as many cores are on no host together ({given.cpus}): no trial could start"
            raise InvalidInput(problem, key="resources.gpus", value=wanted.gpus)
        most = self.most_memory(given)
        if most is not None and (given.memory_bytes or 0) > most:
            problem = f"is more than {self._there_is} for trials, {most // 10**6}MB: no trial could start"
            raise InvalidInput(problem, key="resources.memory", value=wanted.memory)
        return given

    @property
    def _there_is(self) -> str:
        return "there is" if len(self.hosts) == 1 else "any one host has"

    def slots(self, each: Resources) -> int:
        """How many trials run at a time."""
        return max(1, sum(host.slots(each) for host in self.hosts))
