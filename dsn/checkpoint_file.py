"""A checkpoint as bytes, which hold numbers and nothing that could be executed.

    DSN-CHECKPOINT 1 <SHA-256 of the rest> <bytes of the rest>
    {"header": ..., "state": ..., "arrays": [[type, shape], ...]}
    the arrays, one after the other

Two lines, then memory as it is. One format serves every engine, since their states are plain values and NumPy arrays
(``dsn.engines.contract.Engine.state_dict``); neither torch nor pickle is needed to read one. Nothing is compressed:
that would take ten times as long, for files of which one a running trial exists.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.errors import InvalidInput

FORMAT = 1
"""Raised whenever what ``Training.state_dict`` holds, or how it is written, changes."""

_FIRST_LINE = re.compile(rb"DSN-CHECKPOINT (\d{1,9}) ([0-9a-f]{64}) (\d{1,15})\n")

_PLAIN = (type(None), bool, int, float, str)

_KINDS = "biuf"
"""Of arrays: truth values, whole numbers, floating point."""

# What reading text of another shape than ours raises.
_UNREADABLE = (ValueError, TypeError, LookupError, OverflowError, RecursionError)


def checkpoint_bytes(state: Mapping[str, Any], header: Mapping[str, str]) -> bytes:
    """A ``Training.state_dict`` as bytes.

    Args:
        state: of None, truth values, numbers, text, arrays of numbers, and lists, tuples and dicts of these. Tuples
            stay tuples, and keys what they are; other mappings come back as dicts.
        header: what else must be known of it before anybody goes on from it.

    Raises:
        TypeError: the state holds something else.
    """
    arrays: list[NDArray[Any]] = []
    tree = _encoded(state, arrays)
    kept = [[array.dtype.str, array.shape] for array in arrays]
    text = json.dumps({"header": dict(header), "state": tree, "arrays": kept}).encode("ascii") + b"\n"
    # As flat bytes: copied once, where they are joined.
    parts: list[bytes | memoryview] = [text]
    parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    first = f"DSN-CHECKPOINT {FORMAT} {digest.hexdigest()} {sum(map(len, parts))}\n"
    return b"".join([first.encode("ascii"), *parts])


def read_checkpoint(content: bytes, place: str = "checkpoint") -> tuple[dict[str, str], dict[str, Any]]:
    """Header and state, as they were given to ``checkpoint_bytes``; the arrays are copies.

    Raises:
        InvalidInput: no checkpoint, or of another format; cut short, or changed. With ``place``.
    """
    found = _FIRST_LINE.match(content)
    if found is None:
        raise InvalidInput("is no checkpoint, or its first line is cut short", place=place)
    version, digest, length = int(found[1]), found[2].decode("ascii"), int(found[3])
    if version != FORMAT:
        raise InvalidInput(
            f"is of another version of this software, which reads format {FORMAT}", value=version, place=place
        )
    rest = memoryview(content)[found.end() :]
    if len(rest) != length:
        raise InvalidInput(f"is cut short or too long: {len(rest)} bytes where it had {length}", place=place)
    if hashlib.sha256(rest).hexdigest() != digest:
        raise InvalidInput("is damaged: its bytes are not those that were written", place=place)
    return _Reader(place).parts(content, found.end())


def _encoded(value: object, arrays: list[NDArray[Any]]) -> Any:
    """``value`` in JSON's terms. Arrays are put aside into ``arrays``, and stand as their number there."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if type(value) is list:
        return [_encoded(item, arrays) for item in value]
    if type(value) is tuple:
        return {"tuple": [_encoded(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[_encoded(key, arrays), _encoded(item, arrays)] for key, item in value.items()]}
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


class _Reader:
    """Of what follows the first line. Once the digest has been compared, only a forgery can be anything else than what
    was written; that is refused all the same."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._arrays: Sequence[NDArray[Any]] = ()

    def parts(self, content: bytes, start: int) -> tuple[dict[str, str], dict[str, Any]]:
        try:
            stop = content.index(b"\n", start)
            found = json.loads(content[start:stop])
            kept, self._arrays = found["header"], _arrays(found["arrays"], content, stop + 1)
            state = self._decoded(found["state"])
        except _UNREADABLE as error:
            raise self._forged(error) from error
        plain = isinstance(kept, dict) and all(type(each) is str for each in kept.values())
        if not plain or type(state) is not dict:
            raise self._forged("its header or state is none")
        return kept, state

    def _decoded(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if type(value) is list:
            return [self._decoded(item) for item in value]
        ((kind, content),) = value.items()
        if kind == "array":
            return self._arrays[content]
        if kind == "tuple":
            return tuple(map(self._decoded, content))
        if kind == "dict":
            return {self._decoded(key): self._decoded(item) for key, item in content}
        raise ValueError(f"unknown kind {kind!r}")

    def _forged(self, why: object) -> InvalidInput:
        return InvalidInput(f"is not what this program writes: {why}", place=self._place)


def _arrays(kept: Sequence[Any], content: bytes, start: int) -> list[NDArray[Any]]:
    """Those of the listed types and shapes that begin at ``start`` and fill the rest."""
    arrays = []
    for name, shape in kept:
        dtype, size = np.dtype(str(name)), math.prod(shape)
        if dtype.kind not in _KINDS or any(type(count) is not int or count < 0 for count in shape):
            raise ValueError(f"an array of type {name} and shape {shape}")
        if start + size * dtype.itemsize > len(content):
            raise ValueError("more arrays than bytes")
        # A copy, since bytes are read-only, and where an array begins in them is not aligned.
        arrays.append(np.ndarray(shape, dtype, content, start).copy())
        start += size * dtype.itemsize
    if start != len(content):
        raise ValueError("more bytes than arrays")
    return arrays
