"""The network's shapes, padding and initial weights, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsn.config import ModelConfig, SparsityConfig
from dsn.cost import count
from dsn.layers import PooledClassifier, SparseConv1d
from dsn.models.dsn import build_dsn


def _convolution(padding: str, kernel: list[float]) -> SparseConv1d:
    layer = SparseConv1d(1, 1, len(kernel), padding=padding, masked=True)
    layer.weight.data[:] = torch.tensor([[kernel]])
    return layer


def test_replicate_right_padding_makes_tap_j_read_j_steps_ahead() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert _convolution("replicate-right", [1, 0, 0])(x).tolist() == [[[1, 2, 3]]]
    assert _convolution("replicate-right", [0, 0, 1])(x).tolist() == [[[3, 3, 3]]]
    assert _convolution("replicate-right", [0, 1, 0])(x).tolist() == [[[2, 3, 3]]]


def test_zero_padding_is_centred() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert _convolution("zero", [1, 0, 0])(x).tolist() == [[[0, 1, 2]]]
    assert _convolution("zero", [0, 0, 1])(x).tolist() == [[[2, 3, 0]]]


def test_with_39_taps_zero_padding_is_19_on_both_sides() -> None:
    # The first of 39 taps sees 19 steps back, as the published code's (19, 19).
    x = torch.zeros(1, 1, 60)
    x[0, 0, 20] = 1
    assert _convolution("zero", [1.0] + [0.0] * 38)(x).argmax().item() == 39


@settings(max_examples=30)
@given(
    channels=st.integers(1, 3),
    length=st.integers(1, 70),
    classes=st.integers(2, 4),
    kernel=st.integers(1, 12),
    depth=st.integers(1, 3),
    padding=st.sampled_from(["replicate-right", "zero"]),
)
def test_any_shape_gives_log_probabilities_and_the_counted_parameters(
    *, channels: int, length: int, classes: int, kernel: int, depth: int, padding: str
) -> None:
    model = ModelConfig(channels=6, kernel_size=kernel, depth=depth, padding=padding)
    sparsity = SparsityConfig(level="dense")
    network = build_dsn(model, sparsity, channels=channels, classes=classes, seed=0).eval()
    output = network(torch.zeros(2, channels, length))
    assert output.shape == (2, classes)
    assert torch.allclose(output.exp().sum(dim=1), torch.ones(2))
    cost = count(model, sparsity, channels=channels, length=length, classes=classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == cost.parameters


def test_short_series_are_stretched_to_the_pooling_size() -> None:
    head = PooledClassifier(channels=1, classes=1, pool_size=50)
    seen = []
    head.convolution.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape))
    head.eval()(torch.zeros(1, 1, 7))
    assert seen == [(1, 1, 50)]


def test_initial_weights_are_pytorchs_default_distribution_of_the_dense_shape() -> None:
    network = build_dsn(ModelConfig(), SparsityConfig(), channels=1, classes=2, seed=3)
    weight = network.blocks[1].convolution.weight
    bound = 1 / math.sqrt(47 * 39)
    assert weight.abs().max().item() <= bound
    # The mean of n uniform draws has standard deviation bound / sqrt(3 n); five of those bound chance at 6e-7.
    assert abs(weight.mean().item()) < 5 * bound / math.sqrt(3 * weight.numel())
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_arms_with_one_seed_start_equal_where_their_shapes_agree() -> None:
    three = build_dsn(ModelConfig(), SparsityConfig(), channels=1, classes=2, seed=3)
    dense = build_dsn(ModelConfig(depth=2), SparsityConfig(level="dense"), channels=1, classes=2, seed=3)
    other = build_dsn(ModelConfig(), SparsityConfig(), channels=1, classes=2, seed=4)
    weights = [np.asarray(net.blocks[1].convolution.weight.detach()) for net in (three, dense, other)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_kernels_below_five_taps_are_dense() -> None:
    network = build_dsn(ModelConfig(kernel_size=4), SparsityConfig(), channels=1, classes=2, seed=0)
    assert [block.convolution.mask for block in network.blocks] == [None] * 4
