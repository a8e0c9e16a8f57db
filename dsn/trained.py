"""A trained network as an object that predicts.

    network = load("workspace/trials/<trial id>")
    network.predict(X)

Series are prepared as the network's own training set was, and the engine predicts as it did when the trial was scored:
with the same engine on the same machine the numbers are the same to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dsn.artifact import NetworkHeader, network_bytes, read_network
from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.data.preparation import prepare_series
from dsn.data.raw import Reals, series_block
from dsn.durable import write_atomic
from dsn.engine_choice import choose_engine, require_threads
from dsn.engines import ENGINES
from dsn.engines.contract import Snapshot
from dsn.errors import InvalidInput
from dsn.export import program_bytes

FILE = "network.npz"
"""The name of a trained network in the folder of its trial."""

_AT_ONCE = 4096
"""Series prepared at a time, which bounds memory. A multiple of what an engine predicts at a time (a test holds it to
that), so that the batches, and with them the last bits of the results, are those of the whole."""


def load(
    path: str | os.PathLike[str], *, engine: str = "auto", device: str = "cpu", threads: int = 1
) -> TrainedNetwork:
    """A trained network from its file. Reading executes nothing that the file holds.

    Args:
        path: a ``network.npz``, or the folder of a trial.
        engine: a key of ``dsn.engines.ENGINES``, or ``auto``: the fastest that can be used here.
        device: where to compute, ``cpu`` or ``cuda``.
        threads: of the CPU, as for ``dsn.training.Training``.

    Raises:
        InvalidInput: nothing there, or it is no trained network of this version or a broken one; no such engine or
            device; no thread.
    """
    place = Path(path)
    if place.is_dir():
        place = place / FILE
    network, header = read_network(place)
    return TrainedNetwork(network, header, engine=engine, device=device, threads=threads)


def require_available(engine: str, device: str) -> None:
    """Check that this machine can compute there.

    Raises:
        InvalidInput: no such engine or device, or they do not go together.
    """
    choose_engine(engine, device)
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    devices = ["cpu", *(["cuda", *gpus] if gpus else [])]
    if device not in devices:
        raise InvalidInput("no such device here", key="device", value=device, choices=devices)


class TrainedNetwork:
    """A network that predicts, and what it was trained for. Does not change; can be pickled.

    Args:
        arrays: a snapshot of an engine.
        header: what the arrays mean.
        engine: as for ``load``. A copy that is unpickled elsewhere chooses anew.
        device: where to compute.
        threads: of the CPU.

    Attributes:
        config: what was trained.
        classes: the labels as text, as the data wrote them (whole numbers without a decimal point).
        channels: of every series.
        length: time points of the training series; shorter series are padded to it.
        arrays: weights, masks and statistics by name, read-only.
    """

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        header: NetworkHeader,
        *,
        engine: str = "auto",
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        require_available(engine, device)
        require_threads(threads)
        self._header = header
        self._place = (engine, device, threads)
        self.config: RunConfig = header.config
        self.classes = header.classes
        self.channels = header.channels
        self.length = header.length
        self.arrays = MappingProxyType({name: _read_only(array) for name, array in arrays.items()})
        # An engine needs no series to predict, only to train.
        make_engine = ENGINES[choose_engine(engine, device).name]
        self._engine = make_engine(self.config, _no_series(header), seed=0, device=device, threads=threads)
        self._engine.restore(self.arrays)

    def predict(self, X: Any) -> NDArray[np.str_]:
        """The most probable label of each series, (n,), as text; X and errors as for ``predict_log_proba``."""
        labels: NDArray[np.str_] = np.array(self.classes)[self.predict_log_proba(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (n, classes), columns in the order of ``classes``; X as for ``predict_log_proba``."""
        probabilities = np.exp(self.predict_log_proba(X))
        # The engine's sums are exact to float32; these are to float64, as those who work on with them expect.
        normalised: NDArray[np.float64] = probabilities / probabilities.sum(axis=1, keepdims=True)
        return normalised

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """The engine's logarithms of probabilities, (n, classes), to float32's precision.

        Args:
            X: numbers, (n, length) for one channel or (n, channels, length); or a list of n arrays (channels,
                length_i). Prepared as in training: padded with NaN at the end to the training length, scaled by the
                training set's moments if it was normalised, and then 0 for NaN.

        Raises:
            InvalidInput: another shape, longer series, something else than real numbers, a value that is infinite as
                float32 or so large that the network's output is.
        """
        series = self._series(X)
        parts = [self._computed(series[start : start + _AT_ONCE]) for start in range(0, len(series), _AT_ONCE)]
        found = np.concatenate(parts)
        broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if broken.size:
            raise InvalidInput(
                f"series {broken[0]} (counted from 0) is so large that the network's output is not finite", key="X"
            )
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what ``load`` reads; the file is whole or absent, whatever interrupts.

        Raises:
            OSError: the folder is missing or not writable, or the disk is full.
        """
        write_atomic(Path(path), network_bytes(self.arrays, self._header))

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write a program that ``torch.export.load`` reads where this project is not installed; whole or absent.

        It takes raw series, float32 (n, channels, length) with NaN where there is no value, of any n, and returns
        log-probabilities, float32 (n, classes): those of ``predict_log_proba`` on the same series, but for the order of
        float32 sums. Values too large for it give NaN or infinities, no error. Its file ``dsn.json`` holds the classes
        in the order of the columns, and the rest of what was trained (``dsn.export``).

        PyTorch promises no more than that its own version reads the program; ``save`` writes what lasts.

        Raises:
            InvalidInput: a name that does not end in ``.pt2``, as PyTorch wants it.
            OSError: the folder is missing or not writable, or the disk is full.
        """
        place = Path(path)
        if place.suffix != ".pt2":
            raise InvalidInput("must end in .pt2, as PyTorch names programs", key="path", value=str(path))
        write_atomic(place, program_bytes(self.arrays, self._header))

    def _computed(self, series: Reals) -> NDArray[np.float64]:
        return self._engine.predict(prepare_series(series, self.length, self._header.scaling, place="X"))

    def _series(self, X: Any) -> Reals:
        """X as a block (n, channels, L <= length)."""
        if isinstance(X, list) and X and all(isinstance(one, np.ndarray) and one.ndim == 2 for one in X):
            block = series_block(X, place="X")
        else:
            array = _array(X)
            if array.ndim not in (2, 3):
                raise self._shape_error(array.shape)
            block = series_block(array, place="X")
        if block.shape[1] != self.channels or block.shape[2] > self.length:
            raise self._shape_error(np.shape(X) if isinstance(X, np.ndarray) else block.shape)
        return block

    def _shape_error(self, shape: tuple[int, ...]) -> InvalidInput:
        wanted = f"(n, {self.channels}, {self.length})"
        if self.channels == 1:
            wanted = f"(n, {self.length}) or {wanted}"
        return InvalidInput(f"must be of shape {wanted}, or of fewer time points", key="X", value=shape)

    def __repr__(self) -> str:
        model, sparsity = self.config.model, self.config.sparsity
        groups = "1 group" if sparsity.groups == 1 else f"{sparsity.groups} groups"
        level = "dense" if sparsity.level == "dense" else f"sparsity {sparsity.level:g} in {groups}"
        return (
            f"<TrainedNetwork {self.config.data.name}: series ({self.channels}, {self.length}), "
            f"{len(self.classes)} classes; {model.name} of depth {model.depth}, {model.channels} channels, "
            f"kernel {model.kernel_size}, {level}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Engines need not be such as can be pickled; what they are made of is.
        return _rebuilt, (dict(self.arrays), self._header, *self._place)


def _rebuilt(arrays: Snapshot, header: NetworkHeader, engine: str, device: str, threads: int) -> TrainedNetwork:
    return TrainedNetwork(arrays, header, engine=engine, device=device, threads=threads)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _array(X: Any) -> NDArray[Any]:
    try:
        return np.asarray(X)
    except (ValueError, TypeError, RuntimeError) as error:
        # Lists of unequal lengths; tensors on a GPU or with a gradient.
        raise InvalidInput(
            f"is no array; for series of unequal length, give a list of arrays (channels, length): {error}", key="X"
        ) from error


def _no_series(header: NetworkHeader) -> TimeSeriesData:
    x = np.empty((0, header.channels, header.length), dtype=np.float32)
    y = np.empty(0, dtype=np.int64)
    return TimeSeriesData(
        name=header.config.data.name,
        x_train=x,
        y_train=y,
        x_test=x,
        y_test=y,
        classes=header.classes,
        content_hash="",
        scaling=header.scaling,
    )
