"""Where a sparse network's active weights are, by output channel and tap (the paper's Figure 8). Needs numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsn.architecture import LayerPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class TapCount:
    """``active`` weights of a layer at output channel ``channel`` and tap ``tap``, of as many as the layer has inputs.

    Layers and groups count from 1, channels (within the layer) and taps from 0.
    """

    layer: int
    group: int
    channel: int
    tap: int
    active: int


def tap_counts(layers: Sequence[LayerPlan], masks: Sequence[NDArray[np.bool_]]) -> Iterator[TapCount]:
    """The active weights of a network's sparse layers; places without any are left out, and so are dense layers.

    Args:
        layers: all of the network's layers, from the input.
        masks: one a sparse layer, (C_out, C_in, k), in order.
    """
    remaining = iter(masks)
    for number, layer in enumerate(layers, start=1):
        if layer.groups is None:
            continue
        counts = next(remaining).sum(axis=1)
        for index, group in enumerate(layer.groups, start=1):
            own = counts[group.start : group.stop]
            for channel, tap in np.argwhere(own).tolist():
                yield TapCount(
                    layer=number, group=index, channel=group.start + channel, tap=tap, active=int(own[channel, tap])
                )
    assert next(remaining, None) is None, "more masks than sparse layers"
