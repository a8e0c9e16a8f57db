"""Effective neighbour receptive fields (eNRF): how many neighbouring steps a sparse kernel spans. Needs numpy only.

A kernel whose first active tap is a and whose last one is b sees b - a + 1 neighbouring steps, whatever lies between; a
kernel without an active tap sees none. The paper's Figures 6 and 9 to 11 are histograms of these sizes, layer by layer.
The receptive field of stacked layers follows from them: three kernels of sizes s1, s2 and s3 that follow each other see
max(0, s1 + s2 + s3 - 2) steps of the series.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
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


def stacked_size_shares(counts: Iterable[SizeCount]) -> NDArray[np.float64]:
    """How the receptive field is distributed over the paths through the layers that are given.

    A path takes one kernel of each of the d layers. Every combination is a path, and one like any other, because the
    dense 1x1 convolutions join each kernel of a layer to each of the next. A path through kernels of sizes s1 to sd has
    a receptive field of max(0, s1 + ... + sd - (d - 1)) steps, the paper's formula (there for d = 3).

    The formula is taken as it stands for kernels without an active tap, s = 0: a path through one of them counts as one
    step shorter than through a kernel of a single tap, although in truth nothing passes along it.

    Args:
        counts: as ``size_counts`` yields them, of all of a network's layers or of some.

    Returns:
        share[s], the part of the paths whose receptive field is s, from 0 to the largest; they add up to 1. Through no
        layer at all, every path sees one step.
    """
    kernels: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for count in counts:
        kernels[count.layer][count.size] += count.kernels
    sums = np.ones(1)
    for histogram in kernels.values():
        layer = np.bincount(list(histogram), weights=list(histogram.values()))
        sums = np.convolve(sums, layer / layer.sum())
    fields = np.maximum(np.arange(len(sums)) - (len(kernels) - 1), 0)
    shares = np.zeros(fields[-1] + 1)
    np.add.at(shares, fields, sums)
    return shares


def mean_stacked_size(counts: Iterable[SizeCount]) -> float:
    """The mean receptive field, in steps, of the paths through the layers that are given."""
    shares = stacked_size_shares(counts)
    return float(shares @ np.arange(len(shares)))
