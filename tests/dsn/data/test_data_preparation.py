"""Split, padding, normalisation, and what a trainable data set must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dsn.config import DataConfig
from dsn.data.dataset import TimeSeriesData
from dsn.data.preparation import EXCHANGED, prepare
from dsn.data.raw import RawData, Series, raw_part
from dsn.errors import InvalidData

NAN = np.nan


def raw(x_train: Series, y_train: list[Any], x_test: Series, y_test: list[Any]) -> RawData:
    return RawData(
        train=raw_part(x_train, np.array(y_train), place="train"), test=raw_part(x_test, np.array(y_test), place="test")
    )


def prepared(data: RawData, **settings: Any) -> TimeSeriesData:
    config = DataConfig(**{"source": "npz", "name": "Some", **settings})
    return prepare(data, config, content_hash="ab", place="some.npz")


SMALL = raw(np.array([[1.0, 2.0], [3.0, 4.0]]), ["b", "a"], np.array([[5.0, 6.0]]), ["b"])


def test_a_plain_set_by_hand() -> None:
    data = prepared(SMALL)
    assert (data.name, data.classes, data.content_hash) == ("Some", ("a", "b"), "ab")
    assert data.x_train.tolist() == [[[1, 2]], [[3, 4]]]
    assert data.x_test.tolist() == [[[5, 6]]]
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([1, 0], [1])


def test_types_and_read_only() -> None:
    data = prepared(SMALL)
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert (x.dtype.name, y.dtype.name, x.flags.c_contiguous) == ("float32", "int64", True)
        for array in (x, y):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_the_stored_arrays_are_left_alone() -> None:
    x = np.array([[1.0, NAN], [3.0, 4.0]], dtype=np.float32)
    data = prepared(raw(x, [0, 1], x, [0, 1]))
    assert np.isnan(x[0, 1])
    assert x.flags.writeable
    assert not np.shares_memory(data.x_train, x)


def test_nan_becomes_zero_and_short_series_are_padded_at_the_end() -> None:
    data = prepared(raw([np.array([[1.0, NAN, 3.0]]), np.array([[4.0]])], [0, 1], [np.array([[5.0] * 4])], [1]))
    assert data.x_train.tolist() == [[[1, 0, 3, 0]], [[4, 0, 0, 0]]]
    assert data.x_test.tolist() == [[[5, 5, 5, 5]]]


def test_a_shorter_test_set_is_padded_too() -> None:
    data = prepared(raw(np.ones((2, 1, 3)), [0, 1], np.ones((1, 1, 2)), [1]))
    assert data.x_test.tolist() == [[[1, 1, 0]]]


def test_global_normalisation_by_hand() -> None:
    # Training values 1, 3, 5, 7: mean 4, population deviation sqrt(5). NaN and padding do not count, and become 0.
    data = prepared(
        raw(np.array([[1.0, 3.0], [5.0, 7.0]]), [0, 1], np.array([[4.0, NAN, 9.0]]), [0]), normalisation="global"
    )
    assert data.x_train[:, 0].tolist() == np.float32(np.array([[-3, -1, 0], [1, 3, 0]]) / np.sqrt(5)).tolist()
    assert data.x_test[:, 0].tolist() == np.float32(np.array([[0, 0, 5]]) / np.sqrt(5)).tolist()


def test_global_normalisation_is_one_number_for_all_channels() -> None:
    data = prepared(
        raw(np.array([[[0.0], [2.0]], [[0.0], [2.0]]]), [0, 1], np.ones((1, 2, 1)), [0]), normalisation="global"
    )
    assert data.x_train.tolist() == [[[-1], [1]], [[-1], [1]]]


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_a_constant_training_set_cannot_be_normalised(value: float) -> None:
    data = raw(np.full((3, 7), value), [0, 1, 0], np.ones((1, 7)), [0])
    assert prepared(data).x_train.max() == np.float32(value)
    with pytest.raises(InvalidData) as caught:
        prepared(data, normalisation="global")
    assert str(caught.value) == (
        "some.npz: normalisation: the training set is constant and cannot be normalised (got 'global')"
    )


def test_values_that_overflow_once_normalised_are_refused() -> None:
    data = raw(np.array([[0.0], [1e-30]]), [0, 1], np.array([[1e30]]), [0])
    with pytest.raises(InvalidData, match="too large for float32 once normalised"):
        prepared(data, normalisation="global")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (raw(np.ones((1, 2)), [0], np.ones((1, 2)), [0]), "1 training series; 2 classes need at least 2"),
        (
            raw(np.ones((2, 2)), [1, 1], np.ones((1, 2)), [1]),
            "the training set has only the class '1'; at least 2 are needed",
        ),
        (raw(np.ones((2, 2)), [0, 1], np.ones((1, 3, 2)), [1]), "training series have 1 channels, test series 3"),
        (
            raw(np.ones((2, 2)), [0, 1], np.ones((3, 2)), [1, 3, 2]),
            "the test set has labels that the training set lacks: '2', '3'",
        ),
    ],
)
def test_refused(data: RawData, problem: str) -> None:
    with pytest.raises(InvalidData) as caught:
        prepared(data)
    assert (caught.value.problem, caught.value.place) == (problem, "some.npz")


def test_a_class_that_the_test_set_lacks_is_fine() -> None:
    assert prepared(raw(np.ones((3, 2)), [0, 1, 2], np.ones((1, 2)), [1])).classes == ("0", "1", "2")


def test_twelve_sets_were_exchanged() -> None:
    assert len(EXCHANGED) == 12


@pytest.mark.parametrize("name", sorted(EXCHANGED))
def test_split_2015_exchanges_train_and_test(name: str) -> None:
    data = raw(np.array([[1.0], [3.0]]), [0, 1], np.array([[5.0], [7.0], [9.0]]), [1, 0, 0])
    late, early = (prepared(data, name=name, split=split) for split in (2018, 2015))
    assert early.x_train.tolist() == late.x_test.tolist() == [[[5]], [[7]], [[9]]]
    assert early.y_train.tolist() == late.y_test.tolist() == [1, 0, 0]
    assert early.x_test.tolist() == late.x_train.tolist()
    assert early.y_test.tolist() == late.y_train.tolist()


@pytest.mark.parametrize("name", ["Coffee", "FordA", "ProximalPhalanxTW", "worms"])
def test_split_2015_leaves_other_sets_alone(name: str) -> None:
    assert prepared(SMALL, name=name, split=2015).x_train.tolist() == prepared(SMALL).x_train.tolist()


def test_split_2015_normalises_by_the_new_training_set() -> None:
    data = raw(np.array([[100.0], [300.0]]), [0, 1], np.array([[1.0], [3.0]]), [0, 1])
    assert prepared(data, name="Worms", split=2015, normalisation="global").x_train.tolist() == [[[-1]], [[1]]]


def test_split_2015_takes_the_classes_of_the_new_training_set() -> None:
    data = raw(np.ones((3, 1)), [0, 1, 2], np.ones((2, 1)), [0, 1])
    assert prepared(data, name="Worms").classes == ("0", "1", "2")
    with pytest.raises(InvalidData, match="lacks: '2'"):
        prepared(data, name="Worms", split=2015)


blocks = arrays.arrays(
    np.float32,
    st.tuples(st.integers(2, 5), st.integers(1, 3), st.integers(1, 6)),
    elements=st.floats(-1e3, 1e3, width=32) | st.just(NAN),
).filter(lambda x: not np.isnan(x).all())


@given(blocks, st.sampled_from(["none", "global"]))
def test_no_nan_is_left_and_numbers_are_kept(x: np.ndarray[Any, Any], normalisation: str) -> None:
    data = raw(x, [i % 2 for i in range(len(x))], x, [0] * len(x))
    numbers = x[~np.isnan(x)].astype(np.float64)
    mean, std = (numbers.mean(), numbers.std()) if normalisation == "global" else (0.0, 1.0)
    if numbers.min() == numbers.max() or std == 0:
        normalisation, mean, std = "none", 0.0, 1.0
    found = prepared(data, normalisation=normalisation)
    assert np.isfinite(found.x_train).all()
    assert (found.x_train[np.isnan(x)] == 0).all()
    assert np.array_equal(found.x_train, np.float32(np.nan_to_num((x.astype(np.float64) - mean) / std)))
    assert np.array_equal(found.x_test, found.x_train)
