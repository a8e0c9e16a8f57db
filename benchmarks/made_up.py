"""What is measured on: the paper's default network, and noise. How long a step takes depends on shapes alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsn.architecture import layer_plans
from dsn.config import DataConfig, RunConfig, SparsityConfig
from dsn.data.dataset import TimeSeriesData
from dsn.sparsity.trainer import Mask, SparseLayer, SparseTrainer

BATCHES = 8
"""Mini-batches of a training set. A training calls its engine once an epoch, and UCR's smaller sets have about ten."""

CLASSES = 2

SEED = 0


def made_up_config(sparsity: SparsityConfig) -> RunConfig:
    """The default network at ``sparsity``."""
    return RunConfig(data=DataConfig(source="npz", name="made-up"), sparsity=sparsity)


def made_up_data(*, batch: int, length: int) -> TimeSeriesData:
    """``BATCHES`` times ``batch`` univariate series of normal noise to train on, of either class in turn."""
    series = BATCHES * batch
    x = np.random.default_rng(SEED).standard_normal((series, 1, length), dtype=np.float32)
    return TimeSeriesData(
        name="made-up",
        x_train=x,
        y_train=np.arange(series, dtype=np.int64) % CLASSES,
        x_test=np.empty((0, 1, length), dtype=np.float32),
        y_test=np.empty(0, dtype=np.int64),
        classes=tuple(str(label) for label in range(CLASSES)),
        content_hash="",
    )


def made_up_batches(batch: int) -> list[NDArray[np.intp]]:
    """``BATCHES`` mini-batches that go once through that training set, in random order."""
    order = np.random.default_rng(SEED).permutation(BATCHES * batch)
    return [order[start : start + batch] for start in range(0, len(order), batch)]


def sparse_layers(config: RunConfig) -> list[SparseLayer]:
    """Of the network of ``config`` for univariate series, as its engine has them."""
    model = config.model
    return [
        SparseLayer(shape=(model.channels, plan.sparse_inputs, model.kernel_size), groups=plan.groups)
        for plan in layer_plans(model, config.sparsity, channels=1)
        if plan.groups is not None
    ]


def initial_masks(config: RunConfig) -> list[Mask]:
    """The masks that a training begins with."""
    return SparseTrainer(sparse_layers(config), config.sparsity, SEED).initial_masks()
