"""Effective neighbour receptive fields (eNRF): how many neighbouring steps a sparse kernel spans. Needs numpy only.

A kernel whose first active tap is a and whose last one is b sees b - a + 1 neighbouring steps, whatever lies between; a
kernel without an active tap sees none. The paper's Figures 6 and 9 to 11 are histograms of these sizes, layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsn.architecture import LayerPlan
from dsn.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class SizeCount:
    """``kernels`` kernels of a layer's kernel group have the eNRF size ``size``; layers and groups count from 1.

    A dense layer counts as one group.
    """

    layer: int
    group: int
    size: int
    kernels: int


def enrf_sizes(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The eNRF size of every kernel of a layer: mask (C_out, C_in, k) -> (C_out, C_in), from 0 to k."""
    first = mask.argmax(axis=2)
    last = mask.shape[2] - 1 - mask[:, :, ::-1].argmax(axis=2)
    return np.where(mask.any(axis=2), last - first + 1, 0).astype(np.int64)


def size_counts(
    model: ModelConfig, layers: Sequence[LayerPlan], masks: Sequence[NDArray[np.bool_]]
) -> Iterator[SizeCount]:
    """The histogram of a network's eNRF sizes by layer and kernel group; sizes that no kernel has are left out.

    Args:
        model: the network's shape.
        layers: all of its layers, from the input.
        masks: one a sparse layer, (C_out, C_in, k), in order.
    """
    remaining = iter(masks)
    for number, layer in enumerate(layers, start=1):
        if layer.groups is None:
            kernels = model.channels * layer.sparse_inputs
            yield SizeCount(layer=number, group=1, size=model.kernel_size, kernels=kernels)
            continue
        sizes = enrf_sizes(next(remaining))
        for index, group in enumerate(layer.groups, start=1):
            found, counts = np.unique(sizes[group.start : group.stop], return_counts=True)
            for size, kernels in zip(found.tolist(), counts.tolist(), strict=True):
                yield SizeCount(layer=number, group=index, size=size, kernels=kernels)
    assert next(remaining, None) is None, "more masks than sparse layers"
