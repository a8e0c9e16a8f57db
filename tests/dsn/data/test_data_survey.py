"""What ``survey`` says of a data set, against numbers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import Survey, survey
from dsn.errors import InvalidData

NAN = np.nan


def surveyed(folder: Path, name: str = "Some", **arrays: Any) -> Survey:
    x = np.array([[1.0, 2], [4, 3], [0, 5], [7, 6]])
    good = {"X_train": x, "y_train": list("abab"), "X_test": x + 10, "y_test": list("abab")}
    np.savez(folder / f"{name}.npz", **{**good, **arrays})
    return survey(DataConfig(source="npz", name=name, path=str(folder), split=2015, normalisation="global"))


def test_numbers_by_hand(tmp_path: Path) -> None:
    x = np.array([[[1, 2, 3], [4, NAN, 6]], [[0, NAN, NAN], [2, NAN, NAN]]])
    found = surveyed(tmp_path, X_train=x, y_train=["b", "a"], X_test=x, y_test=["a", "a"])
    train = found.train
    values = np.array([1, 2, 3, 4, 6, 0, 2])
    assert (train.n, train.classes, found.test.classes) == (2, {"a": 1, "b": 1}, {"a": 2})
    assert (train.shortest, train.longest, train.missing, train.constant) == (1, 3, 1, 1)
    assert (train.smallest, train.largest) == (0, 6)
    # Sums of seven numbers: a few units in the last place.
    assert np.allclose([train.mean, train.std], [values.mean(), values.std()], rtol=1e-14)
    assert found.info.channels == 2


def test_a_good_set_has_no_warnings(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 2, 30))
    x = (x - x.mean(axis=2, keepdims=True)) / x.std(axis=2, keepdims=True)
    found = surveyed(tmp_path, X_train=x, X_test=-x)
    assert found.train.z_normalised
    assert found.warnings == ()
    assert found.exchanged_in_2015 is False


@pytest.mark.parametrize(("divisor", "holds"), [(0, True), (1, True), (None, False)])
def test_z_normalised_with_either_divisor(tmp_path: Path, divisor: int | None, holds: bool) -> None:
    # ItalyPowerDemand has 24 points: dividing by 23 makes the deviation 2 % smaller.
    x = np.random.default_rng(0).normal(size=(4, 24))
    std = x.std(axis=1, keepdims=True, ddof=divisor) if divisor is not None else 0.9 * x.std(axis=1, keepdims=True)
    assert surveyed(tmp_path, X_train=(x - x.mean(axis=1, keepdims=True)) / std).train.z_normalised is holds


def test_test_series_that_are_in_the_training_set(tmp_path: Path) -> None:
    train = np.array([[1.0, 2], [4, 3], [0.0, 5], [7, NAN]])
    test = np.array([[4.0, 3, NAN], [-0.0, 5, NAN], [7, NAN, NAN], [1, 2, 3]], dtype=np.float32)
    found = surveyed(tmp_path, X_train=train, X_test=test)
    assert "3 of 4 test series are in the training set too, value for value" in found.warnings


def test_constant_series(tmp_path: Path) -> None:
    found = surveyed(tmp_path, X_train=np.array([[1.0, 1], [2, NAN], [3, 4], [NAN, NAN]]))
    assert found.train.constant == 2
    assert "2 of 4 training series are constant" in found.warnings


def test_classes_of_unequal_size(tmp_path: Path) -> None:
    x = np.arange(44.0).reshape(22, 2)
    for rare, warned in ((3, False), (2, True)):
        found = surveyed(tmp_path, X_train=x, y_train=["a"] * rare + ["b"] * (22 - rare))
        warnings = [warning for warning in found.warnings if "unequal size" in warning]
        assert warnings == (["the classes are of unequal size: 2 to 20 training series"] if warned else [])


def test_single_series_and_classes_without_test_series(tmp_path: Path) -> None:
    found = surveyed(tmp_path, y_train=list("abcd"), y_test=list("aaad"))
    assert "no class has more than one training series" in found.warnings
    assert "classes without test series: 'b', 'c'" in found.warnings


def test_a_set_that_split_2015_exchanges(tmp_path: Path) -> None:
    found = surveyed(tmp_path, "Worms")
    assert found.exchanged_in_2015
    assert (found.info.train_n, found.train.n) == (4, 4)
    assert not any("2015" in warning for warning in found.warnings)
    x = np.arange(20.0).reshape(10, 2)
    found = surveyed(tmp_path, "Worms", X_test=x, y_test=list("ab") * 5)
    assert found.train.n == 4, "as the files split it"
    assert any("is that of the 2015 release already" in warning for warning in found.warnings)


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="only the class 'a'"):
        surveyed(tmp_path, y_train=list("aaaa"), y_test=list("aaaa"))


def test_what_a_slip_in_making_the_arrays_leaves_behind(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 9, 3))
    longer = np.random.default_rng(1).normal(size=(4, 9, 5))
    longer[2] = NAN
    warnings = surveyed(tmp_path, X_train=x, X_test=longer).warnings
    assert "9 channels of 3 time points: the axes may be exchanged, (n, channels, length) is read" in warnings
    assert "some test series hold no value" in warnings
    assert "test series are longer than all training series, which are padded to 5" in warnings
