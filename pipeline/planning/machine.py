"""What this machine has for trials, as far as can be told without Ray and without a library for GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.planning.capacity import Capacity, local_cpus

_GPUS = Path("/proc/driver/nvidia/gpus")
"""NVIDIA's driver has a folder a GPU there."""


def this_machine(*, gpus: Path = _GPUS) -> Capacity:
    """Cores and GPUs. How much memory Ray will set aside for trials is not known before it runs."""
    return Capacity.of_one(cpus=local_cpus(), gpus=local_gpus(gpus))


def local_gpus(folder: Path = _GPUS) -> int:
    """GPUs that this process may use: those that the driver lists, or fewer if CUDA_VISIBLE_DEVICES names fewer."""
    try:
        there = sum(1 for _ in folder.iterdir())
    except OSError:
        return 0  # no driver of NVIDIA's
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if named is None else min(there, sum(1 for each in named.split(",") if each.strip()))
