"""Real runs of the command line on a tiny study: real Ray, real MLflow on SQLite, real signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STUDY = """
name: tiny
question: Does anything get lost?
data:
  - {source: aeon, names: [UnitTest]}
base:
  model: {channels: 9, kernel_size: 9, depth: 2, pool_size: 10}
  training: {epochs: EPOCHS, batch_size: 4, eval_test_every: 2}
arms:
  dsn: {}
  fixed: {sparsity.explore: false}
seeds: SEEDS
"""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with a study file and a workspace."""

    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def study(self) -> Path:
        return self.folder / "tiny.yaml"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.workspace / 'mlflow.db'}"

    def write_study(self, *, epochs: int = 3, seeds: int = 2, engine: str = "auto", more: str = "") -> None:
        """``engine="torch"`` where trials must last long enough to be cut off, with the native engine there or not."""
        text = STUDY.replace("EPOCHS", str(epochs)).replace("SEEDS", str(seeds))
        self.study.write_text(f"{text}engine: {engine}\n{more}")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """``dsn ARGUMENTS`` in the background, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env=os.environ | {"DSN_WORKSPACE": str(self.workspace)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def dsn(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """``dsn ARGUMENTS``, whose exit code must be ``expect``."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=240)
        assert process.returncode == expect, errors
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def events(self, study: str = "tiny") -> list[dict[str, Any]]:
        """The complete lines of the study's ledger."""
        path = self.workspace / "ledger" / study / "ledger.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def ids(self, event: str) -> list[str]:
        return [record["trial"] for record in self.events() if record["event"] == event]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench whose study has been run to the end, for tests that only look."""
    bench = Bench(folder=tmp_path_factory.mktemp("finished"))
    bench.write_study()
    bench.dsn("run", "tiny.yaml")
    return bench


MlflowRuns = Callable[[Bench], tuple[list[Any], list[Any]]]


@pytest.fixture
def mlflow_runs() -> MlflowRuns:
    """The parent runs and the child runs that a bench's store holds."""
    from mlflow import MlflowClient

    def read(bench: Bench) -> tuple[list[Any], list[Any]]:
        client = MlflowClient(bench.tracking_uri)
        experiments = [each.experiment_id for each in client.search_experiments() if each.name != "Default"]
        runs = list(client.search_runs(experiments, max_results=1000))
        kinds = ("study", "trial")
        parents, children = ([run for run in runs if run.data.tags["kind"] == kind] for kind in kinds)
        assert len(parents) + len(children) == len(runs)
        return parents, children

    return read
