"""The layers of a DSN as plain numbers: what its model is built from and its cost is counted from. Imports no torch."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from dsn.config import ModelConfig, SparsityConfig
from dsn.sparsity.regions import SMALLEST_SPARSE_KERNEL, KernelGroup, kernel_groups


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """One of the network's layers.

    Attributes:
        inputs: channels that enter the layer.
        has_bottleneck: whether a 1x1 convolution brings them to ``sparse_inputs``.
        sparse_inputs: channels that enter the convolution with the large kernels.
        groups: its kernel groups, or None when the layer is dense.
        active: its active weights.
    """

    inputs: int
    has_bottleneck: bool
    sparse_inputs: int
    groups: tuple[KernelGroup, ...] | None
    active: int


def is_sparse(model: ModelConfig, sparsity: SparsityConfig) -> bool:
    """Whether the network's large kernels have masks; short ones are dense."""
    return sparsity.level != "dense" and model.kernel_size >= SMALLEST_SPARSE_KERNEL


def layer_plans(model: ModelConfig, sparsity: SparsityConfig, channels: int) -> tuple[LayerPlan, ...]:
    """The layers of a DSN on series of ``channels`` channels.

    Raises:
        InvalidInput: no topology of that sparsity exists (see ``kernel_groups``).
    """
    # Layers of one shape have the same groups; without the cache a deep network would take a second to plan.
    groups_for = functools.cache(functools.partial(_groups, model, sparsity))
    plans = []
    for index in range(model.depth):
        inputs = channels if index == 0 else model.channels
        sparse_inputs = model.bottleneck if inputs > 1 else 1
        groups, active = groups_for(sparse_inputs)
        plans.append(
            LayerPlan(
                inputs=inputs, has_bottleneck=inputs > 1, sparse_inputs=sparse_inputs, groups=groups, active=active
            )
        )
    return tuple(plans)


def _groups(
    model: ModelConfig, sparsity: SparsityConfig, sparse_inputs: int
) -> tuple[tuple[KernelGroup, ...] | None, int]:
    """Kernel groups, or None in a dense layer, and the number of active weights."""
    if not is_sparse(model, sparsity):
        return None, model.channels * sparse_inputs * model.kernel_size
    groups = kernel_groups(
        sparsity, out_channels=model.channels, in_channels=sparse_inputs, kernel_size=model.kernel_size
    )
    return groups, sum(group.active for group in groups)
