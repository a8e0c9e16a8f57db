"""What an engine is: the numerical state of one training (weights, masks, optimiser) and the few things done to it.

Engines decide nothing. The order of batches, the learning rate and the masks come from outside, drawn from the same
generators whatever the engine, so that two engines can be compared step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.sparsity.trainer import SparseLayer

Snapshot = Mapping[str, NDArray[Any]]
"""Everything that prediction needs, as arrays by name: those of the reference network's ``state_dict``, in its order.

A copy, but perhaps a lazy one, which makes an array only when it is asked for: ``dict(snapshot)`` is plain arrays."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over the series of some training batches, as measured before each batch's step."""

    loss: float = 0.0
    correct: int = 0
    count: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(loss=self.loss + other.loss, correct=self.correct + other.correct, count=self.count + other.count)


class Engine(Protocol):
    """See the module. Masks and weights are lists with one array a sparse layer; dense layers are not among them.

    ``threads`` is how many of the CPU compute at the same time, from 1. One number of them gives the same results every
    time; whether another gives the same, or other last bits as another processor would, is the engine's to say.

    Dense means: at every position inside the regions of the layer's groups (``KernelGroup.block``), active or not. What
    such an array holds outside of them is not specified: no weight is ever active there.
    """

    def __init__(
        self, config: RunConfig, data: TimeSeriesData, *, seed: int, device: str, threads: int = 1
    ) -> None: ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of weights, gradients and all arithmetic."""
        ...

    @property
    def sparse_layers(self) -> tuple[SparseLayer, ...]:
        """Shapes and kernel groups of the layers that have masks; empty for a dense network."""
        ...

    def train(self, batches: Sequence[NDArray[np.intp]], learning_rate: float) -> Totals:
        """One gradient step a batch (indices into the training set), masks applied after each."""
        ...

    def measure(self, batch: NDArray[np.intp]) -> Totals:
        """Loss and gradients of a batch, as in training (batch norm's running statistics included), without a step."""
        ...

    def weights(self) -> list[NDArray[Any]]:
        """Copies of the sparse layers' weights, (C_out, C_in, k) each."""
        ...

    def gradients(self) -> list[NDArray[Any]]:
        """Copies of the dense gradients of the last batch trained on or measured, (C_out, C_in, k) each."""
        ...

    def momentum(self) -> list[NDArray[Any]]:
        """Copies of Adam's first moments, (C_out, C_in, k) each: running means of the dense gradients of all steps,
        not corrected for their bias, zero before the first. ``measure`` leaves them alone. Under ``moments: fresh`` a
        weight's begins anew when the weight is grown, and goes on while it is inactive.

        Only for a configuration with a rule that reads them (``dsn.sparsity.trainer.needed_measurements``)."""
        ...

    def set_masks(self, masks: Sequence[NDArray[np.bool_]], grown: Sequence[NDArray[np.bool_]] | None = None) -> None:
        """Replace the masks. Weights turned off become zero, weights turned on start at zero, the others keep their
        value. Under ``moments: fresh`` Adam begins anew at the weights that were ``grown``.

        Args:
            masks: inside the regions.
            grown: every weight that is turned on, and those that were on and have been pruned and grown again at once.
                None only before any training, for the initial masks: active weights keep their initial value then.
        """
        ...

    def snapshot(self) -> Snapshot:
        """A copy of all that prediction needs."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Put a snapshot back, converted to ``dtype``, to predict with. To train on from it, where its masks are
        others, is not specified: what the optimiser knows of the weights that it turns off may be lost."""
        ...

    def predict(self, x: NDArray[Any], snapshot: Snapshot | None = None) -> NDArray[np.float64]:
        """Log-probabilities (n, classes) of series (n, channels, length), n from 0 on, under the present weights or
        those of a snapshot. Nothing changes by it.

        Series of any real type and layout in memory, and snapshots of an engine of another ``dtype``, are converted to
        this one's.

        Raises:
            ValueError: series of other channels or another length than those of the training set.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """All state, for a checkpoint from which training goes on exactly. A copy, of plain values and NumPy arrays in
        lists, tuples and dicts (``dsn.checkpoint_file``)."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of an engine of the same class, configuration and ``dtype``
        (``dsn.checkpoint`` sees to it). ``state`` is copied: it can be gone on from again."""
        ...


def require_series(x: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Check that series are what ``Engine.predict`` asks for; ``shape`` is (channels, length)."""
    if x.shape[1:] != shape:
        raise ValueError(f"series of shape {x.shape[1:]}, where they are {shape}")


def require_masks(
    layers: Sequence[SparseLayer],
    before: Sequence[NDArray[np.bool_]],
    masks: Sequence[NDArray[np.bool_]],
    grown: Sequence[NDArray[np.bool_]] | None,
    *,
    trained: bool,
) -> None:
    """Assert what ``Engine.set_masks`` asks of its arguments; ``before`` are the present masks."""
    for layer, mask in zip(layers, masks, strict=True):
        assert layer.holds(mask), "a mask reaches beyond the regions"
    if grown is None:
        assert not trained, "after training has begun, what was grown must be told"
        return
    for old, new, anew in zip(before, masks, grown, strict=True):
        assert not (new & ~old & ~anew).any(), "a weight is turned on that was not grown"
