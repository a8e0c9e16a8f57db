"""The catalogue: its collections, its sizes against other lists and against files."""

from __future__ import annotations

import csv
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from dsn.config import DataConfig
from dsn.data import describe, names
from dsn.data.catalogue import catalogue, collections, expected
from dsn.data.preparation import EXCHANGED
from dsn.errors import nearest

ROOT = Path(__file__).parents[3]
TABLES = ROOT / "tests" / "data"


def column(file: str, name: str) -> list[str]:
    with (TABLES / file).open(newline="", encoding="utf-8") as content:
        return [row[name] for row in csv.DictReader(content)]


def test_the_collections_are_of_the_size_in_their_name() -> None:
    sizes = {name: len(sets) for name, sets in collections().items()}
    assert sizes == {"UCR-85": 85, "UCR-112": 112, "UEA-30": 30, "UCI-3": 3}
    assert all(int(name.partition("-")[2]) == size for name, size in sizes.items())
    archives = [known.archive for known in catalogue().values()]
    assert [archives.count(archive) for archive in ("UCR", "UEA", "UCI")] == [128, 30, 3]
    for name, sets in collections().items():
        assert {catalogue()[each].archive for each in sets} == {name.partition("-")[0]}


def test_the_collections_are_those_of_the_papers_tables() -> None:
    assert sorted(collections()["UCR-85"]) == sorted(column("table8_ucr85.csv", "archive_name"))
    assert set(collections()["UCR-85"]) < set(collections()["UCR-112"])
    assert collections()["UCI-3"] == ("DailySports", "EEG2", "HAR")
    assert set(collections()["UCR-85"]) >= EXCHANGED


def test_the_sizes_are_those_that_the_costs_were_checked_with() -> None:
    checked = 0
    with (TABLES / "dataset_sizes.csv").open(newline="", encoding="utf-8") as content:
        for row in csv.DictReader(content):
            known = catalogue()[row["name"]]
            assert (known.channels, known.length, known.classes) == tuple(
                int(row[key]) for key in ("channels", "length", "classes")
            )
            checked += 1
    assert checked == 145


def test_every_size_is_one_that_can_be_trained_on() -> None:
    for name, known in catalogue().items():
        assert known.name == name
        assert re.fullmatch(r"[A-Za-z0-9-]+", name)
        assert min(known.train_n, known.test_n, known.channels) >= 1
        assert known.classes >= 2
        assert known.length >= 8
        assert known.train_n >= known.classes


def bundled() -> list[str]:
    return [name for name in names("aeon") if name in catalogue()] if importlib.util.find_spec("aeon") else []


@pytest.mark.parametrize("name", bundled())
def test_the_sizes_are_those_of_the_files(name: str) -> None:
    info = describe(DataConfig(source="aeon", name=name))
    wanted = expected(DataConfig(source="aeon", name=name))
    assert wanted is not None
    for key in ("name", "train_n", "test_n", "channels", "length", "classes"):
        assert getattr(wanted, key) == getattr(info, key)


def test_some_sets_have_files_to_be_checked_with() -> None:
    assert len(bundled()) >= 7


def test_what_is_expected_has_no_content_and_obeys_the_split() -> None:
    late, early = (expected(DataConfig(source="folder", name="Worms", split=split)) for split in (2018, 2015))
    assert late is not None
    assert early is not None
    assert (late.train_n, late.test_n) == (early.test_n, early.train_n) == (181, 77)
    assert (late.content_hash, late.files) == ("", ())
    assert expected(DataConfig(source="folder", name="Coffe")) is None
    assert nearest("Coffe", list(catalogue())) == ["Coffee"]


def test_what_is_no_module_is_installed_with_the_packages() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    for package in ("dsn", "pipeline"):
        others = {file for file in (ROOT / package).rglob("*.*") if file.suffix not in (".py", ".pyc", ".md", ".so")}
        installed = {file for pattern in declared[package] for file in (ROOT / package).glob(pattern)}
        assert others
        assert others == installed
