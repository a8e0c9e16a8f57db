"""What this machine has for trials, as far as can be told without Ray and without a library for GPUs."""

from __future__ import annotations

import os
import shutil
import subprocess
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


def gpu_memory() -> tuple[int, ...]:
    """Bytes of each GPU of this machine, by NVIDIA's own program; none where that is not installed or does not work."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    sizes = told.stdout.split() if told.returncode == 0 else []
    # A GPU that is cut into parts says [N/A].
    return tuple(int(size) * 2**20 for size in sizes) if all(map(str.isdecimal, sizes)) else ()
