"""One suite over every engine: what ``dsn.engines.contract.Engine`` promises.

That an engine's numbers are the reference's to the last bits that its arithmetic allows is shown elsewhere; here are
those that a wrong formula would change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines import ENGINES
from dsn.engines.contract import Engine, Totals
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.trainer import SparseLayer, SparseTrainer
from dsn.training import Training

CONFIG = RunConfig(
    data=DataConfig(source="aeon", name="made-up"),
    model=ModelConfig(channels=6, kernel_size=7, depth=2, pool_size=5),
    sparsity=SparsityConfig(level=0.5, groups=2),
)
BATCHES = [np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7]), np.array([8])]
MOMENTS = ["warm", "fresh"]

pytestmark = pytest.mark.parametrize("name", ENGINES)


def _engine(name: str, data: TimeSeriesData, config: RunConfig = CONFIG, threads: int = 1) -> Engine:
    engine = ENGINES[name](config, data, seed=0, device="cpu", threads=threads)
    engine.set_masks(_masks(engine.sparse_layers))
    return engine


def _sparse(**changes: str) -> RunConfig:
    return replace(CONFIG, sparsity=replace(CONFIG.sparsity, **changes))


def _masks(layers: Sequence[SparseLayer], seed: int = 0) -> list[np.ndarray]:
    """Drawn anew for each seed; each group has its number of active weights, inside its region."""
    return SparseTrainer(layers, replace(CONFIG.sparsity, initial="random"), seed).initial_masks()


def _inside(layer: SparseLayer) -> np.ndarray:
    """Where gradients and momentum are specified."""
    inside = np.zeros(layer.shape, dtype=bool)
    for group in layer.groups:
        inside[group.block] = True
    return inside


def _equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(np.array_equal(one[key], other[key]) for key in one)


def _equal_inside(layers: Sequence[SparseLayer], one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    triples = zip(layers, one, other, strict=True)
    return all(np.array_equal(mine[_inside(layer)], theirs[_inside(layer)]) for layer, mine, theirs in triples)


def _all_equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_an_engine_begins_as_the_reference_does(name: str, make_data) -> None:
    data = make_data(channels=2)
    mine, reference = (ENGINES[each](CONFIG, data, seed=3, device="cpu") for each in (name, "torch"))
    assert mine.sparse_layers == reference.sparse_layers
    for engine in (mine, reference):
        engine.set_masks(_masks(engine.sparse_layers))
    one, other = dict(mine.snapshot()), dict(reference.snapshot())
    assert _equal(one, other)
    assert [array.dtype for array in one.values()] == [array.dtype for array in other.values()]


def test_weights_that_are_not_active_stay_zero_through_training(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    engine.train(BATCHES, 1e-2)
    for weight, mask in zip(engine.weights(), _masks(engine.sparse_layers), strict=True):
        assert weight.shape == mask.shape
        assert not weight[~mask].any()
        assert weight[mask].all()


@pytest.mark.parametrize("changes", [{"moments": "warm"}, {"moments": "fresh"}, {"explore": False}], ids=str)
def test_gradients_are_dense_and_of_the_last_batch(name: str, make_data, changes: dict[str, Any]) -> None:
    data = make_data()
    trained, measured = (_engine(name, data, _sparse(**changes)) for _ in range(2))
    trained.train(BATCHES[:2], 1e-2)
    measured.train(BATCHES[:1], 1e-2)
    measured.measure(BATCHES[1])
    assert _equal_inside(trained.sparse_layers, trained.gradients(), measured.gradients())
    masks = _masks(trained.sparse_layers)
    for gradient, layer, mask in zip(trained.gradients(), trained.sparse_layers, masks, strict=True):
        assert gradient.shape == layer.shape
        for part in (mask, _inside(layer) & ~mask):
            assert np.count_nonzero(gradient[part]) > part.sum() / 2


def test_new_masks_zero_what_they_turn_off_and_keep_what_stays_on(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    engine.train(BATCHES, 1e-2)
    before, old = engine.weights(), _masks(engine.sparse_layers)
    masks = _masks(engine.sparse_layers, seed=1)
    engine.set_masks(masks, [new & ~was for was, new in zip(old, masks, strict=True)])
    for was, now, mask, weight in zip(before, engine.weights(), masks, old, strict=True):
        stayed = mask & weight
        assert stayed.any()
        assert np.array_equal(now[stayed], was[stayed])
        assert not now[~stayed].any(), "turned off, or newly on"


def test_masks_beyond_the_regions_are_refused(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    masks = _masks(engine.sparse_layers)
    masks[1][0, 0, engine.sparse_layers[1].groups[0].region] = True
    with pytest.raises(AssertionError, match="beyond the regions"):
        engine.set_masks(masks, masks)


def test_weights_that_are_turned_on_must_have_been_grown(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    engine.train(BATCHES, 1e-2)
    masks = _masks(engine.sparse_layers, seed=1)
    nothing = [np.zeros_like(mask) for mask in masks]
    with pytest.raises(AssertionError, match="not grown"):
        engine.set_masks(masks, nothing)
    with pytest.raises(AssertionError, match="what was grown must be told"):
        engine.set_masks(masks)


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
    assert _equal_inside(measuring.sparse_layers, measuring.gradients(), training.gradients())
    assert _all_equal(before, measuring.weights())


def test_no_batch_is_no_step(name: str, make_data) -> None:
    engine = _engine(name, make_data())
    before = engine.snapshot()
    assert engine.train([], 1e-2) == Totals()
    assert _equal(engine.snapshot(), before)


@pytest.mark.parametrize("moments", MOMENTS)
def test_only_fresh_moments_begin_anew_where_weights_were_grown(name: str, make_data, moments: str) -> None:
    # Some weights stay on. For one engine they have been pruned and grown again at once, for the other just kept.
    data = make_data()
    regrown, kept = (_engine(name, data, _sparse(moments=moments)) for _ in range(2))
    old, new = (_masks(kept.sparse_layers, seed) for seed in (0, 1))
    for engine in (regrown, kept):
        engine.train(BATCHES, 1e-2)
    regrown.set_masks(new, new)
    kept.set_masks(new, [now & ~was for was, now in zip(old, new, strict=True)])
    assert _all_equal(regrown.weights(), kept.weights())
    for engine in (regrown, kept):
        engine.train(BATCHES[:1], 1e-2)
    equal = [np.array_equal(one, two) for one, two in zip(regrown.weights(), kept.weights(), strict=True)]
    assert equal == [moments == "warm"] * 2


def test_momentum_is_only_there_for_a_rule_that_reads_it(name: str, make_data) -> None:
    for config in (CONFIG, _sparse(grow="momentum", explore=False)):
        with pytest.raises(AssertionError, match="no rule"):
            _engine(name, make_data(), config).momentum()


@pytest.mark.parametrize("moments", MOMENTS)
def test_momentum_is_the_running_mean_of_all_dense_gradients(name: str, make_data, moments: str) -> None:
    engine = _engine(name, make_data(), _sparse(grow="momentum", moments=moments))
    layers, inside = engine.sparse_layers, [_inside(layer) for layer in engine.sparse_layers]
    expected = [np.zeros(layer.shape) for layer in layers]
    assert _equal_inside(layers, engine.momentum(), expected)
    for batch in BATCHES * 3:
        engine.train([batch], 1e-2)
        expected = [0.9 * mean + 0.1 * g for mean, g in zip(expected, engine.gradients(), strict=True)]
    for mean, moment, mask, where in zip(expected, engine.momentum(), _masks(layers), inside, strict=True):
        # Nine float32 updates of two roundings each, 6e-8 of the largest term; some terms cancel.
        assert np.allclose(moment[where], mean[where], rtol=0, atol=2e-6 * np.abs(mean[where]).max())
        assert np.count_nonzero(moment[where & ~mask]) > 0


@pytest.mark.parametrize("moments", MOMENTS)
def test_to_look_at_momentum_or_to_measure_a_batch_changes_nothing(name: str, make_data, moments: str) -> None:
    data, config = make_data(), _sparse(grow="momentum", moments=moments)
    looked_at, other = _engine(name, data, config), _engine(name, data, config)
    for moment in looked_at.momentum():
        moment.fill(1)
    for engine in (looked_at, other):
        engine.train(BATCHES, 1e-2)
    looked = looked_at.momentum()
    kept = [moment.copy() for moment in looked]
    looked_at.measure(BATCHES[0])
    assert _equal_inside(looked_at.sparse_layers, kept, looked_at.momentum())
    looked_at.train(BATCHES, 1e-2)
    assert _all_equal(kept, looked)
    other.measure(BATCHES[0])
    other.train(BATCHES, 1e-2)
    assert _all_equal(looked_at.weights(), other.weights())


@pytest.mark.parametrize("moments", MOMENTS)
def test_only_fresh_momentum_begins_anew_where_weights_were_grown_and_goes_on_elsewhere(
    name: str, make_data, moments: str
) -> None:
    engine = _engine(name, make_data(), _sparse(grow="momentum", moments=moments))
    engine.train(BATCHES, 1e-2)
    before, masks = engine.momentum(), _masks(engine.sparse_layers, seed=1)
    engine.set_masks(masks, masks)
    if moments == "fresh":
        before = [np.where(grown, 0, moment) for grown, moment in zip(masks, before, strict=True)]
    assert _equal_inside(engine.sparse_layers, before, engine.momentum())


@pytest.mark.parametrize("moments", MOMENTS)
def test_momentum_goes_over_with_the_state(name: str, make_data, moments: str) -> None:
    data, config = make_data(), _sparse(grow="momentum", moments=moments)
    one, other = _engine(name, data, config), _engine(name, data, config)
    one.train(BATCHES, 1e-2)
    other.load_state_dict(one.state_dict())
    assert _equal_inside(one.sparse_layers, one.momentum(), other.momentum())


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


def test_one_number_of_threads_gives_the_same_bits_every_time(name: str, make_data) -> None:
    data = make_data()
    snapshots = []
    for _ in range(2):
        engine = _engine(name, data, threads=2)
        engine.train(BATCHES * 3, 1e-2)
        snapshots.append(engine.snapshot())
    assert _equal(*snapshots)


def test_a_snapshot_is_a_copy_and_restores_predictions(name: str, make_data) -> None:
    data = make_data()
    engine = _engine(name, data)
    snapshot = engine.snapshot()
    copies = {key: value.copy() for key, value in engine.snapshot().items()}
    predictions = engine.predict(data.x_test)
    engine.train(BATCHES, 1e-2)
    assert _equal(snapshot, copies)
    assert not np.array_equal(engine.predict(data.x_test), predictions)
    engine.restore(snapshot)
    assert np.array_equal(engine.predict(data.x_test), predictions)
    assert _equal(snapshot, copies)
    engine.train(BATCHES, 1e-2)
    engine.restore(copies)
    assert np.array_equal(engine.predict(data.x_test), predictions)


@pytest.mark.parametrize("moments", MOMENTS)
def test_an_earlier_network_can_be_tested_between_two_steps(name: str, make_data, moments: str) -> None:
    data = make_data()
    tested, other = (_engine(name, data, _sparse(moments=moments)) for _ in range(2))
    earlier, masks = tested.snapshot(), _masks(tested.sparse_layers, seed=1)
    for engine in (tested, other):
        engine.train(BATCHES, 1e-2)
        engine.set_masks(masks, masks)
        engine.train(BATCHES, 1e-2)
    then = tested.predict(data.x_test, earlier)
    assert np.array_equal(then, _engine(name, data, _sparse(moments=moments)).predict(data.x_test))
    assert not np.array_equal(then, tested.predict(data.x_test))
    assert _equal(tested.snapshot(), other.snapshot())
    assert tested.train(BATCHES, 1e-2) == other.train(BATCHES, 1e-2)
    assert _equal(tested.snapshot(), other.snapshot())


def test_predictions_are_log_probabilities_and_do_not_depend_on_their_company(name: str, make_data) -> None:
    data = make_data(test_n=300, classes=3)
    engine = _engine(name, data)
    together = engine.predict(data.x_test)
    assert together.shape == (300, 3)
    assert together.dtype == np.float64
    assert np.allclose(np.exp(together).sum(axis=1), 1, atol=1e-6)
    # The same sums in float32, in another order: 1e-5 is some 80 units in the last place of numbers near 1.
    for part in (slice(0, 1), slice(150, 151), slice(299, 300), slice(20, 37), slice(5, 5)):
        assert np.allclose(together[part], engine.predict(data.x_test[part]), atol=1e-5)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float64": lambda x: x.astype(np.float64),
    "whole numbers": lambda x: x.astype(np.int16),
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "apart in memory": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
    "backwards in memory": lambda x: np.flip(x, axis=2).copy()[:, :, ::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_series_of_any_type_and_layout_are_converted(name: str, make_data, layout: str) -> None:
    data = make_data()
    engine = _engine(name, data)
    assert engine.dtype == np.float32
    whole = np.round(8 * data.x_test)  # the same value in every type
    assert np.array_equal(engine.predict(LAYOUTS[layout](whole)), engine.predict(whole))


@pytest.mark.parametrize("shape", [(2, 1, 19), (2, 1, 21), (2, 2, 20), (2, 20), (20,), (0, 1, 19)], ids=str)
def test_series_of_another_shape_are_refused(name: str, make_data, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"where they are \(1, 20\)"):
        _engine(name, make_data()).predict(np.zeros(shape))


def test_snapshots_of_an_engine_of_another_type_are_converted(name: str, make_data) -> None:
    data = make_data()
    engine = _engine(name, data)
    engine.train(BATCHES, 1e-2)
    expected = engine.predict(data.x_test)
    snapshot = {
        key: array.astype(np.float64) if array.dtype.kind == "f" else array for key, array in engine.snapshot().items()
    }
    engine.train(BATCHES, 1e-2)
    assert np.array_equal(engine.predict(data.x_test, snapshot), expected)
    engine.restore(snapshot)
    assert np.array_equal(engine.predict(data.x_test), expected)
    assert {array.dtype for array in engine.weights()} == {engine.dtype}


@pytest.mark.parametrize("moments", MOMENTS)
def test_state_goes_over_to_another_engine_of_the_same_kind(name: str, make_data, moments: str) -> None:
    data, config = make_data(), _sparse(moments=moments)
    one = _engine(name, data, config)
    one.train(BATCHES, 1e-2)
    state = one.state_dict()
    expected = [one.train(BATCHES, 1e-2).loss for _ in range(2)]
    for _ in range(2):  # from one state again and again
        other = _engine(name, data, config)
        other.load_state_dict(state)
        assert [other.train(BATCHES, 1e-2).loss for _ in range(2)] == expected


NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, int]]] = {
    # what: settings of the model, of sparsity, and of the data
    "as above": ({}, {}, {}),
    "fresh moments": ({}, {"moments": "fresh"}, {}),
    "fixed topology": ({}, {"explore": False}, {}),
    "one time point": ({}, {}, {"length": 1}),
    "one time point, zero padding": ({"padding": "zero"}, {}, {"length": 1}),
    "shorter than the kernel": ({}, {}, {"length": 4}),
    "several channels": ({}, {}, {"channels": 3}),
    "several channels, one time point": ({}, {}, {"channels": 3, "length": 1}),
    "zero padding": ({"padding": "zero"}, {}, {"channels": 2}),
    "zero padding, even kernel": ({"padding": "zero", "kernel_size": 6}, {}, {}),
    "zero padding, shorter than the kernel": ({"padding": "zero", "kernel_size": 8}, {}, {"length": 3}),
    "dense": ({}, {"level": "dense"}, {"channels": 2}),
    "dense, fresh moments": ({}, {"level": "dense", "moments": "fresh"}, {}),
    "kernels of 4 taps are dense": ({"kernel_size": 4}, {}, {}),
    "kernels of 1 tap": ({"kernel_size": 1}, {"groups": 1}, {"channels": 2}),
    "one layer": ({"depth": 1}, {}, {}),
    "three channels": ({"channels": 3}, {"groups": 1}, {}),
    "all weights active": ({}, {"level": 0.0}, {}),
    "few weights active": ({"channels": 12, "kernel_size": 9}, {"level": 0.95, "groups": 1}, {}),
    "more classes than time points": ({}, {}, {"classes": 7, "length": 6}),
    "pooled to one value": ({"pool_size": 1}, {}, {}),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_is_computed_as_the_reference_does(name: str, make_data, network: str) -> None:
    model, sparsity, shape = NETWORKS[network]
    config = replace(CONFIG, model=replace(CONFIG.model, **model), sparsity=replace(CONFIG.sparsity, **sparsity))
    data = make_data(**{"train_n": 17, "test_n": 17, **shape})
    mine, reference = _engine(name, data, config), _engine("torch", data, config)
    assert len(mine.weights()) == len(mine.sparse_layers) == len(reference.sparse_layers)
    # One series alone, and then more at once than ever before; batch norm's statistics move with each.
    for batch in (np.arange(3), np.array([3]), np.arange(4, 17)):
        measured, expected = mine.measure(batch), reference.measure(batch)
        # Equal weights, so the same sums but for their order. The reference in float32 is off that in float64 by 2e-7
        # at most, by 9e-6 where batch norm divides by the small variance of a few values (one time point).
        assert measured.count == expected.count
        assert measured.loss == pytest.approx(expected.loss, rel=1e-4)
    one, other = mine.snapshot(), reference.snapshot()
    assert list(one) == list(other)
    for key, array in other.items():
        assert np.allclose(one[key], array, rtol=1e-5, atol=1e-5), key
    batches = [np.arange(4), np.arange(4, 17), np.array([3])]
    totals = mine.train(batches, 1e-2)
    assert totals.count == 18
    assert math.isfinite(totals.loss)
    for weight, mask in zip(mine.weights(), _masks(mine.sparse_layers), strict=True):
        assert not weight[~mask].any()
    reference.restore(mine.snapshot())
    predictions = mine.predict(data.x_test)
    assert predictions.shape == (17, len(data.classes))
    assert np.allclose(predictions, reference.predict(data.x_test), atol=2e-5)


@pytest.mark.parametrize("moments", MOMENTS)
def test_batches_one_call_at_a_time_are_those_of_one_call(name: str, make_data, moments: str) -> None:
    data, config = make_data(train_n=17), _sparse(moments=moments)
    together, apart = _engine(name, data, config), _engine(name, data, config)
    batches = [np.arange(3), np.array([3]), np.arange(4, 17), np.arange(2)]
    totals = together.train(batches, 1e-2)
    parts = sum((apart.train([batch], 1e-2) for batch in batches), Totals())
    assert (totals.correct, totals.count) == (parts.correct, parts.count)
    assert totals.loss == pytest.approx(parts.loss, rel=1e-12)
    assert _equal(together.snapshot(), apart.snapshot())


@pytest.mark.parametrize("changes", [{"level": "dense"}, {"level": 0.5}], ids=str)
def test_a_network_without_masks_has_no_sparse_layers(name: str, make_data, changes: dict[str, Any]) -> None:
    short = replace(CONFIG.model, kernel_size=4 if changes["level"] == 0.5 else 7)
    engine = _engine(name, make_data(), replace(_sparse(**changes), model=short))
    assert engine.sparse_layers == ()
    assert engine.weights() == engine.gradients() == []
