"""Benches on which faults are really caused, and the table of them: `pytest tests/faults -s` prints a line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bench import Bench

Row = Callable[[str, str, int, str], None]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path)


@pytest.fixture
def row() -> Row:
    """Prints a line of the fault table: the fault, how it was caused, how often, and what came of it."""

    def show(fault: str, how: str, times: int, outcome: str) -> None:
        print(f"\n| {fault} | {how} | {times} | {outcome} |")

    return show
