"""The native engine's network, as Python sees it: its C functions with their types, and its arrays without copies."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import POINTER, c_double, c_int, c_int64, c_void_p
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.native.library import load_library

HEAD = -1
"""Stands for the head where a block is asked for."""


class Part(IntEnum):
    """What of a block has weights (engine.cpp, ``Part``)."""

    BOTTLENECK = 0
    CONVOLUTION = 1
    NORM_WEIGHT = 2
    NORM_BIAS = 3


class Which(IntEnum):
    """Which array of a part (engine.cpp, ``Array``)."""

    WEIGHT = 0
    FIRST_MOMENT = 1
    SECOND_MOMENT = 2
    CORRECTION_1 = 3
    CORRECTION_2 = 4
    RUNNING_MEAN = 5
    RUNNING_VARIANCE = 6


class _View(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("size", c_int64))


_SUFFIXES = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}

_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "new": (c_void_p, (c_void_p, c_void_p, c_int)),
    "free": (None, (c_void_p,)),
    "array": (_View, (c_void_p, c_int, c_int, c_int)),
    "positions": (_View, (c_void_p, c_int)),
    "batches": (POINTER(c_int64), (c_void_p, c_int)),
    "steps": (POINTER(c_int64), (c_void_p,)),
    "set_mask": (c_int, (c_void_p, c_int, c_void_p, c_void_p)),
    "train": (c_int, (*(c_void_p,) * 5, c_int64, c_double, POINTER(c_double), POINTER(c_int64))),
    "measure": (c_int, (*(c_void_p,) * 5, c_int64, POINTER(c_double), POINTER(c_int64))),
    "predict": (c_int, (c_void_p, c_void_p, c_void_p, c_int64, c_void_p)),
    "dense_gradient": (c_int, (c_void_p, c_int, c_void_p)),
}


class NativeNetwork:
    """A network and its optimiser's state in the memory of the native library, and the threads that compute with them.

    Whoever calls is one of the threads; the others end with the network. In a process that was forked off there is none
    of them, and a network made before computes with the caller's alone, to the same numbers.

    Args:
        shape: the numbers of the C++ ``Shape``, in its order.
        regions: usable taps of every output channel of every block, (depth, channels).
        dtype: float32 or float64, of everything.
        threads: which compute at the same time, from 1. They change no bit of what is computed.

    Raises:
        NativeUnavailable: there is no library.
        MemoryError: as the name says, so may every other method; or the system starts no more threads.
    """

    def __init__(
        self, shape: Sequence[int], regions: NDArray[np.int32], dtype: np.dtype[Any], *, threads: int = 1
    ) -> None:
        handle, suffix = load_library().handle, _SUFFIXES[dtype]
        self.dtype = dtype
        self._functions = {name: _typed(handle, f"dsn_{name}_{suffix}", *types) for name, types in _FUNCTIONS.items()}
        numbers = np.array(shape, dtype=np.int64)
        self._network = self._functions["new"](numbers.ctypes.data, np.ascontiguousarray(regions).ctypes.data, threads)
        if self._network is None:
            raise MemoryError
        weakref.finalize(self, self._functions["free"], self._network)

    def array(self, block: int, part: int, which: int) -> NDArray[Any]:
        """A live view, flat: writing to it changes the network. Not to be kept beyond ``set_mask``."""
        return _as_array(self, self._functions["array"](self._network, block, part, which), self.dtype)

    def positions(self, block: int) -> NDArray[np.int32]:
        """Which weights of a block's convolution are active, as flat positions; a view like ``array``."""
        return _as_array(self, self._functions["positions"](self._network, block), np.dtype(np.int32))

    def set_mask(self, block: int, mask: NDArray[np.bool_], grown: NDArray[np.bool_] | None) -> None:
        """Replace a block's mask; arrays of the weight's shape."""
        mask = np.ascontiguousarray(mask)
        grown = None if grown is None else np.ascontiguousarray(grown)
        self._call("set_mask", block, mask.ctypes.data, None if grown is None else grown.ctypes.data)

    def train(
        self, series: NDArray[Any], labels: NDArray[np.int64], batches: Sequence[NDArray[np.intp]], rate: float
    ) -> tuple[float, int]:
        """A gradient step a batch; the sums over series of loss and hits before each."""
        return self._each_batch("train", series, labels, batches, rate)

    def measure(
        self, series: NDArray[Any], labels: NDArray[np.int64], batches: Sequence[NDArray[np.intp]]
    ) -> tuple[float, int]:
        """The same without steps."""
        return self._each_batch("measure", series, labels, batches)

    def _each_batch(
        self,
        function: str,
        series: NDArray[Any],
        labels: NDArray[np.int64],
        batches: Sequence[NDArray[np.intp]],
        *rate: float,
    ) -> tuple[float, int]:
        loss, correct = c_double(0), c_int64(0)
        chosen = np.concatenate(batches, dtype=np.int64) if batches else np.empty(0, np.int64)
        sizes = np.array([len(batch) for batch in batches], dtype=np.int64)
        # The library reads where it is told to.
        assert chosen.ndim == 1, chosen.shape
        assert series.dtype == self.dtype, series.dtype
        assert labels.dtype == np.int64, labels.dtype
        assert series.flags.c_contiguous
        assert labels.flags.c_contiguous
        if (sizes < 1).any() or not _within(chosen, len(series)) or len(labels) != len(series):
            raise ValueError(
                f"batches of sizes {sizes.tolist()} with indices {chosen.tolist()} of {len(series)} series"
            )
        arguments = (series.ctypes.data, labels.ctypes.data, chosen.ctypes.data, sizes.ctypes.data, len(sizes), *rate)
        self._call(function, *arguments, ctypes.byref(loss), ctypes.byref(correct))
        return loss.value, correct.value

    def predict(self, series: NDArray[Any], classes: int) -> NDArray[Any]:
        """Log-probabilities (n, classes) of series (n, channels, length) under the running statistics."""
        assert series.dtype == self.dtype, series.dtype
        assert series.flags.c_contiguous
        chosen = np.arange(len(series))
        result = np.empty((len(series), classes), dtype=self.dtype)
        self._call("predict", series.ctypes.data, chosen.ctypes.data, len(series), result.ctypes.data)
        return result

    def dense_gradient(self, block: int, size: int) -> NDArray[Any]:
        """Of the last batch at all usable taps of a block: flat, (output, input, tap of the output's region)."""
        result = np.empty(size, dtype=self.dtype)
        self._call("dense_gradient", block, result.ctypes.data)
        return result

    @property
    def steps(self) -> int:
        """Of Adam, so far."""
        return int(self._functions["steps"](self._network)[0])

    @steps.setter
    def steps(self, steps: int) -> None:
        self._functions["steps"](self._network)[0] = steps

    def batches(self, block: int) -> int:
        """What a batch norm has seen in training."""
        return int(self._functions["batches"](self._network, block)[0])

    def set_batches(self, block: int, batches: int) -> None:
        """Likewise."""
        self._functions["batches"](self._network, block)[0] = batches

    def _call(self, function: str, *arguments: Any) -> None:
        if self._functions[function](self._network, *arguments):
            raise MemoryError


def _typed(handle: ctypes.CDLL, name: str, result: Any, arguments: tuple[Any, ...]) -> Any:
    function = getattr(handle, name)
    function.restype, function.argtypes = result, arguments
    return function


def _as_array(owner: NativeNetwork, view: _View, dtype: np.dtype[Any]) -> NDArray[Any]:
    memory = (ctypes.c_char * (view.size * dtype.itemsize)).from_address(view.data or 0)
    memory.owner = owner  # the memory lives as long as the network
    return np.frombuffer(memory, dtype=dtype)


def _within(chosen: NDArray[np.int64], count: int) -> bool:
    return not chosen.size or bool(chosen.min() >= 0 and chosen.max() < count)
