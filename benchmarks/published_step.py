"""The published training step, written anew: what the engines are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.layers import SparseConv1d
from dsn.models import MODELS


class PublishedStep:
    """A training step as the authors' code does it, on the CPU.

    What it is: the same network as the engines train, with their initial weights and masks. Convolutions are dense,
    over whole kernels of k taps, on inputs padded by replication; gradients are dense; ``torch.optim.Adam`` has its
    default settings, so it is not fused; after each step the sparse layers' weights are multiplied by masks of floats,
    into new tensors. Loss and hits of each batch are read back. Denormal numbers are treated as PyTorch treats them.

    What it is not: their program. Left out, in its favour, are the DataLoader (series are in memory, and batches are
    taken by index), the schedules' steps, the multiplication of 1x1 convolutions by masks of ones, and its printing.

    Args:
        config: what to train.
        data: the training set.
        seed: of the initial weights.
        masks: one a sparse layer, (C_out, C_in, k) each.
        dtype: float32 as published, or float64 to compare with an engine.
    """

    def __init__(
        self,
        config: RunConfig,
        data: TimeSeriesData,
        *,
        seed: int,
        masks: Sequence[NDArray[np.bool_]],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        build = MODELS[config.model.name]
        channels, classes = data.x_train.shape[1], len(data.classes)
        self._network = build(config.model, config.sparsity, channels=channels, classes=classes, seed=seed).to(dtype)
        convolutions = [each for each in self._network.modules() if isinstance(each, SparseConv1d)]
        self._masked = [
            (convolution.weight, torch.from_numpy(mask).to(dtype))
            for convolution, mask in zip(convolutions, masks, strict=True)
        ]
        self._optimiser = torch.optim.Adam(self._network.parameters(), lr=config.training.learning_rate)
        self._x = torch.tensor(data.x_train, dtype=dtype)
        self._y = torch.tensor(data.y_train)
        self._apply_masks()

    def train(self, batches: Sequence[NDArray[np.intp]], learning_rate: float) -> float:
        """One gradient step a batch (indices into the training set); the sum of the batches' mean losses."""
        self._optimiser.param_groups[0]["lr"] = learning_rate
        self._network.train()
        total = 0.0
        for batch in batches:
            index = torch.from_numpy(batch)
            target = self._y[index]
            self._optimiser.zero_grad()
            output = self._network(self._x[index])
            loss = functional.nll_loss(output, target)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            self._apply_masks()
            total += loss.item()
            (output.argmax(dim=1) == target).sum().item()
        return total

    def weights(self) -> list[NDArray[np.floating]]:
        """Copies of the sparse layers' weights."""
        return [weight.detach().numpy().copy() for weight, _ in self._masked]

    def _apply_masks(self) -> None:
        for weight, mask in self._masked:
            weight.data = weight.data * mask
