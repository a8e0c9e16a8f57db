"""The dynamic sparse network (paper, Section 3; published code)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from dsn.architecture import LayerPlan, layer_plans
from dsn.config import ModelConfig, SparsityConfig
from dsn.layers import BatchNorm, PooledClassifier, SparseConv1d, draw_uniform
from dsn.randomness import generator


class SparseBlock(nn.Module):
    """Bottleneck, sparse convolution, batch norm, ReLU. (B, inputs, L) -> (B, channels, L)."""

    def __init__(self, plan: LayerPlan, model: ModelConfig) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(plan.inputs, plan.sparse_inputs, 1, bias=False) if plan.has_bottleneck else None
        self.convolution = SparseConv1d(
            plan.sparse_inputs,
            model.channels,
            model.kernel_size,
            padding=model.padding,
            masked=plan.groups is not None,
        )
        self.norm = BatchNorm(model.channels)

    def forward(self, x: Tensor) -> Tensor:
        if self.bottleneck is not None:
            x = self.bottleneck(x)
        return functional.relu(self.norm(self.convolution(x)))


class DSN(nn.Module):
    """(B, channels, L) -> log-probabilities (B, classes)."""

    def __init__(self, plans: tuple[LayerPlan, ...], model: ModelConfig, classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(SparseBlock(plan, model) for plan in plans))
        self.head = PooledClassifier(model.channels, classes, model.pool_size)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.blocks(x))
        return scores


def build_dsn(model: ModelConfig, sparsity: SparsityConfig, *, channels: int, classes: int, seed: int) -> DSN:
    """A DSN for series of ``channels`` channels with initial weights drawn from ``seed``; its masks are all on.

    Each convolution has a generator of its own, so that arms whose shapes agree in a layer start equal there.
    """
    network = DSN(layer_plans(model, sparsity, channels), model, classes)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv1d | SparseConv1d)]
    for index, convolution in enumerate(convolutions):
        draw_uniform(convolution.weight.data, generator(seed, "weights", index))
    return network
