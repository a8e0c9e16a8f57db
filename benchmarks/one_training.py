"""What one real training of a small data set leaves: for workspaces whose other trials are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.progress import say
from dsn.data import describe
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.trial.outcome import TrialResult
from pipeline.trial.training import run_trial

LENGTH = 24
"""Of the series, univariate, as those of ItalyPowerDemand."""

_STUDY = """name: noise
data: [{{source: npz, path: {folder}, names: [Noise]}}]
base: {base}
arms: {{dsn: {{}}}}
seeds: [0]
"""


def one_training(folder: Path, base: str) -> TrialResult:
    """On noise, with the settings ``base`` of a study file; its data go into ``folder``."""
    say("training a network")
    write_noise(folder / "Noise.npz", seed=0)
    file = folder / "noise.yaml"
    file.write_text(_STUDY.format(folder=folder, base=base), encoding="utf-8")
    (trial,) = make_plan(read_study(file), describe).trials
    result = run_trial(trial)
    assert result.error is None, result.error
    return result


def write_noise(file: Path, seed: int) -> None:
    """A data set of 20 series of two classes to train on, and as many to test."""
    rng = np.random.default_rng(seed)
    arrays = {f"X_{part}": rng.standard_normal((20, 1, LENGTH)).astype(np.float32) for part in ("train", "test")}
    labels = {f"y_{part}": np.arange(20) % 2 for part in ("train", "test")}
    np.savez(file, allow_pickle=False, **arrays, **labels)
