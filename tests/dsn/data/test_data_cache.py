"""The cache of descriptions: it saves reading, never changes an answer, and survives damage."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import DescriptionCache, describe
from dsn.data.description import Description, PartSummary

IDENTITY = (("both", "/some/where.npz", 10, 20),)
PART = PartSummary(n=2, channels=1, length=3, labels=("a", "b"))
KNOWN = Description(content_hash="abc", train=PART, test=PART)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "descriptions.json"


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    write(tmp_path / "Some.npz")
    return DataConfig(source="npz", name="Some", path=str(tmp_path))


def write(file: Path, n: int = 4) -> None:
    x = np.ones((n, 2))
    np.savez(file, X_train=x, y_train=np.arange(n) % 2, X_test=x, y_test=np.arange(n) % 2)


def saved(path: Path) -> None:
    cache = DescriptionCache(path)
    cache.put("npz", IDENTITY, KNOWN)
    cache.save()


def test_what_was_put_comes_back_in_another_process(path: Path) -> None:
    saved(path)
    assert DescriptionCache(path).get("npz", IDENTITY) == KNOWN


@pytest.mark.parametrize(
    "other", [("both", "/some/where.npz", 11, 20), ("both", "/some/where.npz", 10, 21), ("both", "/else.npz", 10, 20)]
)
def test_other_files_are_not_known(path: Path, other: tuple[str, str, int, int]) -> None:
    saved(path)
    assert DescriptionCache(path).get("npz", (other,)) is None


def test_another_source_is_not_known(path: Path) -> None:
    saved(path)
    assert DescriptionCache(path).get("aeon", IDENTITY) is None


def test_a_changed_file_replaces_its_entry(path: Path) -> None:
    saved(path)
    cache = DescriptionCache(path)
    cache.put("npz", (("both", "/some/where.npz", 99, 99),), KNOWN)
    cache.save()
    assert len(json.loads(path.read_text())["entries"]) == 1


def test_nothing_is_written_unless_something_changed(path: Path) -> None:
    cache = DescriptionCache(path)
    cache.save()
    assert not path.parent.exists()
    cache.put("npz", IDENTITY, KNOWN)
    assert not path.parent.exists()
    cache.save()
    before = path.stat().st_mtime_ns, path.stat().st_ino
    cache.save()
    DescriptionCache(path).save()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_an_interrupted_save_leaves_the_old_file_and_no_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", fail)
    cache = DescriptionCache(path)
    cache.put("npz", (("both", "/new.npz", 1, 1),), KNOWN)
    with pytest.raises(OSError, match="disk full"):
        cache.save()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"3", b'{"version": 2}', b'{"version": 2, "entries": []}', b"[" * 100000],
)
def test_a_damaged_file_counts_as_empty(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    cache = DescriptionCache(path)
    assert cache.get("npz", IDENTITY) is None
    cache.put("npz", IDENTITY, KNOWN)
    cache.save()
    assert DescriptionCache(path).get("npz", IDENTITY) == KNOWN


def test_another_version_counts_as_empty(path: Path) -> None:
    saved(path)
    path.write_text(path.read_text().replace('"version": 2', '"version": 1'))
    assert DescriptionCache(path).get("npz", IDENTITY) is None


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["train", "n"], "2"),
        (["train", "n"], True),
        (["train", "labels"], [1, 2]),
        (["train", "labels"], None),
        (["test"], None),
        (["content_hash"], 5),
        (["files"], []),
    ],
)
def test_a_damaged_entry_is_not_known(path: Path, keys: list[str], value: object) -> None:
    saved(path)
    document: Any = json.loads(path.read_text())
    (entry,) = document["entries"].values()
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(json.dumps(document))
    assert DescriptionCache(path).get("npz", IDENTITY) is None


def test_describe_reads_a_file_once(path: Path, config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DescriptionCache(path)
    first = describe(config, cache)
    cache.save()
    monkeypatch.setattr(np, "load", None)
    assert describe(config, DescriptionCache(path)) == first


def test_describe_notices_a_change(path: Path, config: DataConfig, tmp_path: Path) -> None:
    cache = DescriptionCache(path)
    first = describe(config, cache)
    write(tmp_path / "Some.npz", n=6)
    second = describe(config, cache)
    assert (first.train_n, second.train_n) == (4, 6)
    assert first.content_hash != second.content_hash


def test_a_touched_file_has_the_same_hash(path: Path, config: DataConfig, tmp_path: Path) -> None:
    cache = DescriptionCache(path)
    first = describe(config, cache)
    os.utime(tmp_path / "Some.npz", ns=(1, 1))
    assert describe(config, cache) == first


def test_one_entry_serves_both_splits(path: Path, tmp_path: Path) -> None:
    x = np.ones((5, 2))
    np.savez(tmp_path / "Worms.npz", X_train=x[:2], y_train=[0, 1], X_test=x, y_test=[0, 1, 0, 1, 0])
    cache = DescriptionCache(path)
    late, early = (
        describe(DataConfig(source="npz", name="Worms", path=str(tmp_path), split=split), cache)
        for split in (2018, 2015)
    )
    assert (late.train_n, late.test_n) == (early.test_n, early.train_n) == (2, 5)
    assert late.content_hash == early.content_hash
