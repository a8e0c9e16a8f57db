"""``train_subset``: how many of each class, which of them, and what a subset does not change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.config import DataConfig
from dsn.data import describe, load, survey
from dsn.data.catalogue import expected
from dsn.data.dataset import TimeSeriesData
from dsn.data.subset import stratified_subset, stratum_sizes
from dsn.errors import InvalidData, InvalidInput

LABELS = np.array(["b", "a", "b", "c", "b", "a", "b", "b", "c", "b"])


@pytest.mark.parametrize(
    ("sizes", "total", "counts"),
    [
        ([6, 2, 2], 5, [3, 1, 1]),  # shares 3, 1, 1
        ([3, 3, 3], 5, [2, 2, 1]),  # shares 5/3 each: of equal remainders the first
        ([50, 30, 21], 10, [5, 3, 2]),  # shares 4.95, 2.97, 2.08
        ([90, 9, 1], 10, [8, 1, 1]),  # shares 9, 0.9, 0.1: two get 1, the first the rest
        ([5, 1], 6, [5, 1]),
        ([1000, 1, 1], 3, [1, 1, 1]),
        # HAR: 100.05, 87.57, 80.47, 104.95, 112.13, 114.83. The floors leave three, for .95, .83 and .57.
        ([1226, 1073, 986, 1286, 1374, 1407], 600, [100, 88, 80, 105, 112, 115]),
    ],
)
def test_how_many_of_each_class_by_hand(sizes: list[int], total: int, counts: list[int]) -> None:
    assert stratum_sizes(np.array(sizes), total).tolist() == counts


@given(st.data())
def test_every_class_has_its_share(data: st.DataObject) -> None:
    sizes = np.array(data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=12)))
    total = data.draw(st.integers(len(sizes), int(sizes.sum())))
    counts = stratum_sizes(sizes, total)
    assert counts.sum() == total
    assert (counts >= 1).all()
    assert (counts <= sizes).all()
    shares = sizes * total / sizes.sum()
    if (shares >= 1).all():
        assert (np.abs(counts - shares) < 1).all()
    assert (np.diff(counts[np.argsort(sizes, kind="stable")]) >= -1).all()


@given(st.lists(st.sampled_from("abc"), min_size=1), st.data())
def test_a_subset_holds_what_it_should(letters: list[str], data: st.DataObject) -> None:
    labels = np.array(letters)
    classes, sizes = np.unique(labels, return_counts=True)
    total = data.draw(st.integers(len(classes), len(labels)))
    kept = stratified_subset(labels, total)
    assert (np.diff(kept) > 0).all()
    assert np.array_equal(np.unique(labels[kept], return_counts=True)[1], stratum_sizes(sizes, total))


# It may never change: the trials in every ledger that were trained on a subset would be of other series.
def test_a_subset_is_the_same_for_ever() -> None:
    assert [stratified_subset(LABELS, size).tolist() for size in (3, 5, 10)] == [
        [1, 2, 8],
        [0, 1, 2, 8, 9],
        list(range(10)),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sets of 10 training and 4 test series of 3 classes; the value of a training series is its position."""
    x = np.tile(np.arange(10.0)[:, None], (1, 6))
    x[:9, 5] = np.nan  # the last is the only one of full length
    for name in ("Some", "Worms"):
        test = (np.full((4, 4), 20.0) + np.arange(4)[:, None], np.array(["a", "b", "c", "b"]))
        parts = [(x, LABELS), test] if name == "Some" else [test, (x, LABELS)]
        (x_train, y_train), (x_test, y_test) = parts
        np.savez(tmp_path / f"{name}.npz", X_train=x_train, y_train=y_train, X_test=x_test, y_test=y_test)
    return tmp_path


def _config(folder: Path, name: str = "Some", **settings: object) -> DataConfig:
    return DataConfig(source="npz", name=name, path=str(folder), **settings)  # type: ignore[arg-type]


def _positions(data: TimeSeriesData) -> list[int]:
    return data.x_train[:, 0, 0].astype(int).tolist()


def test_the_chosen_series_are_trained_on_in_the_order_of_the_file(folder: Path) -> None:
    kept = stratified_subset(LABELS, 5)
    data, whole = load(_config(folder, train_subset=5)), load(_config(folder))
    assert _positions(data) == kept.tolist()
    assert np.array_equal(data.y_train, whole.y_train[kept])
    assert data.classes == whole.classes
    assert np.array_equal(data.x_test, whole.x_test)
    assert data.content_hash == whole.content_hash


def test_a_subset_does_not_change_the_length(folder: Path) -> None:
    assert 9 not in _positions(load(_config(folder, train_subset=3)))
    assert load(_config(folder, train_subset=3)).x_train.shape == (3, 1, 6)


def test_a_subset_of_all_is_all(folder: Path) -> None:
    assert _positions(load(_config(folder, train_subset=10))) == list(range(10))


def test_normalisation_is_by_what_is_trained_on(folder: Path) -> None:
    data = load(_config(folder, train_subset=5, normalisation="global"))
    values = np.concatenate([[n] * (6 if n == 9 else 5) for n in stratified_subset(LABELS, 5)])
    assert (data.scaling.mean, data.scaling.std) == pytest.approx((values.mean(), values.std()), rel=1e-12)


def test_train_and_test_are_exchanged_before(folder: Path) -> None:
    data = load(_config(folder, "Worms", split=2015, train_subset=5))
    assert _positions(data) == stratified_subset(LABELS, 5).tolist()


@pytest.mark.parametrize(("settings", "n"), [({}, 10), ({"train_subset": 5}, 5)])
def test_planning_counts_what_is_trained_on(folder: Path, settings: dict[str, int], n: int) -> None:
    config = _config(folder, **settings)
    info, data = describe(config), load(config)
    assert (info.train_n, info.test_n, info.length) == (n, 4, 6)
    assert data.x_train.shape[0] == n


def test_a_survey_is_of_the_whole_set(folder: Path) -> None:
    assert survey(_config(folder, train_subset=5)).info == describe(_config(folder))


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        (11, "asks for more than the 10 training series"),
        (2, "leaves out some of the 3 classes, each of which needs a series"),
    ],
)
def test_a_subset_that_cannot_be_is_refused_by_planning_and_training(folder: Path, size: int, problem: str) -> None:
    for ask in (describe, load):
        with pytest.raises(InvalidData) as caught:
            ask(_config(folder, train_subset=size))
        error = caught.value
        assert (error.key, error.value, error.problem) == ("train_subset", size, problem)
        assert error.place.endswith("Some.npz")


def test_of_a_known_set_the_sizes_are_those_of_the_subset() -> None:
    known = DataConfig(source="folder", name="HAR", train_subset=600)
    info = expected(known)
    assert info is not None
    assert (info.train_n, info.test_n, info.classes) == (600, 2947, 6)
    with pytest.raises(InvalidData, match="asks for more than the 7352 training series"):
        expected(DataConfig(source="folder", name="HAR", train_subset=7353))


@pytest.mark.parametrize("size", [1, 0, -5])
def test_a_subset_of_fewer_than_two_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="must be between 2 and"):
        DataConfig(source="npz", name="A", train_subset=size)
