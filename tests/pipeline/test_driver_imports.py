"""What the driver of a run does without: PyTorch and MLflow, seconds each, and hundreds of megabytes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from dsn.data import describe
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.trial.training import run_trial

STUDY = """
name: s
data: [{source: aeon, names: [UnitTest]}]
base: {model: {channels: 9, kernel_size: 9, depth: 2, pool_size: 10}, training: {epochs: 1}}
seeds: 1
"""


def _imported(code: str, *arguments: str) -> set[str]:
    """The packages that a new process has imported after ``code``."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_a_result_is_read_without_torch(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY)
    (trial,) = make_plan(read_study(tmp_path / "s.yaml"), describe).trials
    result = run_trial(trial)
    assert (result.status, result.provenance["torch"][:2]) == ("done", "2.")
    (tmp_path / "result").write_bytes(pickle.dumps(result))
    code = "import pickle, sys, pathlib; pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())"
    imported = _imported(code, str(tmp_path / "result"))
    assert "pipeline" in imported
    assert "torch" not in imported


def test_tune_counts_callbacks_without_mlflow() -> None:
    tune = "import ray.tune.tune as tune"
    count = "tune.air_usage.tag_callbacks([object()])"
    amend = "from pipeline.cluster.amendments import amend_tune; amend_tune()"
    assert "mlflow" not in _imported("; ".join([tune, amend, count]))
    # Otherwise this test says nothing.
    assert "mlflow" in _imported("; ".join([tune, count]))
