"""The layers that DSN is made of.

Shape legend: B series of a batch, C channels, L time steps, k taps.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Padding = Literal["replicate-right", "zero"]


class SparseConv1d(nn.Module):
    """A stride-1 convolution, without bias, whose kernels carry a mask. (B, C_in, L) -> (B, C_out, L).

    The weight is stored dense and kept at exactly zero where the mask is off, which ``apply_mask`` restores after every
    gradient step; so the gradient that autograd returns is the dense one, as gradient growth and the published
    optimiser (Adam fed with dense gradients) need it. This is the readable reference: it multiplies by those zeros.

    Attributes:
        shape: (C_out, C_in, k).
        weight: of that shape.
        mask: bool, of that shape, or None for a dense layer.
    """

    weight: nn.Parameter
    mask: Tensor | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, padding: Padding, masked: bool
    ) -> None:
        super().__init__()
        self.padding = padding
        self.shape = (out_channels, in_channels, kernel_size)
        self.weight = nn.Parameter(torch.zeros(self.shape))
        self.register_buffer("mask", torch.ones(self.shape, dtype=torch.bool) if masked else None)

    def forward(self, x: Tensor) -> Tensor:
        taps = self.weight.shape[2]
        if self.padding == "replicate-right":
            x = functional.pad(x, (0, taps - 1), mode="replicate")
        else:
            # Odd kernels see as far back as ahead; an even one takes its extra step ahead.
            x = functional.pad(x, ((taps - 1) // 2, taps // 2))
        return functional.conv1d(x, self.weight)

    @torch.no_grad()
    def set_mask(self, mask: Tensor) -> None:
        """Replace the mask; weights that it turns off become zero, weights that it turns on start at zero."""
        assert self.mask is not None, "a dense layer has no mask"
        self.mask.copy_(mask)
        self.apply_mask()

    @torch.no_grad()
    def apply_mask(self) -> None:
        """Zero the weights that are not active."""
        if self.mask is not None:
            self.weight.mul_(self.mask)


class BatchNorm(nn.BatchNorm1d):
    """Batch norm over (B, C, L), defined for a single value a channel too (a last batch of one series of one step).

    One value has no variance to normalise by, and PyTorch refuses it; the running statistics are used then.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] == 1:
            mean, variance = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, variance, self.weight, self.bias, training=False, eps=self.eps)
        return super().forward(x)


class PooledClassifier(nn.Module):
    """The head: (B, C, L) -> log-probabilities (B, classes).

    Adaptive average pooling to ``pool_size`` steps (shorter series are stretched), 1x1 convolution without bias, batch
    norm, mean over time, log-softmax.
    """

    def __init__(self, channels: int, classes: int, pool_size: int) -> None:
        super().__init__()
        self.pool_size = pool_size
        self.convolution = nn.Conv1d(channels, classes, 1, bias=False)
        self.norm = BatchNorm(classes)

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.adaptive_avg_pool1d(x, self.pool_size)
        scores = self.norm(self.convolution(pooled)).mean(dim=2)
        return functional.log_softmax(scores, dim=1)


def draw_uniform(weight: Tensor, rng: np.random.Generator) -> None:
    """PyTorch's default initialisation of a convolution, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), drawn on the host.

    Drawn in float64 and then rounded, so that float32 and float64 runs start from the same numbers. A weight on
    PyTorch's meta device has a shape and no numbers, and is left so.
    """
    if weight.is_meta:
        return
    fan_in = math.prod(weight.shape[1:])
    bound = 1 / math.sqrt(fan_in)
    weight.copy_(torch.from_numpy(rng.uniform(-bound, bound, size=tuple(weight.shape))))
