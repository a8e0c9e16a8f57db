"""Testing the network on the way: when, what is recorded, and that it changes nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.engines import ENGINES
from dsn.metrics import accuracy
from dsn.training import FitResult, Training, fit

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=10),
    sparsity=SparsityConfig(level=0.6, update_every=1, grow="gradient"),
    training=TrainingConfig(epochs=7, batch_size=4, batch_rule="fixed", learning_rate=1e-2),
)
PAPER = replace(CONFIG.sparsity, update_timing="replaces-step", moments="fresh")


def _testing(every: int, sparsity: SparsityConfig = CONFIG.sparsity) -> RunConfig:
    return replace(CONFIG, sparsity=sparsity, training=replace(CONFIG.training, eval_test_every=every))


def _tested(result: FitResult) -> list[int]:
    return [record.epoch for record in result.history if not math.isnan(record.test_accuracy)]


@pytest.mark.parametrize(
    ("every", "epochs"), [(0, []), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (1000, [7])]
)
def test_every_so_many_epochs_and_the_last_are_tested(make_data, every: int, epochs: list[int]) -> None:
    config = _testing(every)
    assert _tested(fit(config, make_data(), seed=0)) == epochs
    assert config.training.tests == len(epochs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sparsity", [CONFIG.sparsity, PAPER, SparsityConfig(level="dense")])
def test_all_other_numbers_are_the_same_to_the_bit(make_data, engine: str, sparsity: SparsityConfig) -> None:
    data = make_data(train_n=13, test_n=9)
    without, watched = (fit(_testing(every, sparsity), data, seed=0, engine=engine) for every in (0, 1))
    for one, other in zip(without.history, watched.history, strict=True):
        timeless = {"seconds": 0.0, "test_accuracy": 0.0}
        assert replace(one, **timeless) == replace(other, **timeless)
    assert without.mask_updates == watched.mask_updates
    assert without.network.keys() == watched.network.keys()
    for name, array in without.network.items():
        assert array.tobytes() == watched.network[name].tobytes(), name
    timeless = [name for name in without.metrics if "seconds" not in name]
    assert [without.metrics[name] for name in timeless] == [watched.metrics[name] for name in timeless]


def test_what_is_tested_is_the_network_before_its_masks_change(make_data, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data(train_n=40, test_n=200, classes=4)
    training = Training(_testing(1), data, seed=0)
    update, expected = training._update_masks, []

    def noted(*arguments: int) -> None:
        expected.append(accuracy(training._engine.predict(data.x_test), data.y_test))
        update(*arguments)

    monkeypatch.setattr(training, "_update_masks", noted)
    recorded = [record.test_accuracy for record in training.epochs()]
    assert recorded == expected
    assert len(set(recorded)) > 3, "they differ from epoch to epoch, or nothing would be shown"


def test_at_the_selected_epoch_it_is_the_final_test_accuracy(make_data) -> None:
    result = fit(_testing(1), make_data(train_n=40, test_n=200, classes=4), seed=0)
    best = result.history[int(result.metrics["best_epoch"]) - 1]
    assert best.test_accuracy == result.metrics["test_accuracy"]


def test_it_is_never_used_to_select(make_data, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(_testing(1), make_data(), seed=0)
    falling = iter(np.linspace(1, 0, 7))
    monkeypatch.setattr(training, "_test_accuracy", lambda epoch: float(next(falling)))
    losses = [record.train_loss for record in training.epochs()]
    best = max(epoch for epoch, loss in enumerate(losses, start=1) if loss == min(losses))
    assert best > 1
    assert training.result().metrics["best_epoch"] == best


def test_the_time_of_testing_is_not_training_time(make_data, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    training = Training(_testing(1), make_data(), seed=0)

    def slow(epoch: int) -> float:
        for _ in range(50):
            next(clock)
        return 0.5

    monkeypatch.setattr(training, "_test_accuracy", slow)
    assert [record.seconds for record in training.epochs()] == [1.0] * 7


@pytest.mark.parametrize("pause", [2, 3, 6])
def test_a_checkpoint_keeps_what_was_tested(make_data, pause: int) -> None:
    data, config = make_data(), _testing(3)
    whole = fit(config, data, seed=0)
    half = Training(config, data, seed=0)
    for _ in zip(range(pause), half.epochs(), strict=False):
        pass
    resumed = Training(config, data, seed=0)
    resumed.load_state_dict(half.state_dict())
    list(resumed.epochs())
    found = [record.test_accuracy for record in resumed.history]
    assert np.array_equal(found, [record.test_accuracy for record in whole.history], equal_nan=True)
