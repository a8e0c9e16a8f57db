"""What many training steps add to the memory of their process: nothing, where all buffers are allocated once."""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.made_up import made_up_config
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.steps import training_steps
from benchmarks.table import Table, Value
from benchmarks.training_step import MOMENTS, Moments
from dsn.config import ModelConfig, SparsityConfig

CHANNELS, BATCH, LENGTH = 48, 2, 24
"""Small, so that many steps take seconds: a buffer that is kept at each of them shows whatever its size."""

_KIB, _MIB = 2**10, 2**20


def growth(effort: Effort) -> list[Table]:
    """Every engine under both moments, each in a process of its own."""
    rows: list[tuple[Value, ...]] = []
    for name in usable_engines():
        # PyTorch takes more than ten times as long, and a tenth of the steps would show a leak too.
        steps = effort.steps if name == "native" else effort.steps // 10
        for moments in MOMENTS:
            say(f"memory over {steps} steps: {name}, {moments}")
            with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
                before, after = pool.submit(resident_around, name, moments, steps).result()
            rows.append((name, moments, steps, before / _MIB, after / _MIB, (after - before) / _KIB))
    return [
        Table(
            title="Growth of memory",
            columns={
                "engine": "",
                "moments": "",
                "steps": ",d",
                "MiB before": ".1f",
                "MiB after": ".1f",
                "growth, KiB": ".0f",
            },
            rows=rows,
            notes=(
                "Resident set of a new process before and after the steps; it has done a tenth as many already.",
                f"A network of {CHANNELS} channels, B{BATCH} L{LENGTH}, S=0.8.",
                "What PyTorch's process holds goes up and down by a MiB or two.",
            ),
        )
    ]


def resident_around(name: str, moments: Moments, steps: int) -> tuple[float, float]:
    """Bytes that this process holds before and after so many steps of an engine that has done a tenth as many."""
    made_up = made_up_config(SparsityConfig(initial="random", moments=moments))
    run = training_steps(name, replace(made_up, model=ModelConfig(channels=CHANNELS)), batch=BATCH, length=LENGTH)
    run(steps // 10)
    before = resident_bytes()
    run(steps)
    return before, resident_bytes()


def resident_bytes() -> float:
    """What this process holds in physical memory; NaN where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return math.nan
    return float(pages) * os.sysconf("SC_PAGE_SIZE")
