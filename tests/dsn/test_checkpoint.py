"""A training goes on from its own checkpoints alone, and says what differs in others."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engine_choice import choose_engine
from dsn.engines import ENGINES
from dsn.engines.torch_engine import TorchEngine
from dsn.errors import InvalidInput
from dsn.training import Training

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=6, kernel_size=7, depth=2, pool_size=5),
    sparsity=SparsityConfig(level=0.5, groups=2, update_every=1),
    training=TrainingConfig(epochs=3),
)


def _losses(training: Training) -> list[float]:
    return [record.train_loss for record in training.epochs()]


def _begun(config: RunConfig, data: TimeSeriesData, *, seed: int = 0, engine: str = "torch") -> Training:
    """After its first epoch."""
    training = Training(config, data, seed=seed, engine=engine)
    next(training.epochs())
    return training


def _changed(room: str, **settings: Any) -> RunConfig:
    return replace(CONFIG, **{room: replace(getattr(CONFIG, room), **settings)})


def _other_value(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:-1], x[-1:] + 1])


OTHERS: dict[str, tuple[str, Callable[[TimeSeriesData], Training]]] = {
    # what differs: the key that the message names, and a training of which that is so
    "seed": ("seed", lambda data: _begun(CONFIG, data, seed=1)),
    "model": ("model.depth", lambda data: _begun(_changed("model", depth=1), data)),
    "padding, which no shape tells": ("model.padding", lambda data: _begun(_changed("model", padding="zero"), data)),
    "sparsity": ("sparsity.moments", lambda data: _begun(_changed("sparsity", moments="fresh"), data)),
    "training": ("training.epochs", lambda data: _begun(_changed("training", epochs=4), data)),
    "labels": ("data.classes", lambda data: _begun(CONFIG, replace(data, classes=("0", "one")))),
    "a value": ("data.x_train", lambda data: _begun(CONFIG, replace(data, x_train=_other_value(data.x_train)))),
    "the labels' order": (
        "data.y_train",
        lambda data: _begun(CONFIG, replace(data, y_train=data.y_train[::-1].copy())),
    ),
    "test series": ("data.x_test", lambda data: _begun(CONFIG, replace(data, x_test=_other_value(data.x_test)))),
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_checkpoint_of_another_training_is_refused_and_changes_nothing(make_data, what: str) -> None:
    key, other = OTHERS[what]
    data = make_data()
    training, undisturbed = _begun(CONFIG, data), _begun(CONFIG, data)
    with pytest.raises(InvalidInput, match=f"^checkpoint: {key}: must be ") as caught:
        training.load_state_dict(other(data).state_dict())
    assert caught.value.key == key
    assert _losses(training) == _losses(undisturbed)


def test_another_number_of_series_is_named(make_data) -> None:
    with pytest.raises(InvalidInput, match=r"x_train: must be '12 x 1 x 20, SHA-256 .*\(got '13 x 1 x 20, SHA-256 "):
        _begun(CONFIG, make_data()).load_state_dict(_begun(CONFIG, make_data(train_n=13)).state_dict())


@pytest.mark.parametrize("found", ENGINES)
@pytest.mark.parametrize("expected", ENGINES)
def test_engines_do_not_go_on_from_each_other_s_checkpoints(make_data, found: str, expected: str) -> None:
    data = make_data()
    checkpoint = _begun(CONFIG, data, engine=found).state_dict()
    training = Training(CONFIG, data, seed=0, engine=expected)
    if found == expected:
        training.load_state_dict(checkpoint)
        assert training.epoch == 1
        return
    message = f"^checkpoint: engine: must be '{expected}', as in the training .* \\(got '{found}'\\)$"
    with pytest.raises(InvalidInput, match=message):
        training.load_state_dict(checkpoint)
    assert training.epoch == 0


def test_numbers_of_another_precision_are_refused(make_data, monkeypatch) -> None:
    data = make_data()
    single = _begun(CONFIG, data).state_dict()
    monkeypatch.setattr("dsn.training.ENGINES", {"torch": functools.partial(TorchEngine, dtype=torch.float64)})
    with pytest.raises(InvalidInput, match=r"^checkpoint: dtype: must be 'float64', .* \(got 'float32'\)$"):
        Training(CONFIG, data, seed=0, engine="torch").load_state_dict(single)


def test_what_is_no_checkpoint_of_this_version_is_refused(make_data) -> None:
    training = _begun(CONFIG, make_data())
    of_before = {key: value for key, value in training.state_dict().items() if key != "training"}
    with pytest.raises(InvalidInput, match=r"^checkpoint: engine: must be 'torch', "):
        training.load_state_dict(of_before)
    of_later = training.state_dict()
    of_later["training"]["sparsity.new"] = 1
    with pytest.raises(InvalidInput, match=r"^checkpoint: sparsity\.new: is nothing that this version knows$"):
        training.load_state_dict(of_later)
    assert "sparsity.new" not in training.state_dict()["training"]


def test_neither_the_place_of_the_data_nor_how_the_engine_was_asked_for_matters(make_data) -> None:
    data, elsewhere = make_data(), _changed("data", source="npz", path="/elsewhere", name="other")
    begun = _begun(CONFIG, data, engine="auto")
    checkpoint = pickle.loads(pickle.dumps(begun.state_dict()))
    training = Training(elsewhere, replace(data, name="other"), seed=0, engine=choose_engine("auto").name)
    training.load_state_dict(checkpoint)
    assert _losses(training) == _losses(begun)
