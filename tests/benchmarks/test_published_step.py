"""What the engines are compared with computes what they compute, the masks' updates too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchmarks.made_up import BATCHES, CLASSES, SEED, initial_masks, made_up_batches, made_up_config, made_up_data
from benchmarks.mask_update import FRACTION, Exchange, published_exchange, selected_exchange
from benchmarks.published_step import PublishedStep
from benchmarks.steps import RATE
from benchmarks.training_step import SHAPES, Shape, useful_flops
from dsn.config import SparsityConfig
from dsn.engines.torch_engine import TorchEngine

CONFIG = made_up_config(SparsityConfig(initial="random", moments="warm"))


def test_the_published_step_is_the_reference_engines_under_warm_moments() -> None:
    data, batches, masks = made_up_data(batch=3, length=20), made_up_batches(3), initial_masks(CONFIG)
    engine = TorchEngine(CONFIG, data, seed=SEED, dtype=torch.float64)
    engine.set_masks(masks)
    published = PublishedStep(CONFIG, data, seed=SEED, masks=masks, dtype=torch.float64)
    expected = engine.train(batches, RATE)
    loss = published.train(batches, RATE)
    # In double, over 8 steps of Adam, which divides gradients by their own size: rounding 1e-16 grows, but not to this.
    assert loss / BATCHES == pytest.approx(expected.loss / expected.count, rel=1e-9)
    for weight, reference, mask in zip(published.weights(), engine.weights(), masks, strict=True):
        assert np.allclose(weight, reference, rtol=0, atol=1e-9)
        assert not weight[~mask].any()


def test_a_training_set_is_gone_through_once() -> None:
    batches = made_up_batches(3)
    assert [len(batch) for batch in batches] == [3] * BATCHES
    data = made_up_data(batch=3, length=20)
    assert sorted(np.concatenate(batches)) == list(range(len(data.x_train)))
    assert set(data.y_train) == set(range(CLASSES))


@pytest.mark.parametrize("exchange", [published_exchange, selected_exchange])
def test_an_exchange_drops_the_smallest_and_stays_in_its_region(exchange: Exchange) -> None:
    generator = torch.Generator().manual_seed(0)
    region, shape = 3, (6, 5, 9)
    mask = torch.zeros(shape)
    mask[:, :, :region] = (torch.rand((6, 5, region), generator=generator) < 0.4).float()
    weight = torch.randn(shape, generator=generator) * mask
    before = mask.clone()
    new = exchange(weight, mask, region, generator)
    active = int(before.sum())
    assert torch.equal(mask, before), "its arguments stay as they are"
    assert int(new.sum()) == active
    assert set(new.unique().tolist()) == {0.0, 1.0}
    assert not new[:, :, region:].any()
    largest = weight.abs().flatten().argsort(descending=True)[: active - math.ceil(FRACTION * active)]
    assert new.flatten()[largest].all()
    assert not torch.equal(new, before)


def test_useful_operations_counted_by_hand() -> None:
    # Groups of 47 channels over 13, 26 and 39 taps, a fifth of them active; 47 inputs but for the first layer's 1.
    first, others, bottleneck = 122 + 244 + 366, 5743 + 11486 + 17230, 141 * 47
    per_point = 2 * 2 * first + 3 * 3 * 2 * (others + bottleneck)
    head = 3 * 2 * 141 * 2 * 50
    assert useful_flops(SHAPES[1]) == 16 * (150 * per_point + head)


def test_targets_are_halved_for_avx2_and_there_are_none_for_others() -> None:
    shape = Shape(batch=16, length=150, fresh=7.5, warm=None)
    assert [shape.target("fresh", name) for name in ("avx512", "avx2", "portable", None)] == [7.5, 3.75, None, None]
    assert shape.target("warm", "avx512") is None
