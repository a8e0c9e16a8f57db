"""What a host says that is asked whether it could train; asked here, without a cluster."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from dsn.config import DataConfig
from dsn.data import content_of, describe
from pipeline.cluster.examination import _problems, _software

HERE = DataConfig(source="aeon", name="UnitTest")


def test_the_hash_of_the_files_is_the_one_that_was_planned_with() -> None:
    assert content_of(HERE) == describe(HERE).content_hash


def test_a_host_that_has_all_lacks_nothing() -> None:
    assert _problems([(asdict(HERE), content_of(HERE))], _software()) == ()


def test_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    gone = DataConfig(source="npz", name="Gone", path=str(tmp_path / "nowhere"))
    found = _problems([(asdict(HERE), "0" * 64), (asdict(gone), "1" * 64)], _software())
    changed, absent = found
    assert changed == "data set UnitTest: its files are not those that were planned with"
    assert absent.startswith("data set Gone: ")
    assert "nowhere" in absent


@pytest.mark.parametrize("name", ["python", "torch", "numpy"])
def test_another_version_is_named_with_the_drivers(name: str) -> None:
    here = _software()
    assert _problems([], here | {name: "0.1"}) == (f"{name} is {here[name]} there, and 0.1 here",)
