"""One suite over every engine: what ``dsn.engines.contract.Engine`` promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines import ENGINES
from dsn.engines.contract import Engine, Totals
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.training import Training

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=6, kernel_size=7, depth=2, pool_size=5),
    sparsity=SparsityConfig(level=0.5, groups=2),
)
BATCHES = [np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7]), np.array([8])]

pytestmark = pytest.mark.parametrize("name", ENGINES)


def _engine(name: str, data: TimeSeriesData, sparsity: SparsityConfig = CONFIG.sparsity) -> Engine:
    engine = ENGINES[name](replace(CONFIG, sparsity=sparsity), data, seed=0, device="cpu")
    engine.set_masks([_half(layer.shape) for layer in engine.sparse_layers])
    return engine


def _half(shape: tuple[int, ...], odd: bool = False) -> np.ndarray:
    return (np.indices(shape).sum(axis=0) % 2 == odd).astype(bool)


def _equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def test_weights_that_are_not_active_stay_zero_through_training(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    engine.train(BATCHES, 1e-2)
    for weight, layer in zip(engine.weights(), engine.sparse_layers, strict=True):
        assert weight.shape == layer.shape
        assert not weight[~_half(layer.shape)].any()
        assert weight[_half(layer.shape)].all()


def test_gradients_are_dense(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    engine.train(BATCHES, 1e-2)
    for gradient, layer in zip(engine.gradients(), engine.sparse_layers, strict=True):
        assert gradient.shape == layer.shape
        assert np.count_nonzero(gradient[~_half(layer.shape)]) > 0


def test_new_masks_zero_what_they_turn_off_and_keep_what_stays_on(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    before = engine.weights()
    masks = []
    for layer in engine.sparse_layers:
        mask = _half(layer.shape)
        mask[:, :, 0] = ~mask[:, :, 0]
        masks.append(mask)
    engine.set_masks(masks)
    for old, new, mask, layer in zip(before, engine.weights(), masks, engine.sparse_layers, strict=True):
        stayed = mask & _half(layer.shape)
        assert np.array_equal(new[stayed], old[stayed])
        assert not new[~stayed].any(), "turned off, or newly on"


def test_totals_count_every_series_of_every_batch(name: str, make_data) -> None:
    data = make_data()
    totals = _engine(name, data).train(BATCHES, 1e-2)
    assert totals.count == 9
    assert 0 <= totals.correct <= 9
    first = _engine(name, data).train(BATCHES[:1], 1e-2)
    assert totals.loss > first.loss > 0


def test_measuring_gives_loss_and_gradients_of_a_batch_and_moves_no_weight(name: str, make_data) -> None:
    data = make_data()
    measuring, training = _engine(name, data), _engine(name, data)
    before = measuring.weights()
    measured, trained = measuring.measure(BATCHES[0]), training.train(BATCHES[:1], 1e-2)
    assert measured == trained
    for one, two in zip(measuring.gradients(), training.gradients(), strict=True):
        assert np.array_equal(one, two)
    for old, new in zip(before, measuring.weights(), strict=True):
        assert np.array_equal(old, new)


def test_no_batch_is_no_step(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    before = engine.snapshot()
    assert engine.train([], 1e-2) == Totals()
    assert _equal(engine.snapshot(), before)


@pytest.mark.parametrize("moments", ["warm", "fresh"])
def test_only_fresh_moments_begin_anew_where_weights_were_grown(name: str, make_data, moments: str) -> None:
    data = make_data()
    config = replace(CONFIG.sparsity, moments=moments)
    told, untold = _engine(name, data, config), _engine(name, data, config)
    for engine in (told, untold):
        engine.train(BATCHES, 1e-2)
    masks = [_half(layer.shape, odd=True) for layer in told.sparse_layers]
    told.set_masks(masks, masks)
    untold.set_masks(masks)
    for engine in (told, untold):
        engine.train(BATCHES[:1], 1e-2)
    equal = [np.array_equal(one, two) for one, two in zip(told.weights(), untold.weights(), strict=True)]
    assert equal == [moments == "warm"] * 2


MOMENTS = ["warm", "fresh"]


@pytest.mark.parametrize("moments", MOMENTS)
def test_momentum_is_the_running_mean_of_all_dense_gradients(name: str, make_data, moments: str) -> None:
    engine = _engine(name, make_data(), replace(CONFIG.sparsity, moments=moments))
    expected = [np.zeros(layer.shape) for layer in engine.sparse_layers]
    for mean, moment in zip(expected, engine.momentum(), strict=True):
        assert np.array_equal(moment, mean)
    for batch in BATCHES * 3:
        engine.train([batch], 1e-2)
        expected = [0.9 * mean + 0.1 * g for mean, g in zip(expected, engine.gradients(), strict=True)]
    for mean, moment in zip(expected, engine.momentum(), strict=True):
        # Nine float32 updates of two roundings each, 6e-8 of the largest term; some terms cancel.
        assert np.allclose(moment, mean, rtol=0, atol=2e-6 * np.abs(mean).max())
        assert np.count_nonzero(moment[~_half(mean.shape)]) > 0


@pytest.mark.parametrize("moments", MOMENTS)
def test_to_look_at_momentum_or_to_measure_a_batch_changes_nothing(name: str, make_data, moments: str) -> None:
    data, config = make_data(), replace(CONFIG.sparsity, moments=moments)
    looked_at, other = _engine(name, data, config), _engine(name, data, config)
    for moment in looked_at.momentum():
        moment.fill(1)
    for engine in (looked_at, other):
        engine.train(BATCHES, 1e-2)
    looked = looked_at.momentum()
    kept = [moment.copy() for moment in looked]
    looked_at.measure(BATCHES[0])
    for moment, still in zip(kept, looked_at.momentum(), strict=True):
        assert np.array_equal(moment, still)
    looked_at.train(BATCHES, 1e-2)
    for moment, still in zip(kept, looked, strict=True):
        assert np.array_equal(moment, still)
    other.measure(BATCHES[0])
    other.train(BATCHES, 1e-2)
    for one, two in zip(looked_at.weights(), other.weights(), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("moments", MOMENTS)
def test_only_fresh_momentum_begins_anew_where_weights_were_grown_and_goes_on_elsewhere(
    name: str, make_data, moments: str
) -> None:
    engine = _engine(name, make_data(), replace(CONFIG.sparsity, moments=moments))
    engine.train(BATCHES, 1e-2)
    before = engine.momentum()
    masks = [_half(layer.shape, odd=True) for layer in engine.sparse_layers]
    engine.set_masks(masks, masks)
    for old, new, grown in zip(before, engine.momentum(), masks, strict=True):
        assert np.array_equal(new, old if moments == "warm" else np.where(grown, 0, old))


@pytest.mark.parametrize("moments", MOMENTS)
def test_momentum_goes_over_with_the_state(name: str, make_data, moments: str) -> None:
    data, config = make_data(), replace(CONFIG.sparsity, moments=moments)
    one, other = _engine(name, data, config), _engine(name, data, config)
    one.train(BATCHES, 1e-2)
    other.load_state_dict(one.state_dict())
    for mine, theirs in zip(one.momentum(), other.momentum(), strict=True):
        assert np.array_equal(mine, theirs)


SETTINGS = [
    *({"drop": drop} for drop in DROP),
    *({"grow": grow} for grow in GROW if grow != CONFIG.sparsity.grow),
    {"moments": "fresh", "grow": "momentum"},
]


@pytest.mark.parametrize("timing", ["after-step", "replaces-step"])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(settings.values()))
def test_every_rule_trains_and_goes_on_from_a_checkpoint_between_updates(
    name: str, make_data, settings: dict[str, str], timing: str
) -> None:
    # 3 steps an epoch and an update at every second: the checkpoint after 3 epochs lies between steps 8 and 10.
    sparsity = replace(CONFIG.sparsity, update_unit="steps", update_every=2, update_timing=timing, **settings)
    config = replace(CONFIG, sparsity=sparsity, training=TrainingConfig(epochs=5, batch_size=4, batch_rule="fixed"))
    data = make_data(train_n=12)
    training = Training(config, data, seed=0, engine=name)
    losses, topologies = [], [training.masks]
    for record in training.epochs():
        losses.append(record.train_loss)
        topologies.append(training.masks)
        if record.epoch == 3:
            checkpoint = training.state_dict()
    for layer, *masks in zip(training._engine.sparse_layers, *topologies, strict=True):
        for mask in masks:
            inside = [int(mask[g.start : g.stop, :, : g.region].sum()) for g in layer.groups]
            assert inside == [group.active for group in layer.groups]
            assert mask.sum() == sum(inside)
        assert not np.array_equal(masks[0], masks[1]), "half of the weights, drawn or chosen anew"
    resumed = Training(config, data, seed=0, engine=name)
    resumed.load_state_dict(checkpoint)
    assert [record.train_loss for record in resumed.epochs()] == losses[3:]
    for mine, theirs in zip(resumed.masks, training.masks, strict=True):
        assert np.array_equal(mine, theirs)


def test_a_snapshot_is_a_copy_and_restores_predictions(name: str, make_data) -> None:
    data = make_data()
    engine = _engine(name, data)
    snapshot = engine.snapshot()
    copies = {key: value.copy() for key, value in snapshot.items()}
    predictions = engine.predict(data.x_test)
    engine.train(BATCHES, 1e-2)
    assert _equal(snapshot, copies)
    assert not np.array_equal(engine.predict(data.x_test), predictions)
    engine.restore(snapshot)
    assert np.array_equal(engine.predict(data.x_test), predictions)


def test_predictions_are_log_probabilities_and_do_not_depend_on_their_company(name: str, make_data) -> None:
    data = make_data(test_n=300, classes=3)
    engine = _engine(name, data)
    together = engine.predict(data.x_test)
    assert together.shape == (300, 3)
    assert np.allclose(np.exp(together).sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([engine.predict(data.x_test[i : i + 1]) for i in (0, 150, 299)])
    # The same sums in float32, in another order: 1e-5 is some 80 units in the last place of numbers near 1.
    assert np.allclose(together[[0, 150, 299]], alone, atol=1e-5)


@pytest.mark.parametrize("moments", ["warm", "fresh"])
def test_state_goes_over_to_another_engine_of_the_same_kind(name: str, make_data, moments: str) -> None:
    data, config = make_data(), replace(CONFIG.sparsity, moments=moments)
    one, other = _engine(name, data, config), _engine(name, data, config)
    one.train(BATCHES, 1e-2)
    state = one.state_dict()
    expected = [one.train(BATCHES, 1e-2).loss for _ in range(2)]
    other.load_state_dict(state)
    assert [other.train(BATCHES, 1e-2).loss for _ in range(2)] == expected


def test_a_dense_network_has_no_sparse_layers(name: str, make_data) -> None:
    engine = _engine(name, make_data(), SparsityConfig(level="dense"))
    assert engine.sparse_layers == ()
    assert engine.weights() == []
