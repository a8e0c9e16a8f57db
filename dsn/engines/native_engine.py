"""The native CPU engine: products over active weights alone, in C++ (``dsn/native``).

The same mathematics as the reference's, rounded elsewhere. Where weights that are grown begin Adam anew (``moments:
fresh``), and where masks never change, gradients are computed at active weights only; else Adam is fed with dense ones,
as published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.contract import Snapshot, Totals, require_masks, require_series
from dsn.engines.native_layers import NativeLayer, native_layers
from dsn.engines.native_snapshot import NativeSnapshot, masks_in, write
from dsn.models import MODELS
from dsn.native.network import HEAD, NativeNetwork, Part, Which
from dsn.sparsity.trainer import Mask, SparseLayer, needed_measurements

PREDICTION_BATCH = 16
"""Series predicted at a time. The last of them are filled up with series of zeros, so that a prediction does not depend
on its company, to the bit; but for a single series, which has a faster layout of its own."""


class NativeEngine:
    """``dsn.engines.contract.Engine`` in C++, on the CPU.

    Args:
        config: what to train.
        data: converted to ``dtype`` once, whole.
        seed: of the initial weights, which are the reference engine's.
        device: ``cpu``.
        dtype: float32, or float64 for comparing engines.
        threads: that compute at the same time; no bit of a result depends on their number.

    Raises:
        NativeUnavailable: there is no library.
        MemoryError: as the name says, or the system starts no more threads.
    """

    def __init__(
        self,
        config: RunConfig,
        data: TimeSeriesData,
        *,
        seed: int,
        device: str = "cpu",
        dtype: DTypeLike = np.float32,
        threads: int = 1,
    ) -> None:
        assert device == "cpu", device
        assert threads >= 1, threads
        channels, self._length = data.x_train.shape[1:]
        self._config = config
        self._threads = threads
        self._channels = channels
        self._classes = len(data.classes)
        self._layers = native_layers(config, channels)
        self._needs = needed_measurements(config.sparsity)
        self._x = np.ascontiguousarray(data.x_train, dtype=dtype)
        self._y = np.ascontiguousarray(data.y_train, dtype=np.int64)
        # The library finds a series' score by its label.
        assert self._y.min(initial=0) >= 0, "a label is no class"
        assert self._y.max(initial=0) < self._classes, "a label is no class"
        self._network = self._new_network()
        build = MODELS[config.model.name]
        network = build(config.model, config.sparsity, channels=channels, classes=self._classes, seed=seed)
        initial = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        write(self._network, self._layers, [layer.usable for layer in self._layers], initial)
        self._positions = self._active_positions()
        self._trained = False
        self._gradients: list[NDArray[Any]] | None = None

    def _new_network(self) -> NativeNetwork:
        model, sparsity = self._config.model, self._config.sparsity
        explores = sparsity.explore and any(layer.groups for layer in self._layers)
        restarts = explores and sparsity.moments == "fresh"
        dense = explores and (not restarts or "momentum" in self._needs)
        shape = (
            self._channels,
            self._length,
            self._classes,
            model.depth,
            model.channels,
            model.bottleneck,
            model.kernel_size,
            model.pool_size,
            model.padding == "zero",
            dense,
            restarts,
        )
        regions = np.array([layer.regions for layer in self._layers], dtype=np.int32)
        return NativeNetwork(shape, regions, self._x.dtype, threads=self._threads)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._network.dtype

    @property
    def sparse_layers(self) -> tuple[SparseLayer, ...]:
        return tuple(SparseLayer(shape=layer.shape, groups=layer.groups) for _, layer in self._sparse())

    def train(self, batches: Sequence[NDArray[np.intp]], learning_rate: float) -> Totals:
        return self._each(batches, *self._network.train(self._x, self._y, batches, learning_rate))

    def measure(self, batch: NDArray[np.intp]) -> Totals:
        return self._each([batch], *self._network.measure(self._x, self._y, [batch]))

    def _each(self, batches: Sequence[NDArray[np.intp]], loss: float, correct: int) -> Totals:
        if batches:
            self._trained, self._gradients = True, None
        return Totals(loss=loss, correct=correct, count=sum(len(batch) for batch in batches))

    def weights(self) -> list[NDArray[Any]]:
        return [
            layer.scattered(self._positions[index], self._network.array(index, Part.CONVOLUTION, Which.WEIGHT))
            for index, layer in self._sparse()
        ]

    def gradients(self) -> list[NDArray[Any]]:
        assert self._trained or not self.sparse_layers, "no batch has been trained on yet"
        if self._gradients is None:
            self._gradients = [
                layer.spread(self._network.dense_gradient(index, layer.usable_size)) for index, layer in self._sparse()
            ]
        return [gradient.copy() for gradient in self._gradients]

    def momentum(self) -> list[NDArray[Any]]:
        assert "momentum" in self._needs, "no rule of this configuration reads the momentum"
        return [
            layer.spread(self._network.array(index, Part.CONVOLUTION, Which.FIRST_MOMENT))
            for index, layer in self._sparse()
        ]

    def set_masks(self, masks: Sequence[Mask], grown: Sequence[Mask] | None = None) -> None:
        present = [layer.mask(self._positions[index]) for index, layer in self._sparse()]
        require_masks(self.sparse_layers, present, masks, grown, trained=self._trained)
        for number, (index, _) in enumerate(self._sparse()):
            self._network.set_mask(index, masks[number], None if grown is None else grown[number])
        self._positions = self._active_positions()

    def snapshot(self) -> Snapshot:
        return NativeSnapshot(self._network, self._layers, self._positions)

    def restore(self, snapshot: Snapshot) -> None:
        write(self._network, self._layers, masks_in(snapshot, self._layers), snapshot)
        self._positions = self._active_positions()

    def predict(self, x: NDArray[Any], snapshot: Snapshot | None = None) -> NDArray[np.float64]:
        require_series(x, (self._channels, self._length))
        network = self._network
        if snapshot is not None:
            network = self._new_network()
            write(network, self._layers, masks_in(snapshot, self._layers), snapshot)
        elif self._trained and "gradient" in self._needs:
            self.gradients()  # what they are computed from is overwritten
        parts = [
            self._predict_some(network, x[start : start + PREDICTION_BATCH])
            for start in range(0, len(x), PREDICTION_BATCH)
        ]
        return np.concatenate([np.empty((0, self._classes)), *parts])

    def _predict_some(self, network: NativeNetwork, x: NDArray[Any]) -> NDArray[np.float64]:
        series = np.zeros((1 if len(x) == 1 else PREDICTION_BATCH, *x.shape[1:]), dtype=network.dtype)
        series[: len(x)] = x
        return network.predict(series, self._classes)[: len(x)].astype(np.float64)

    def state_dict(self) -> dict[str, Any]:
        return {
            "positions": list(self._positions),
            "arrays": {place: self._network.array(*place).copy() for place in self._places_of_state()},
            "steps": self._network.steps,
            "batches": [self._network.batches(block) for block in self._blocks()],
            "trained": self._trained,
            "gradients": self.gradients() if self._trained and "gradient" in self._needs else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for index, layer in enumerate(self._layers):
            self._network.set_mask(index, layer.mask(state["positions"][index]), None)
        self._positions = self._active_positions()
        for place, values in state["arrays"].items():
            self._network.array(*place)[...] = values
        self._network.steps = state["steps"]
        for block, batches in zip(self._blocks(), state["batches"], strict=True):
            self._network.set_batches(block, batches)
        self._trained, self._gradients = state["trained"], state["gradients"]

    def _sparse(self) -> Iterator[tuple[int, NativeLayer]]:
        return ((index, layer) for index, layer in enumerate(self._layers) if layer.groups)

    def _active_positions(self) -> list[NDArray[np.int32]]:
        return [self._network.positions(index).copy() for index in range(len(self._layers))]

    def _blocks(self) -> list[int]:
        return [*range(len(self._layers)), HEAD]

    def _places_of_state(self) -> Iterator[tuple[int, int, int]]:
        """Every array that training depends on: block, part and which."""
        moments = (Which.WEIGHT, Which.FIRST_MOMENT, Which.SECOND_MOMENT)
        statistics = (Which.RUNNING_MEAN, Which.RUNNING_VARIANCE)
        corrections = (Which.CORRECTION_1, Which.CORRECTION_2)
        for block in self._blocks():
            parts = [Part.CONVOLUTION, Part.NORM_WEIGHT, Part.NORM_BIAS]
            if block != HEAD and self._layers[block].inputs is not None:
                parts.append(Part.BOTTLENECK)
            yield from ((block, int(part), int(which)) for part in parts for which in moments)
            yield from ((block, int(Part.NORM_WEIGHT), int(which)) for which in statistics)
            if block != HEAD:
                yield from ((block, int(Part.CONVOLUTION), int(which)) for which in corrections)
