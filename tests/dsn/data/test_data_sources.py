"""The registry: what describe and load promise for any source, and the content hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import SOURCES, describe, load, names
from dsn.data.description import PartSummary, require_usable
from dsn.data.files import SourceFiles, content_hash, identify
from dsn.errors import InvalidData


def test_unknown_source() -> None:
    for use in (describe, load):
        with pytest.raises(InvalidData, match=r"^source: no such source of data") as caught:
            use(DataConfig(source="nzp", name="Some"))
        assert caught.value.choices == tuple(SOURCES)
    with pytest.raises(InvalidData, match="did you mean 'npz'"):
        names("nzp")


def test_a_source_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What a newcomer does: one entry. Here the functions of an existing source under another name.
    monkeypatch.setitem(SOURCES, "mine", SOURCES["npz"])
    np.savez(tmp_path / "A.npz", X_train=np.eye(2), y_train=["x", "y"], X_test=np.eye(2), y_test=["y", "x"])
    config = DataConfig(source="mine", name="A", path=str(tmp_path))
    info, data = describe(config), load(config)
    assert (info.train_n, info.test_n, info.channels, info.length, info.classes) == (2, 2, 1, 2, 2)
    assert info.files == (str(tmp_path / "A.npz"),)
    assert info.content_hash == data.content_hash
    assert data.classes == ("x", "y")


def test_hash_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"three")
    files = {"train": tmp_path / "a", "test": tmp_path / "b"}
    assert content_hash(files) == hashlib.sha256(b"train:3:onetest:5:three").hexdigest()


def test_hash_depends_on_roles_and_bytes_not_on_paths(tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    assert content_hash({"train": a, "test": b}) == content_hash({"train": c, "test": b})
    assert content_hash({"train": a, "test": b}) != content_hash({"train": b, "test": a})
    assert content_hash({"train": a}) != content_hash({"test": a})


def test_identity(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    os.utime(file, ns=(5, 1_000_000_000))
    assert identify({"train": file}) == (("train", str(file), 3, 1_000_000_000),)


def test_a_test_part_without_series_is_refused() -> None:
    train = PartSummary(n=2, channels=1, length=3, labels=("a", "b"))
    with pytest.raises(InvalidData, match="no test series"):
        require_usable(train, PartSummary(n=0, channels=0, length=0, labels=()), place="")


@pytest.mark.parametrize("use", [content_hash, identify])
def test_a_file_that_vanished(tmp_path: Path, use: Callable[[SourceFiles], object]) -> None:
    with pytest.raises(InvalidData, match=r"gone\.npz: cannot be read: No such file"):
        use({"both": tmp_path / "gone.npz"})
