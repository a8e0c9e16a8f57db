"""Parameters and floating-point operations of a DSN, from its configuration alone. Imports no torch.

``flops_published`` reproduces the figures that the paper prints; ``flops`` is the plain count that compares models
of any kind: 2 x multiply-adds of convolutions, each layer once.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsn.architecture import LayerPlan, layer_plans
from dsn.config import ModelConfig, SparsityConfig


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one network; operations are for one series.

    Attributes:
        parameters: active weights, 1x1 convolutions and batch norms' scales and shifts.
        active_weights: of the sparse layers alone.
        flops: 2 x multiply-adds at active weights, 1x1 convolutions and head.
        flops_published: the authors' count (they count their head twice).
        flops_masked: as ``flops`` with every weight of the sparse layers counted: what an engine that multiplies by
            masked zeros executes.
    """

    parameters: int
    active_weights: int
    flops: int
    flops_published: int
    flops_masked: int


def count(model: ModelConfig, sparsity: SparsityConfig, *, channels: int, length: int, classes: int) -> Cost:
    """The cost of a DSN on series of ``channels`` x ``length`` in ``classes`` classes."""
    layers = layer_plans(model, sparsity, channels)
    out, narrow, pooled = model.channels, model.bottleneck, model.pool_size
    bottlenecks = sum(layer.inputs * narrow for layer in layers if layer.has_bottleneck)
    active = sum(layer.active for layer in layers)
    stored = sum(out * layer.sparse_inputs * model.kernel_size for layer in layers)
    head = 2 * pooled * out * classes
    return Cost(
        parameters=bottlenecks + active + model.depth * 2 * out + out * classes + 2 * classes,
        active_weights=active,
        flops=2 * length * (bottlenecks + active) + head,
        flops_published=_published(layers, model, length, classes),
        flops_masked=2 * length * (bottlenecks + stored) + head,
    )


def _published(layers: tuple[LayerPlan, ...], model: ModelConfig, length: int, classes: int) -> int:
    """The authors' count: multiplies and adds, one add less a sum; 5 operations an output for BN and ReLU."""
    out, pooled = model.channels, model.pool_size
    body = 0
    for layer in layers:
        if layer.has_bottleneck:
            body += model.bottleneck * (2 * layer.inputs - 1)
        body += 5 * out
    weights = sum(layer.active * (2 * layer.sparse_inputs - 1) * length / layer.sparse_inputs for layer in layers)
    head = pooled * out * (length // pooled + 1)
    head += 2 * classes * (pooled * (2 * out - 1) + 4 * pooled) + (pooled + 1) * classes
    return round(body * length + weights + head)
