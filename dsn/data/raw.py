"""A data set as its files hold it: two parts, each a block of numbers and a list of labels.

Every source hands its arrays to ``raw_part``, which refuses what no classifier can be trained on. What comes out has
one form whatever the file's, so the steps after it need no cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.data.labels import Texts, label_texts
from dsn.errors import InvalidData

Reals = NDArray[np.floating[Any]]
Series = NDArray[Any] | Sequence[NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class RawPart:
    """The training or the test part. Build with ``raw_part``.

    Attributes:
        x: float32 or float64, (n, channels, length); NaN where a value is missing or a short series has ended.
        labels: text, (n,).
    """

    x: Reals
    labels: Texts


@dataclass(frozen=True, kw_only=True, eq=False)
class RawData:
    """Both parts, as the files split them."""

    train: RawPart
    test: RawPart


def raw_part(x: Series, y: NDArray[Any], *, place: str) -> RawPart:
    """A validated part from arrays in any form that a source has.

    Args:
        x: numbers, (n, length) for one channel or (n, channels, length); or n arrays (channels, length_i).
        y: numbers or text, (n,), or (n, 1) as files of the published code have it.
        place: what errors name, e.g. the path of the file.

    Raises:
        InvalidData: wrong dimensions, nothing but NaN, a value that is infinite as float32, a number of labels
            other than that of series, or a label that ``label_texts`` refuses.
    """
    block = series_block(x, place=place)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise InvalidData(f"labels must be of shape (n,), not {y.shape}", place=place)
    if len(y) != len(block):
        raise InvalidData(f"{len(block)} series but {len(y)} labels", place=place)
    if np.isnan(block).all():
        raise InvalidData("the series hold no number, only NaN", place=place)
    return RawPart(x=block, labels=label_texts(y, place=place))


def series_block(x: Series, *, place: str) -> Reals:
    """Series in any form that ``raw_part`` takes, as one block (n, channels, length) of float32 or float64.

    Raises:
        InvalidData: wrong dimensions, something else than real numbers, or a value that is infinite as float32.
    """
    block = _block(x, place) if isinstance(x, np.ndarray) else _stacked(x, place)
    _require_float32(block, place)
    return block


def _block(x: NDArray[Any], place: str) -> Reals:
    if x.dtype.kind not in "iuf":
        raise InvalidData(f"the series must be real numbers, not {x.dtype}", place=place)
    if x.ndim not in (2, 3):
        raise InvalidData(
            f"the series must be of shape (n, length) or (n, channels, length), not {x.shape}", place=place
        )
    if x.size == 0:
        raise InvalidData(f"the series are empty: shape {x.shape}", place=place)
    block = _floats(x)
    return block[:, None, :] if block.ndim == 2 else block


def _floats(x: NDArray[Any]) -> Reals:
    """``x`` as float32 if it is that, else as float64; its NaN quiet ones, for casting a signalling one warns."""
    # A long double may become infinite, which is refused later.
    with np.errstate(over="ignore", invalid="ignore"):
        floats: Reals = x if x.dtype == np.float32 else x.astype(np.float64)
    missing = np.isnan(floats)
    return np.where(missing, floats.dtype.type(np.nan), floats) if missing.any() else floats


def _stacked(series: Sequence[NDArray[Any]], place: str) -> Reals:
    """Series of unequal lengths as one block, NaN after the end of each."""
    shapes = {one.shape for one in series}
    if not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise InvalidData("every series must be of shape (channels, length), none of them empty", place=place)
    channels = {shape[0] for shape in shapes}
    if len(channels) > 1:
        raise InvalidData(f"series differ in their number of channels: {sorted(channels)}", place=place)
    if any(one.dtype.kind not in "iuf" for one in series):
        raise InvalidData("the series must be real numbers", place=place)
    length = max(shape[1] for shape in shapes)
    return np.stack([pad(_floats(one).astype(np.float64), length) for one in series])


def _require_float32(block: Reals, place: str) -> None:
    # Comparing with float32's largest value finds infinities too, and never NaN.
    too_large = np.abs(block) > np.finfo(np.float32).max
    if too_large.any():
        n = int(np.flatnonzero(too_large.any(axis=(1, 2)))[0])
        raise InvalidData(f"series {n} (counted from 0) has a value that is infinite as float32", place=place)


def pad(x: Reals, length: int) -> Reals:
    """``x`` (..., L) continued with NaN to (..., length)."""
    if x.shape[-1] == length:
        return x
    tail = np.full((*x.shape[:-1], length - x.shape[-1]), np.nan, dtype=x.dtype)
    return np.concatenate([x, tail], axis=-1)
