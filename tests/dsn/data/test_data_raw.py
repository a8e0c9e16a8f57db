"""Arrays of every stored form become one block, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dsn.data.raw import Series, pad, raw_part
from dsn.errors import InvalidData

TWO = np.array([0, 1])


def test_flat_series_get_a_channel() -> None:
    part = raw_part(np.array([[1, 2, 3], [4, 5, 6]]), TWO, place="")
    assert part.x.tolist() == [[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]


@pytest.mark.parametrize(("stored", "kept"), [("f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i8", "f8"), ("u1", "f8")])
def test_type(stored: str, kept: str) -> None:
    assert raw_part(np.ones((2, 1, 3), dtype=stored), TWO, place="").x.dtype == kept


def test_unequal_lengths_end_in_nan() -> None:
    part = raw_part([np.array([[1, 2, 3], [4, 5, 6]]), np.array([[7.5], [8]])], TWO, place="")
    assert np.array_equal(
        part.x, np.array([[[1, 2, 3], [4, 5, 6]], [[7.5, np.nan, np.nan], [8, np.nan, np.nan]]]), equal_nan=True
    )


def test_labels_may_be_a_column() -> None:
    assert raw_part(np.ones((2, 3)), TWO[:, None], place="").labels.tolist() == ["0", "1"]


LARGEST = float(np.finfo(np.float32).max)


@pytest.mark.parametrize(
    ("x", "y", "problem"),
    [
        (np.ones(3), TWO, "the series must be of shape (n, length) or (n, channels, length), not (3,)"),
        (
            np.ones((2, 1, 1, 1)),
            TWO,
            "the series must be of shape (n, length) or (n, channels, length), not (2, 1, 1, 1)",
        ),
        (np.array([["a"], ["b"]]), TWO, "the series must be real numbers, not <U1"),
        (np.ones((2, 3), dtype=complex), TWO, "the series must be real numbers, not complex128"),
        (np.ones((2, 3), dtype=bool), TWO, "the series must be real numbers, not bool"),
        (np.ones((0, 3)), TWO[:0], "the series are empty: shape (0, 3)"),
        (np.ones((2, 1, 0)), TWO, "the series are empty: shape (2, 1, 0)"),
        (np.ones((2, 0, 3)), TWO, "the series are empty: shape (2, 0, 3)"),
        (np.ones((3, 3)), TWO, "3 series but 2 labels"),
        (np.ones((2, 3)), np.eye(2), "labels must be of shape (n,), not (2, 2)"),
        (np.ones((2, 3)), TWO[:, None, None], "labels must be of shape (n,), not (2, 1, 1)"),
        (np.full((2, 3), np.nan), TWO, "the series hold no number, only NaN"),
        (
            np.array([[0, 0], [np.nan, -np.inf]]),
            TWO,
            "series 1 (counted from 0) has a value that is infinite as float32",
        ),
        (np.array([[2 * LARGEST], [0]]), TWO, "series 0 (counted from 0) has a value that is infinite as float32"),
        ([], TWO[:0], "every series must be of shape (channels, length), none of them empty"),
        (
            [np.ones((1, 0)), np.ones((1, 2))],
            TWO,
            "every series must be of shape (channels, length), none of them empty",
        ),
        ([np.ones(3), np.ones(3)], TWO, "every series must be of shape (channels, length), none of them empty"),
        ([np.ones((1, 3)), np.ones((2, 3))], TWO, "series differ in their number of channels: [1, 2]"),
        ([np.array([["a"]]), np.array([["b"]])], TWO, "the series must be real numbers"),
    ],
)
def test_refused(x: Series, y: np.ndarray[Any, Any], problem: str) -> None:
    with pytest.raises(InvalidData) as caught:
        raw_part(x, y, place="some.npz (X_train, y_train)")
    assert caught.value.problem == problem
    assert str(caught.value).startswith("some.npz (X_train, y_train): ")


def test_long_double_beyond_float64_is_refused_without_a_warning() -> None:
    x = np.full((2, 3), np.finfo(np.longdouble).max)
    for series in (x, [x, x]):
        with pytest.raises(InvalidData, match="infinite as float32"):
            raw_part(series, TWO, place="")


def test_the_largest_float32_is_accepted() -> None:
    assert raw_part(np.full((2, 3), LARGEST), TWO, place="").x.max() == LARGEST


@given(st.data())
def test_unequal_lengths_keep_every_value(data: st.DataObject) -> None:
    channels = data.draw(st.integers(1, 3))
    lengths = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=6))
    numbers = st.floats(-1e30, 1e30)
    series = [data.draw(arrays.arrays(np.float64, (channels, length), elements=numbers)) for length in lengths]
    block = raw_part(series, np.arange(len(series)), place="").x
    assert block.shape == (len(series), channels, max(lengths))
    for row, one in zip(block, series, strict=True):
        assert np.array_equal(row[:, : one.shape[1]], one)
        assert np.isnan(row[:, one.shape[1] :]).all()


def test_pad_returns_the_same_array_when_long_enough() -> None:
    x = np.ones((2, 1, 3))
    assert pad(x, 3) is x


@pytest.mark.parametrize(("dtype", "signalling"), [(np.uint32, 0x7FA00000), (np.uint64, 0x7FF4000000000000)])
def test_a_signalling_nan_is_a_missing_value_like_any_other(dtype: type, signalling: int) -> None:
    bits = np.zeros((2, 3), dtype=dtype)
    bits[0, 1] = signalling
    x = bits.view(np.float32 if dtype is np.uint32 else np.float64)
    for series in (x, [x[:1], x[1:]]):
        part = raw_part(series, np.array(["a", "b"]), place="here")
        # Casting is what a signalling one would warn of, and warnings are errors here.
        assert np.isnan(part.x.astype(np.float64)).sum() == 1
        assert np.isnan(part.x.astype(np.float32)).sum() == 1
