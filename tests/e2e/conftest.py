"""Benches for real runs of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, runs_of
from empty_store import put_empty_store


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(folder=tmp_path)
    put_empty_store(bench.workspace / "mlflow.db")
    yield bench
    bench.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench whose study has been run to the end, for tests that only look."""
    bench = Bench(folder=tmp_path_factory.mktemp("finished"))
    bench.write_study()
    bench.dsn("run", "tiny.yaml")
    return bench


@pytest.fixture
def mlflow_runs() -> Callable[[Bench], tuple[list[Any], list[Any]]]:
    """The parent runs and the child runs that a bench's store holds."""
    return runs_of
