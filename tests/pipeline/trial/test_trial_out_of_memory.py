"""A network that does not fit into what a process may take: a real limit, and real allocators that refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dsn.engines import ENGINES

ROOM = 60
"""MB beyond what the process holds once it has trained: enough for threads and tables, not for the network."""

_SCRIPT = """
import json, re, resource, sys
from pathlib import Path
import numpy as np
from dsn.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from dsn.cost import count
from dsn.data import describe
from pipeline.planning.plan import TrialSpec
from pipeline.study.resources import Resources
from pipeline.trial.training import run_trial

engine, folder, room = sys.argv[1], sys.argv[2], int(sys.argv[3])
x, y = np.random.default_rng(0).normal(size=(64, 1, 400)), np.arange(64) % 2
np.savez(Path(folder) / "Some.npz", X_train=x, y_train=y, X_test=x, y_test=y)


def trial(channels):
    config = RunConfig(
        data=DataConfig(source="npz", name="Some", path=folder),
        model=ModelConfig(channels=channels),
        training=TrainingConfig(epochs=2),
    )
    return TrialSpec(
        trial_id="0" * 16, config=config, seed=0, content_hash=describe(config.data).content_hash, arm="dsn",
        engine=engine, resources=Resources(), seconds=1.0,
        cost=count(config.model, config.sparsity, channels=1, length=400, classes=2),
    )


def held():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmData:\\s+(\\d+)", status)[1])


outcomes = [run_trial(trial(9))]
before = held()
resource.setrlimit(resource.RLIMIT_DATA, (before + room * 10**6, resource.RLIM_INFINITY))
outcomes += [run_trial(trial(600)), run_trial(trial(9))]
told = [outcome.error and [outcome.error.kind, outcome.error.traceback] for outcome in outcomes]
print(json.dumps([*told, (held() - before) / 1e6]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on data is Linux's")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_does_not_fit_is_a_result_and_the_next_trial_trains(tmp_path, engine: str) -> None:
    command = [sys.executable, "-c", _SCRIPT, engine, str(tmp_path), str(ROOM)]
    # As Ray gives it to a worker: OpenMP ends the process when it is refused a thread's stack.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240, env=environment)
    first, large, next_one, kept = json.loads(answer.stdout)
    assert first is None
    kind, trace = large
    assert kind == "out-of-memory"
    assert "emory" in trace.splitlines()[-1]
    assert next_one is None, "it needs next to nothing, and has that again"
    assert kept < ROOM / 2, "what could be had of the large network is given back"
