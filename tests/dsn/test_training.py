"""The training loop: exact counts, selection, reproducibility, checkpoints, divergence."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.errors import Diverged
from dsn.training import Training, cosine_learning_rate, fit

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=9, kernel_size=9, depth=2, pool_size=10),
    sparsity=SparsityConfig(level=0.6, update_every=1),
    training=TrainingConfig(epochs=8, batch_size=4, batch_rule="fixed"),
)
ARMS = {
    "dsn": CONFIG.sparsity,
    "fixed": replace(CONFIG.sparsity, explore=False),
    "gradient": replace(CONFIG.sparsity, grow="gradient"),
    "random topology": replace(CONFIG.sparsity, initial="random"),
    "one group": replace(CONFIG.sparsity, groups=1),
    "as the paper says": replace(
        CONFIG.sparsity, update_timing="replaces-step", moments="fresh", regions="proportional", group_sizes="balanced"
    ),
    "dense": SparsityConfig(level="dense"),
    "at every second step": replace(CONFIG.sparsity, update_unit="steps", update_every=2),
}


def _training(data: TimeSeriesData, sparsity: SparsityConfig = CONFIG.sparsity, seed: int = 0) -> Training:
    return Training(replace(CONFIG, sparsity=sparsity), data, seed=seed)


def _losses(training: Training) -> list[float]:
    return [record.train_loss for record in training.epochs()]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("arm", ARMS)
def test_each_group_keeps_its_number_of_active_weights_at_every_update(make_data, arm: str, channels: int) -> None:
    training = _training(make_data(channels=channels), ARMS[arm])
    layers = training._engine.sparse_layers
    assert len(layers) == (0 if arm == "dense" else 2)
    topologies = [training.masks]
    for _ in training.epochs():
        for layer, mask, weight in zip(layers, training.masks, training._engine.weights(), strict=True):
            inside = [int(mask[g.start : g.stop, :, : g.region].sum()) for g in layer.groups]
            assert inside == [group.active for group in layer.groups]
            assert mask.sum() == sum(inside)
            assert not weight[~mask].any(), "a weight that is not active is exactly zero"
        topologies.append(training.masks)
    changed = [
        any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True)) for old, new in pairwise(topologies)
    ]
    assert changed == [arm not in ("fixed", "dense")] * 8


def test_masks_change_after_the_gradient_step_of_the_epoch_and_grown_weights_start_at_zero(make_data) -> None:
    training = _training(make_data(), replace(CONFIG.sparsity, initial_fraction=0.3, final_fraction=0.3))
    epochs = training.epochs()
    before = training.masks
    next(epochs)
    for old, new, weight in zip(before, training.masks, training._engine.weights(), strict=True):
        assert (new & ~old).any()
        assert not weight[new & ~old].any()
        assert np.count_nonzero(weight[new & old]) > 0


def test_the_same_seed_gives_the_same_numbers_whatever_the_global_state(make_data) -> None:
    data = make_data(train_n=13)
    first = _losses(_training(data))
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert _losses(_training(data)) == first
    assert _losses(_training(data, seed=1)) != first


def test_two_trainings_in_turns_are_those_one_after_the_other(make_data) -> None:
    data = make_data()
    alone = _losses(_training(data)), _losses(_training(data, seed=1))
    both = zip(_training(data).epochs(), _training(data, seed=1).epochs(), strict=True)
    interleaved = [(one.train_loss, two.train_loss) for one, two in both]
    assert interleaved == list(zip(*alone, strict=True))


TIMINGS = ["after-step", "replaces-step"]


def _watched(training: Training, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine is asked to do from now on: ``step`` a gradient step, ``measure`` and ``masks``."""
    asked: list[str] = []
    engine = training._engine
    train, measure, set_masks = engine.train, engine.measure, engine.set_masks

    def _train(batches, rate):
        asked.extend(["step"] * len(batches))
        return train(batches, rate)

    def _measure(batch):
        asked.append("measure")
        return measure(batch)

    def _set_masks(masks, grown=None):
        asked.append("masks")
        set_masks(masks, grown)

    monkeypatch.setattr(engine, "train", _train)
    monkeypatch.setattr(engine, "measure", _measure)
    monkeypatch.setattr(engine, "set_masks", _set_masks)
    return asked


@pytest.mark.parametrize("timing", TIMINGS)
def test_updates_counted_in_steps_fall_on_every_so_manyth_of_the_whole_training(
    make_data, monkeypatch, timing: str
) -> None:
    # 12 series in batches of 4: 3 steps an epoch. Every fourth of 24 steps, not every fourth of an epoch.
    sparsity = replace(CONFIG.sparsity, update_unit="steps", update_every=4, update_timing=timing)
    training = _training(make_data(train_n=12), sparsity)
    asked, told = _watched(training, monkeypatch), []
    update = training._sparse.update

    def _update(*arrays, step, total_steps):
        told.append((step, total_steps))
        return update(*arrays, step=step, total_steps=total_steps)

    monkeypatch.setattr(training._sparse, "update", _update)
    _losses(training)
    last = "step" if timing == "after-step" else "measure"
    assert asked == ["step", "step", "step", last, "masks"] * 6
    assert told == [(step, 24) for step in (4, 8, 12, 16, 20, 24)]


@pytest.mark.parametrize("timing", TIMINGS)
def test_an_update_on_every_last_step_is_the_same_counted_in_steps_as_in_epochs(make_data, timing: str) -> None:
    data = make_data(train_n=12)
    epochs = replace(CONFIG.sparsity, update_timing=timing, update_every=2, grow="gradient")
    steps = replace(epochs, update_unit="steps", update_every=6)
    one, other = _training(data, epochs), _training(data, steps)
    assert _losses(one) == _losses(other)
    assert all(np.array_equal(a, b) for a, b in zip(one.masks, other.masks, strict=True))


def test_an_update_after_every_step_is_made(make_data) -> None:
    training = _training(make_data(train_n=12), replace(CONFIG.sparsity, update_unit="steps"))
    before = training.masks
    assert all(math.isfinite(loss) for loss in _losses(training))
    assert not any(np.array_equal(a, b) for a, b in zip(before, training.masks, strict=True))


def test_the_kept_network_has_the_masks_of_the_epoch_s_end_but_for_an_update_on_its_last_step(
    make_data, monkeypatch
) -> None:
    # Updates after steps 2, 4 and 6 of two epochs of 3 steps: one within each epoch, and one at the end of the second.
    sparsity = replace(CONFIG.sparsity, update_unit="steps", update_every=2)
    training = _training(make_data(train_n=12), sparsity)
    masks = [training.masks]
    update = training._update_masks

    def _update(step: int) -> None:
        update(step)
        masks.append(training.masks)

    monkeypatch.setattr(training, "_update_masks", _update)
    losses = iter([1.0, 0.5])
    train_on = training._train_on
    monkeypatch.setattr(
        training, "_train_on", lambda batches, rate: replace(train_on(batches, rate), loss=12 * next(losses))
    )
    for epoch, _ in zip((1, 2), training.epochs(), strict=False):
        kept = [value for name, value in training.selected.items() if name.endswith("mask")]
        assert all(np.array_equal(a, b) for a, b in zip(masks[epoch], kept, strict=True))
    assert len(masks) == 4


@pytest.mark.parametrize("arm", ["dsn", "as the paper says", "at every second step"])
def test_a_checkpoint_continues_to_the_same_numbers(make_data, arm: str) -> None:
    data, sparsity = make_data(), ARMS[arm]
    whole = _training(data, sparsity)
    expected = _losses(whole)
    half = _training(data, sparsity)
    for _ in zip(range(4), half.epochs(), strict=False):
        pass
    checkpoint = half.state_dict()
    list(half.epochs())  # training on must not change the checkpoint
    resumed = _training(data, sparsity)
    resumed.load_state_dict(checkpoint)
    assert resumed.epoch == 4
    assert _losses(resumed) == expected[4:]
    same = [key for key in whole.result().metrics if "seconds" not in key]
    assert [resumed.result().metrics[key] for key in same] == [whole.result().metrics[key] for key in same]


def test_the_network_of_the_lowest_training_loss_is_kept_and_ties_go_to_the_later(make_data, monkeypatch) -> None:
    training = _training(make_data())
    losses = iter([5.0, 3.0, 4.0, 3.0, 6.0, 7.0, 8.0, 9.0])
    train = training._engine.train

    def with_made_up_loss(batches, rate):
        totals = train(batches, rate)
        return replace(totals, loss=next(losses) * totals.count)

    monkeypatch.setattr(training._engine, "train", with_made_up_loss)
    kept = [(record.epoch, training._best[0].epoch) for record in training.epochs()]
    assert kept == [(1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 4), (8, 4)]
    assert training.result().metrics["best_epoch"] == 4
    assert training.result().metrics["train_loss"] == 3.0


def test_the_kept_network_has_the_masks_from_before_the_update(make_data) -> None:
    training = _training(make_data())
    before = training.masks
    next(training.epochs())
    kept = [value for name, value in training.result().network.items() if name.endswith("mask")]
    assert all(np.array_equal(a, b) for a, b in zip(before, kept, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(training.masks, kept, strict=True))


class _Lazy(Mapping):
    """A snapshot of an engine that makes arrays only when they are asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays, self.asked = arrays, 0

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked += 1
        return self._arrays[name].copy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def test_a_lazy_snapshot_is_made_into_arrays_only_when_somebody_wants_them(make_data, monkeypatch) -> None:
    data = make_data()
    training, expected = _training(data), fit(CONFIG, data, seed=0)
    snapshot, taken = training._engine.snapshot, []

    def _snapshot() -> _Lazy:
        taken.append(_Lazy(snapshot()))
        return taken[-1]

    monkeypatch.setattr(training._engine, "snapshot", _snapshot)
    for _ in training.epochs():
        assert not any(each.asked for each in taken)
    checkpoint, result = training.state_dict(), training.result()
    for network in (training.selected, result.network, checkpoint["best"][1]):
        assert type(network) is dict
        assert network.keys() == expected.network.keys()
        assert all(np.array_equal(array, expected.network[name]) for name, array in network.items())
    assert result.metrics["test_loss"] == expected.metrics["test_loss"]
    resumed = _training(data)
    resumed.load_state_dict(pickle.loads(pickle.dumps(checkpoint)))
    assert resumed.result().metrics["test_loss"] == expected.metrics["test_loss"]


def test_evaluating_leaves_training_as_it_was(make_data) -> None:
    data = make_data()
    watched, expected = _training(data), _losses(_training(data))
    losses = []
    for record in watched.epochs():
        losses.append(record.train_loss)
        watched.result()
    assert losses == expected


def test_a_learnable_data_set_is_learnt(make_data) -> None:
    data = make_data(train_n=20, test_n=20)
    config = replace(CONFIG, training=replace(CONFIG.training, epochs=40, learning_rate=3e-3))
    assert fit(config, data, seed=0).metrics["test_accuracy"] == 1.0


def test_metrics_and_history_are_complete(make_data) -> None:
    result = _finished(make_data(train_n=13, test_n=5))
    assert [record.epoch for record in result.history] == list(range(1, 9))
    best = result.history[int(result.metrics["best_epoch"]) - 1]
    assert (result.metrics["train_loss"], result.metrics["train_accuracy"]) == (best.train_loss, best.train_accuracy)
    assert result.metrics["epochs"] == 8
    assert 0 <= result.metrics["test_accuracy"] <= 1
    assert result.metrics["test_accuracy"] * 5 == round(result.metrics["test_accuracy"] * 5)


def _finished(data: TimeSeriesData):
    return fit(CONFIG, data, seed=0)


def test_a_loss_that_is_not_finite_is_reported_with_its_epoch(make_data) -> None:
    config = replace(CONFIG, training=replace(CONFIG.training, learning_rate=1e38, final_learning_rate=1e38))
    with pytest.raises(Diverged) as caught:
        fit(config, make_data(), seed=0)
    assert caught.value.epoch <= 2


@pytest.mark.parametrize("length", [1, 2, 200])
@pytest.mark.parametrize("train_n", [4, 5])
def test_extreme_lengths_and_a_last_batch_of_one_train(make_data, length: int, train_n: int) -> None:
    losses = _losses(_training(make_data(train_n=train_n, length=length)))
    assert all(math.isfinite(loss) for loss in losses)


def test_the_learning_rate_goes_from_the_first_to_nearly_the_final_on_a_cosine() -> None:
    rates = [cosine_learning_rate(TrainingConfig(epochs=1000), epoch) for epoch in range(1, 1001)]
    assert rates[0] == 3e-4
    assert rates[500] == pytest.approx(2e-4, rel=1e-12)
    assert rates[-1] == pytest.approx(1e-4 + 1e-4 * (1 + math.cos(math.pi * 0.999)), rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "n", "expected"), [("tenth", 23, 2), ("tenth", 59, 5), ("tenth", 1000, 16), ("fixed", 23, 16)]
)
def test_the_batch_size_rules(rule: str, n: int, expected: int) -> None:
    assert TrainingConfig(batch_rule=rule).batch_size_for(n) == expected


def test_a_test_loss_that_is_not_finite_is_reported(make_data, monkeypatch) -> None:
    training = _training(make_data())
    next(training.epochs())
    monkeypatch.setattr(training._engine, "predict", lambda x, network: np.full((len(x), 2), np.nan))
    with pytest.raises(Diverged, match="the test loss is not finite in epoch 1"):
        training.result()
