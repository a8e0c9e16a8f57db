"""The memory that a process holds, before and after."""

from __future__ import annotations

import math

import numpy as np
import pytest

import benchmarks.growth
from benchmarks.growth import resident_around, resident_bytes

MIB = 2**20


def test_what_is_kept_at_a_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    if math.isnan(resident_bytes()):
        pytest.skip("the system does not tell")
    kept: list[np.ndarray] = []
    monkeypatch.setattr(
        benchmarks.growth,
        "training_steps",
        lambda *_, **__: lambda number: kept.extend(np.ones(MIB // 8) for _ in range(number)),
    )
    before, after = resident_around("torch", "fresh", 100)
    assert len(kept) == 110
    # A MiB each; what else this process holds may change by a few meanwhile.
    assert 80 * MIB < after - before < 120 * MIB
