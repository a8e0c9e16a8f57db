"""Benches on which faults are really caused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench
from empty_store import put_empty_store


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(folder=tmp_path)
    put_empty_store(bench.workspace / "mlflow.db")
    yield bench
    bench.end()
