"""The large convolutions as the native engine sees them, and its arrays of weights in the shapes of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.architecture import layer_plans
from dsn.config import RunConfig
from dsn.sparsity.regions import KernelGroup
from dsn.sparsity.trainer import Mask


@dataclass(frozen=True, kw_only=True, eq=False)
class NativeLayer:
    """One convolution.

    Attributes:
        shape: of its weight, (C_out, C_in, k).
        inputs: channels that its bottleneck reads, or None where it has none.
        groups: kernel groups; none where it is dense, and has no mask.
    """

    shape: tuple[int, int, int]
    inputs: int | None
    groups: tuple[KernelGroup, ...]

    @property
    def regions(self) -> list[int]:
        """Usable taps of every output channel."""
        return [group.region for group in self.groups for _ in range(group.channels)] or [self.shape[2]] * self.shape[0]

    @cached_property
    def usable(self) -> Mask:
        """Where weights may be active, in the weight's shape."""
        regions = np.array(self.regions)[:, None, None]
        return np.broadcast_to(np.arange(self.shape[2]) < regions, self.shape)

    @property
    def usable_size(self) -> int:
        """How many they are."""
        return self.shape[1] * sum(self.regions)

    def mask(self, positions: NDArray[np.int32]) -> Mask:
        """Flat positions as a mask."""
        mask = np.zeros(self.shape, dtype=bool)
        mask.reshape(-1)[positions] = True
        return mask

    def scattered(self, positions: NDArray[np.int32], values: NDArray[Any]) -> NDArray[Any]:
        """Values at these positions, zero elsewhere."""
        array = np.zeros(self.shape, dtype=values.dtype)
        array.reshape(-1)[positions] = values
        return array

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values at all usable positions, in their order, zero elsewhere."""
        array, start = np.zeros(self.shape, dtype=values.dtype), 0
        for group in self.groups:
            block = array[group.block]
            block[...] = values[start : start + block.size].reshape(block.shape)
            start += block.size
        return array


def native_layers(config: RunConfig, channels: int) -> tuple[NativeLayer, ...]:
    """The convolutions of a network for series of ``channels`` channels, from the input."""
    model = config.model
    return tuple(
        NativeLayer(
            shape=(model.channels, plan.sparse_inputs, model.kernel_size),
            inputs=plan.inputs if plan.has_bottleneck else None,
            groups=plan.groups or (),
        )
        for plan in layer_plans(model, config.sparsity, channels)
    )
