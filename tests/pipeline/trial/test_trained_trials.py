"""The network that a trial leaves behind predicts what the trial was scored with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dsn
from dsn.data import describe
from dsn.durable import write_folder
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.trial.training import run_trial

STUDY = """
name: s
data:
  - {source: npz, path: ., names: [Worms], split: SPLIT, normalisation: NORMALISATION}
seeds: [3]
base:
  model: {channels: 6, kernel_size: 7, depth: 2}
  training: {epochs: 3, learning_rate: 0.003}
"""


@pytest.mark.parametrize(("split", "normalisation"), [(2018, "none"), (2018, "global"), (2015, "global")])
def test_its_accuracy_and_loss_are_found_again(tmp_path: Path, split: int, normalisation: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n, length in (("train", 30, 18), ("test", 270, 20)):
        y = np.arange(n) % 3
        x = rng.normal(10, 1, size=(n, 2, length)) + np.sin(np.arange(length) * (1 + y)[:, None, None])
        x[:, 1, -3:] = np.nan
        arrays |= {f"X_{part}": x, f"y_{part}": y}
    np.savez(tmp_path / "Worms.npz", **arrays)
    study = tmp_path / "study.yaml"
    study.write_text(STUDY.replace("SPLIT", str(split)).replace("NORMALISATION", normalisation), encoding="utf-8")
    (trial,) = make_plan(read_study(study), describe).trials
    result = run_trial(trial)
    assert result.error is None
    write_folder(tmp_path / "trial", result.artifacts)

    network = dsn.load(tmp_path / "trial")
    tested = "train" if split == 2015 else "test"
    x, y = arrays[f"X_{tested}"], arrays[f"y_{tested}"]
    found = network.predict_log_proba(x)
    assert np.mean(network.predict(x) == y.astype(str)) == result.metrics["test_accuracy"]
    assert -np.mean(found[np.arange(len(y)), y]) == result.metrics["test_loss"]
    assert (network.channels, network.length, network.config) == (2, 20, trial.config)
