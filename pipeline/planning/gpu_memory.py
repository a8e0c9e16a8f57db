"""What a trial takes of a GPU's memory, guessed before anything has run, and which part of the GPU that is."""

from __future__ import annotations

import math

from dsn.architecture import layer_plans
from dsn.config import RunConfig
from dsn.data import DataInfo

CONTEXT = 700 * 10**6
"""Bytes that a process takes of a GPU before its first tensor: CUDA's context, and the code of its libraries."""

PREDICTED_AT_ONCE = 256
"""Series, by the engine for PyTorch."""

SHARES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
"""How many trials may share a GPU. Few numbers: a worker goes on to trials of the same share alone."""

_FLOAT = 4
_COPIES_OF_WEIGHTS = 7
"""The weights, as masked, their gradients, Adam's two moments, those of the best epoch, and a copy in passing."""

_COPIES_OF_OUTPUTS = 4
"""Of each layer: of the convolution, of the batch norm, of the ReLU, and of its input with zeros around it."""

_CAREFUL = 2
"""For what cuDNN works in, and for what lies idle between tensors."""


def gpu_bytes(config: RunConfig, info: DataInfo) -> int:
    """Bytes of a GPU that a trial takes. An estimate from the tensors that there are, not measured on any GPU yet: a
    trial that it is too low for is tried again with twice the share (``pipeline.scheduling.retry``).

    Args:
        config: of the trial.
        info: of its data set, all of which lies on the GPU.
    """
    model, batch = config.model, config.training.batch_size_for(info.train_n)
    layers = layer_plans(model, config.sparsity, info.channels)
    weights = sum(
        model.channels * layer.sparse_inputs * model.kernel_size
        + layer.has_bottleneck * layer.inputs * model.bottleneck
        for layer in layers
    )
    outputs = _COPIES_OF_OUTPUTS * model.channels * info.length
    # Backwards, a layer's gradients are there beside the outputs of all.
    training = batch * outputs * (len(layers) + 1)
    # Of what is predicted without gradients, two layers are there at a time.
    predicting = min(PREDICTED_AT_ONCE, max(info.train_n, info.test_n)) * outputs * 2
    series = (info.train_n + info.test_n) * info.channels * info.length
    floats = _COPIES_OF_WEIGHTS * weights + _CAREFUL * max(training, predicting) + series
    return CONTEXT + _FLOAT * floats


def share_of(wanted: int, there: int) -> float:
    """The part of a GPU of ``there`` bytes that has ``wanted`` of them: one of ``SHARES``, rounded down as Ray counts
    in ten-thousandths; 1 where it has not as many."""
    most = max((number for number in SHARES if number * wanted <= there), default=1)
    return math.floor(10_000 / most) / 10_000


def left_for_tensors(share: float, there: int) -> float:
    """The part of a GPU of ``there`` bytes that tensors may take of a share: the process takes some before any."""
    return max(share - CONTEXT / there, share / 10)
