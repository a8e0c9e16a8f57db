"""Real data sets, where they lie at hand: sizes, padding, splits, and agreement of two sources.

They are looked for in DSN_DATA, or else in the folder ``shared/data`` beside the repository.
"""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import describe, is_there, load
from dsn.data.catalogue import catalogue, collections
from dsn.data.preparation import EXCHANGED

DATA = Path(os.environ.get("DSN_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
pytestmark = pytest.mark.skipif(not (DATA / "manifest.csv").is_file(), reason=f"no data sets in {DATA}")


def manifest() -> list[dict[str, str]]:
    if not (DATA / "manifest.csv").is_file():
        return []
    with (DATA / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def config(row: dict[str, str], **settings: int) -> DataConfig:
    return DataConfig(source="npz", name=row["name"], path=str(DATA / row["file"]), **settings)  # type: ignore[arg-type]


def ucr(name: str, **settings: int) -> DataConfig:
    return DataConfig(source="npz", name=name, path=str(DATA / "ucr"), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["name"])
def test_sizes_are_those_of_the_manifest(row: dict[str, str]) -> None:
    info = describe(config(row))
    found = {"train_n": info.train_n, "test_n": info.test_n, "channels": info.channels, "classes": info.classes}
    assert found == {key: int(row[key]) for key in found}
    # The manifest gives the longest training series; in JapaneseVowels one of the test set is longer.
    assert info.length == {"JapaneseVowels": 29}.get(row["name"], int(row["length"]))


def test_coffee() -> None:
    data = load(ucr("Coffee"))
    with np.load(DATA / "ucr" / "Coffee.npz") as stored:
        assert np.array_equal(data.x_train[:, 0], stored["X_train"])
        assert np.array_equal(data.y_test, stored["y_test"])
    assert data.x_test.shape == (28, 1, 286)
    assert data.classes == ("0", "1")


def test_japanese_vowels_is_padded_with_zeros() -> None:
    data = load(DataConfig(source="npz", name="JapaneseVowels", path=str(DATA / "uea")))
    assert (data.x_train.shape, data.x_test.shape) == ((270, 12, 29), (370, 12, 29))
    with np.load(DATA / "uea" / "JapaneseVowels.npz") as stored:
        expected = np.nan_to_num(stored["X_train"])
    assert np.array_equal(data.x_train[:, :, :26], expected)
    assert not data.x_train[:, :, 26:].any()


@pytest.mark.parametrize("name", sorted(EXCHANGED))
def test_split_2015(name: str) -> None:
    late, early = describe(ucr(name)), describe(ucr(name, split=2015))
    assert (early.train_n, early.test_n) == (late.test_n, late.train_n)
    assert (early.content_hash, early.classes) == (late.content_hash, late.classes)


@pytest.mark.skipif(importlib.util.find_spec("aeon") is None, reason="aeon is not installed")
@pytest.mark.parametrize(
    "name", ["GunPoint", "ArrowHead", "OSULeaf", "ItalyPowerDemand", "BasicMotions", "JapaneseVowels"]
)
def test_two_sources_agree(name: str) -> None:
    folder = "uea" if name in ("BasicMotions", "JapaneseVowels") else "ucr"
    ours = load(DataConfig(source="npz", name=name, path=str(DATA / folder)))
    aeons = load(DataConfig(source="aeon", name=name))
    assert len(ours.classes) == len(aeons.classes)
    for part in ("train", "test"):
        assert np.array_equal(getattr(ours, f"y_{part}"), getattr(aeons, f"y_{part}"))
        assert np.allclose(getattr(ours, f"x_{part}"), getattr(aeons, f"x_{part}"), rtol=1e-6, atol=1e-6)


def test_the_catalogue_has_the_sizes_of_the_files() -> None:
    compared = 0
    for row in manifest():
        if "partial" in row["archive"]:
            continue
        known = catalogue()[row["name"]]
        for key in ("train_n", "test_n", "channels", "classes"):
            assert getattr(known, key) == int(row[key]), row["name"]
        assert known.length == {"JapaneseVowels": 29}.get(row["name"], int(row["length"]))
        compared += 1
    assert compared >= 100


def test_a_folder_finds_every_set_of_its_collection() -> None:
    found = [
        name
        for name in collections()["UCR-85"]
        if is_there(DataConfig(source="folder", name=name, path=str(DATA / "ucr")))
    ]
    assert found == list(collections()["UCR-85"])
