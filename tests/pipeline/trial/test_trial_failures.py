"""Whatever a trial raises is a result that says of which kind it was."""

from __future__ import annotations

import errno
import mmap
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from data_info import made_info
from lone_trial import lone_trial
from noise import made_data

import pipeline.trial.training
from dsn.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from dsn.errors import Diverged, InvalidData
from dsn.training import Training
from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import TrialResult
from pipeline.trial.training import run_trial, trial_epochs

BEYOND = 2**60
"""Bytes that no machine can address."""


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> TrialSpec:
    data = made_data()
    monkeypatch.setattr(pipeline.trial.training, "load", lambda config: data)
    config = RunConfig(
        data=DataConfig(source="aeon", name="made-up"),
        model=ModelConfig(channels=9, kernel_size=9, depth=1, pool_size=4),
        training=TrainingConfig(epochs=3),
    )
    pipeline.trial.training._prepared.cache_clear()
    return lone_trial(config, made_info(config.data, content_hash=data.content_hash, length=20))


def _raises(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def _exit() -> object:
    raise SystemExit(7)


CAUSES: dict[str, tuple[str, str, Callable[[], object]]] = {
    # kind, the message's beginning, what is done in the second epoch; allocators really refuse
    "a loss of no number": (
        "diverged",
        "the training loss is not finite in epoch 2",
        _raises(Diverged("training loss", 2)),
    ),
    "a data set": ("invalid-data", "x: is flat", _raises(InvalidData("is flat", place="x"))),
    "an exit": ("exited", "SystemExit: 7", _exit),
    "an exit without a word": ("exited", "SystemExit", _raises(SystemExit())),
    "an interrupt": ("exited", "KeyboardInterrupt", _raises(KeyboardInterrupt())),
    "Python's memory": ("out-of-memory", "MemoryError", lambda: bytearray(BEYOND)),
    "NumPy's": ("out-of-memory", "MemoryError: Unable to allocate", lambda: np.ones(BEYOND, np.uint8)),
    "PyTorch's": ("out-of-memory", "RuntimeError: ", lambda: torch.ones(BEYOND, dtype=torch.uint8)),
    "the system's": ("out-of-memory", f"OSError: [Errno {errno.ENOMEM}]", lambda: mmap.mmap(-1, 2**62)),
    "a GPU's": (
        "out-of-memory",
        "OutOfMemoryError: CUDA out of memory",
        _raises(torch.OutOfMemoryError("CUDA out of memory. Tried")),
    ),
    "a bug": ("exception", "RuntimeError: out of ideas", _raises(RuntimeError("out of ideas"))),
    "a file": ("exception", "FileNotFoundError: ", lambda: open("/nowhere/at/all")),  # noqa: SIM115, PTH123
}


class _Large:
    """Stands for the arrays of a training."""


def _watched(trial: TrialSpec, monkeypatch: pytest.MonkeyPatch, cause: Callable[[], object]) -> tuple[TrialResult, Any]:
    """A trial that does ``cause`` in its second epoch; its result, and something that the failing frame held."""
    train, held = Training._train_epoch, []

    def _train_epoch(self: Training) -> object:
        if self.epoch == 1:
            large = _Large()
            held.append(weakref.ref(large))
            cause()
        return train(self)

    monkeypatch.setattr(Training, "_train_epoch", _train_epoch)
    epochs = trial_epochs(trial, keep_model=False)
    assert next(epochs).epoch == 1
    with pytest.raises(StopIteration) as finished:
        next(epochs)
    return finished.value.value, held[0]


@pytest.mark.parametrize("what", CAUSES)
def test_a_failure_is_of_its_kind_with_its_words_and_its_traceback(
    trial: TrialSpec, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    kind, message, cause = CAUSES[what]
    result, held = _watched(trial, monkeypatch, cause)
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.kind == kind
    assert result.error.message.startswith(message)
    assert not result.error.message.endswith((" ", ":"))
    assert "in _train_epoch" in result.error.traceback
    assert result.provenance["engine"] == "torch"
    assert held() is None, "the traceback must not keep what there was no memory for"


def test_only_a_person_s_interrupt_ends_a_trial_in_this_process(
    trial: TrialSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "_train_epoch", lambda self: _exit())
    result = run_trial(trial)
    assert result.error is not None
    assert result.error.kind == "exited"
    monkeypatch.setattr(Training, "_train_epoch", lambda self: _raises(KeyboardInterrupt())())
    with pytest.raises(KeyboardInterrupt):
        run_trial(trial)


def test_a_trial_that_nobody_follows_any_more_just_ends(trial: TrialSpec) -> None:
    epochs = trial_epochs(trial, keep_model=False)
    next(epochs)
    epochs.close()
    assert next(epochs, None) is None
