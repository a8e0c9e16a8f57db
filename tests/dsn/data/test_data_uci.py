"""The UCI repository's own layouts: HAR, and Daily and Sports Activities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import describe, load, names
from dsn.data.har import SIGNALS
from dsn.errors import InvalidData


@pytest.fixture
def har(tmp_path: Path) -> Path:
    """Signal s of series i at step t is 100 s + 10 i + t; three series of training, two of test."""
    root = tmp_path / "UCI HAR Dataset"
    for part, labels in (("train", "5 1 5"), ("test", "1 5")):
        (root / part / "Inertial Signals").mkdir(parents=True)
        (root / part / f"y_{part}.txt").write_text(labels.replace(" ", "\n") + "\n")
        for s, signal in enumerate(SIGNALS):
            rows = [[100 * s + 10 * i + t for t in range(4)] for i in range(len(labels.split()))]
            text = "".join("".join(f" {value: .7e}" for value in row) + "\n" for row in rows)
            (root / part / "Inertial Signals" / f"{signal}_{part}.txt").write_text(text)
    (root / "activity_labels.txt").write_text("1 WALKING\n5 STANDING\n")
    return tmp_path


def har_config(path: Path) -> DataConfig:
    return DataConfig(source="har", name="HAR", path=str(path))


def test_har(har: Path) -> None:
    for path in (har, har / "UCI HAR Dataset"):
        assert names("har", str(path)) == ["HAR"]
        data = load(har_config(path))
        assert data.x_train.shape == (3, 9, 4)
        assert data.x_test[1, 8].tolist() == [810, 811, 812, 813]
        assert data.classes == ("STANDING", "WALKING")
        assert data.y_train.tolist() == [0, 1, 0]


def test_har_has_its_channels_in_a_fixed_order() -> None:
    assert SIGNALS[:2] == ("body_acc_x", "body_acc_y")
    assert SIGNALS[3::3] == ("body_gyro_x", "total_acc_x")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "train/y_train.txt",
            "1\n",
            "7\n",
            "y_train.txt:2: no such activity in activity_labels.txt (got '7'); valid: 1, 5",
        ),
        ("train/y_train.txt", "5\n1\n5\n", "5\n1\n", "3 series but 2 labels"),
        ("activity_labels.txt", "5 STANDING", "5", "activity_labels.txt:2: expected a new number and a new name"),
        ("activity_labels.txt", "5 STANDING", "1 STANDING", "activity_labels.txt:2: expected a new number"),
        (
            "train/Inertial Signals/body_acc_y_train.txt",
            "  1.0000000e+02",
            "",
            "txt:2: has 4 numbers, the line before 3",
        ),
        ("test/Inertial Signals/total_acc_z_test.txt", "e+02", "e", "txt:1: field 1 is not a number"),
    ],
)
def test_har_that_does_not_fit(har: Path, file: str, old: str, new: str, words: str) -> None:
    path = har / "UCI HAR Dataset" / file
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(InvalidData) as caught:
        describe(har_config(har))
    assert words in str(caught.value)


def test_har_signals_of_different_counts(har: Path) -> None:
    path = har / "UCI HAR Dataset" / "test" / "Inertial Signals" / "body_gyro_x_test.txt"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(InvalidData, match=r"body_gyro_x_test\.txt: 1 series of length 4, body_acc_x has 2 series of"):
        describe(har_config(har))


def test_har_without_a_file(har: Path) -> None:
    (har / "UCI HAR Dataset" / "test" / "Inertial Signals" / "body_gyro_x_test.txt").unlink()
    with pytest.raises(InvalidData, match=r"body_gyro_x_test\.txt: cannot be read: No such file or directory"):
        describe(har_config(har))


@pytest.fixture
def daily(tmp_path: Path) -> Path:
    """Column c of row t of segment s of person p doing activity a is 1000 a + 100 p + 10 s + t + c / 10."""
    for a in (1, 2):
        for p in (1, 2, 3, 4):
            folder = tmp_path / "data" / f"a{a:02}" / f"p{p}"
            folder.mkdir(parents=True)
            for s in (1, 2):
                rows = [[1000 * a + 100 * p + 10 * s + t + c / 10 for c in range(3)] for t in range(5)]
                (folder / f"s{s:02}.txt").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return tmp_path


def daily_config(path: Path) -> DataConfig:
    return DataConfig(source="daily_sports", name="DailySports", path=str(path))


def test_daily_sports_is_split_by_person(daily: Path) -> None:
    for path in (daily, daily / "data"):
        assert names("daily_sports", str(path)) == ["DailySports"]
        data = load(daily_config(path))
        assert data.x_train.shape == data.x_test.shape == (8, 3, 5)
        assert data.classes == ("a01", "a02")
        people = [set((x[:, 0, 0] // 100 % 10).astype(int).tolist()) for x in (data.x_train, data.x_test)]
        assert people == [{1, 2}, {3, 4}]
        assert np.allclose(data.x_train[0], 1110 + np.arange(5) + np.arange(3)[:, None] / 10)


def test_daily_sports_with_a_hole(daily: Path) -> None:
    (daily / "data" / "a02" / "p3" / "s02.txt").unlink()
    with pytest.raises(InvalidData, match=r"a02/p3/s02\.txt: cannot be read: No such file or directory"):
        describe(daily_config(daily))


def test_daily_sports_of_different_sizes(daily: Path) -> None:
    file = daily / "data" / "a02" / "p4" / "s02.txt"
    file.write_text("1,2,3\n")
    with pytest.raises(InvalidData, match=r"s02\.txt: 1 rows of 3 columns, other files have 5 of 3"):
        describe(daily_config(daily))


def test_an_error_of_many_files_names_their_folder(daily: Path) -> None:
    for file in (daily / "data" / "a02").rglob("*.txt"):
        file.unlink()
        file.with_name(file.name).write_text("1,2,3\n" * 5)
    for person in ("p1", "p2"):
        for file in (daily / "data" / "a01" / person).iterdir():
            file.write_text("nan,nan,nan\n" * 5)
        for file in (daily / "data" / "a02" / person).iterdir():
            file.write_text("nan,nan,nan\n" * 5)
    with pytest.raises(InvalidData) as caught:
        describe(daily_config(daily))
    assert str(caught.value) == f"{daily / 'data'}: the series hold no number, only NaN"
