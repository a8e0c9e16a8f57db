"""A trial that goes on from a checkpoint comes to what it would have come to undisturbed, or begins anew."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import resume
from lone_trial import lone_trial
from resume import followed
from same_state import same

from dsn.checkpoint_file import checkpoint_bytes, read_checkpoint
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data import describe
from dsn.engines import ENGINES
from dsn.native.library import VARIABLE, instruction_sets
from pipeline.planning.plan import TrialSpec
from pipeline.study.resources import Resources
from pipeline.trial.outcome import HISTORY, NETWORK, Checkpoint, TrialResult
from pipeline.trial.training import trial_epochs

EPOCHS = 6

MODEL = ModelConfig(channels=6, kernel_size=7, depth=2, pool_size=5)
SPARSITY = SparsityConfig(level=0.5, groups=2, update_every=1, initial="random")
TRAINING = TrainingConfig(epochs=EPOCHS, batch_size=5, batch_rule="fixed", learning_rate=3e-3)

ARMS: dict[str, dict[str, dict[str, Any]]] = {
    # settings that differ from those above, by room
    "warm moments": {},
    "fresh moments": {"sparsity": {"moments": "fresh"}},
    "warm, by gradient": {"sparsity": {"grow": "gradient", "drop": "snip"}},
    "fresh, by gradient": {"sparsity": {"grow": "gradient", "moments": "fresh"}},
    "warm, by momentum": {"sparsity": {"grow": "momentum"}},
    "fresh, by momentum": {"sparsity": {"grow": "momentum", "moments": "fresh"}},
    "by what was covered": {"sparsity": {"grow": "least-covered", "drop": "random"}},
    "the topology fixed": {"sparsity": {"explore": False}},
    "dense": {"sparsity": {"level": "dense"}},
    "updates by steps": {"sparsity": {"update_unit": "steps", "update_every": 3, "moments": "fresh"}},
    "updates instead of steps": {"sparsity": {"update_timing": "replaces-step", "update_every": 2, "grow": "gradient"}},
    "exploring for a while": {"sparsity": {"explore_until": 0.5, "final_fraction": 0.0}},
    "tests on the way": {"training": {"eval_test_every": 2}, "sparsity": {"grow": "gradient"}},
    "means over all time points": {"model": {"pool_size": 1}},
    "a head that stretches": {"model": {"pool_size": 50, "padding": "zero"}},
    "kernels too short for masks": {"model": {"kernel_size": 3}, "sparsity": {"groups": 1}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a data set of three classes, two channels, and a last batch that is smaller."""
    path, rng = tmp_path_factory.mktemp("resumed"), np.random.default_rng(4)
    y = np.arange(18) % 3
    x = rng.normal(size=(18, 2, 24)) + np.sin(np.arange(24) * (1 + y)[:, None, None])
    np.savez(path / "Some.npz", X_train=x, y_train=y, X_test=x[:7] + 0.5, y_test=y[:7])
    return path


def _trial(folder: Path, engine: str, arm: str = "warm moments", *, threads: int = 1, seed: int = 3) -> TrialSpec:
    changes = ARMS[arm]
    config = RunConfig(
        data=DataConfig(source="npz", name="Some", path=str(folder)),
        model=replace(MODEL, **changes.get("model", {})),
        sparsity=replace(SPARSITY, **changes.get("sparsity", {})),
        training=replace(TRAINING, **changes.get("training", {})),
    )
    resources = Resources(cpus=threads)
    return lone_trial(config, describe(config.data), arm=arm, engine=engine, seed=seed, resources=resources)


def _followed_elsewhere(folder: Path, tasks: list[tuple[TrialSpec, bytes]]) -> list[Any]:
    (folder / "in.pickle").write_bytes(pickle.dumps(tasks))
    command = [sys.executable, resume.__file__, str(folder / "in.pickle"), str(folder / "out.pickle")]
    subprocess.run(command, check=True, timeout=240)
    return pickle.loads((folder / "out.pickle").read_bytes())


def _untimed(result: TrialResult) -> dict[str, Any]:
    """All of a result but how long it took, how much memory, and how it began."""
    assert result.error is None, result.error
    history = pd.read_parquet(io.BytesIO(result.artifacts[HISTORY])).drop(columns="seconds")
    timed = ("train_seconds", "test_seconds", "peak_memory_bytes")
    return {
        "metrics": {name: value for name, value in result.metrics.items() if name not in timed},
        "history": {name: column.to_numpy() for name, column in history.items()},
        "files": {name: content for name, content in result.artifacts.items() if name != HISTORY},
        "provenance": {
            name: value for name, value in result.provenance.items() if name not in ("resumed_from", "began_anew")
        },
    }


def _untimed_state(checkpoint: Checkpoint) -> dict[str, Any]:
    _, state = read_checkpoint(checkpoint.content)
    del state["history"]["seconds"]
    return state


# Two threads wait for each other at every step, which takes long where others compute too: some cuts of some arms.
CUTS: dict[int, dict[str, list[int]]] = {
    1: {arm: list(range(1, EPOCHS)) for arm in ARMS},
    2: {"warm moments": [2], "fresh, by gradient": [4], "updates by steps": [1]},
}


@pytest.mark.parametrize("threads", CUTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_cut_after_any_epoch_and_gone_on_from_elsewhere_a_trial_comes_to_the_same_bits(
    folder: Path, engine: str, threads: int
) -> None:
    trials = [_trial(folder, engine, arm, threads=threads) for arm in CUTS[threads]]
    whole = {trial.arm: followed(trial) for trial in trials}
    tasks = [(trial, whole[trial.arm][1][cut - 1].content) for trial in trials for cut in CUTS[threads][trial.arm]]
    resumed = iter(_followed_elsewhere(folder, tasks))
    for trial in trials:
        records, checkpoints, result = whole[trial.arm]
        assert [each.epoch for each in checkpoints] == [1, 2, 3, 4, 5]
        assert [each.epoch for each in records] == [1, 2, 3, 4, 5, 6]
        assert "resumed_from" not in result.provenance
        for cut in CUTS[threads][trial.arm]:
            later_records, later_checkpoints, later = next(resumed)
            assert [each.epoch for each in later_records] == list(range(cut + 1, EPOCHS + 1))
            assert later.provenance["resumed_from"] == str(cut)
            assert same(_untimed(later), _untimed(result)), (trial.arm, cut)
            # All state is the same after every further epoch, not only what the result shows of it.
            for mine, theirs in zip(later_checkpoints, checkpoints[cut:], strict=True):
                assert same(_untimed_state(mine), _untimed_state(theirs)), (trial.arm, cut, mine.epoch)


def test_the_arms_would_notice_a_state_that_is_lost(folder: Path) -> None:
    """Each has a network of its own, so none of the settings above does nothing."""
    networks = {followed(_trial(folder, "torch", arm))[2].artifacts[NETWORK] for arm in ARMS}
    assert len(networks) == len(ARMS)


def _resealed(content: bytes, **changes: str) -> bytes:
    header, state = read_checkpoint(content)
    assert header.keys() >= changes.keys()
    return checkpoint_bytes(state, header | changes)


def _taken(checkpoints: list[Checkpoint]) -> bytes:
    return checkpoints[2].content


def _of(**changes: Any) -> Callable[[Path, str, bytes], bytes]:
    """The checkpoint of another trial, after the same epoch."""

    def taken(folder: Path, engine: str, content: bytes) -> bytes:
        return _taken(followed(_trial(folder, engine, **changes))[1])

    return taken


def _changed(change: Callable[[bytes], bytes]) -> Callable[[Path, str, bytes], bytes]:
    return lambda folder, engine, content: change(content)


UNFIT: dict[str, tuple[str, Callable[[Path, str, bytes], bytes]]] = {
    # what a message names, and how such a checkpoint comes about from one that would do
    "other threads": ("threads: must be '1'", _of(threads=2)),
    "another seed": ("seed: must be 3", _of(seed=4)),
    "another arm": ("sparsity.moments: must be 'warm'", _of(arm="fresh moments")),
    "another torch": ("torch: must be ", _changed(partial(_resealed, torch="1.0"))),
    "another numpy": ("numpy: must be ", _changed(partial(_resealed, numpy="1.0"))),
    "other kernels": ("kernels: must be ", _changed(partial(_resealed, kernels="of before"))),
    "another trial": ("trial: must be '0123456789abcdef'", _changed(partial(_resealed, trial="f" * 16))),
    "nothing": ("is no checkpoint", _changed(lambda content: b"")),
    "cut in its first line": ("is no checkpoint", _changed(lambda content: content[:40])),
    "cut in its text": ("is cut short", _changed(lambda content: content[:200])),
    "cut by half": ("is cut short", _changed(lambda content: content[: len(content) // 2])),
    "without its last byte": ("is cut short", _changed(lambda content: content[:-1])),
    "with a bit changed": ("is damaged", _changed(lambda content: content[:-9] + b"\x01" + content[-8:])),
}


@pytest.mark.parametrize("what", UNFIT)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_trial_begins_anew_where_a_checkpoint_does_not_fit(folder: Path, engine: str, what: str) -> None:
    trial = _trial(folder, engine)
    _, checkpoints, undisturbed = followed(trial)
    why, unfit = UNFIT[what]
    records, _, result = followed(trial, unfit(folder, engine, _taken(checkpoints)))
    assert [each.epoch for each in records] == [1, 2, 3, 4, 5, 6]
    assert "resumed_from" not in result.provenance
    assert result.provenance["began_anew"].startswith(f"checkpoint: {why}")
    assert same(_untimed(result), _untimed(undisturbed))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trial_begins_anew_where_another_engine_made_the_checkpoint(folder: Path, engine: str) -> None:
    (other,) = ENGINES.keys() - {engine}
    _, checkpoints, _ = followed(_trial(folder, other))
    if not checkpoints:
        pytest.skip(f"there is no engine {other} here")
    _, _, result = followed(_trial(folder, engine), _taken(checkpoints))
    assert result.provenance["began_anew"].startswith(f"checkpoint: engine: must be '{engine}'")


def test_a_trial_begins_anew_under_another_instruction_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if len(instruction_sets()) < 2:
        pytest.skip("there is one instruction set at most")
    _, checkpoints, _ = followed(_trial(folder, "native"))
    monkeypatch.setenv(VARIABLE, "portable")
    _, _, result = followed(_trial(folder, "native"), _taken(checkpoints))
    assert result.provenance["began_anew"].startswith("checkpoint: instruction_set: must be 'portable'")


def test_a_checkpoint_is_due_at_the_end_of_an_epoch_when_the_interval_is_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = _trial(folder, "torch")
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def checkpoints_after(every: float) -> list[int]:
        found = []
        for step in trial_epochs(trial, keep_model=False, checkpoint_every=every):
            if isinstance(step, Checkpoint):
                found.append(step.epoch)
            else:
                now[0] += 20  # an epoch's time
        return found

    assert checkpoints_after(60) == [3], "and none after the last, the sixth"
    assert checkpoints_after(50) == [3]
    assert checkpoints_after(40) == [2, 4]
    assert checkpoints_after(20) == checkpoints_after(0) == [1, 2, 3, 4, 5]
    assert checkpoints_after(float("inf")) == []
