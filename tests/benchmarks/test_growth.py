"""The memory that a process holds, before and after."""

from __future__ import annotations

import math
import mmap

import pytest

import benchmarks.growth
from benchmarks.growth import resident_around, resident_bytes

MIB = 2**20


def test_what_is_kept_at_a_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    if math.isnan(resident_bytes()):
        pytest.skip("the system does not tell")
    kept: list[mmap.mmap] = []
    monkeypatch.setattr(
        benchmarks.growth,
        "training_steps",
        lambda *_, **__: lambda number: kept.extend(_pages() for _ in range(number)),
    )
    before, after = resident_around("torch", "fresh", 100)
    assert len(kept) == 110
    # A MiB each; what else this process holds may change by a few meanwhile.
    assert 80 * MIB < after - before < 120 * MIB


def _pages() -> mmap.mmap:
    """A MiB from the system itself: an allocator would hand out again what an earlier test has freed."""
    pages = mmap.mmap(-1, MIB)
    pages.write(b"1" * MIB)
    return pages
