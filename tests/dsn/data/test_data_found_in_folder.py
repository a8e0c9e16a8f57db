"""Source ``folder``: sets of several layouts together, names in another case, and what is there twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import LAYOUTS, DescriptionCache, describe, load, names, sources_at
from dsn.errors import AbsentData, InvalidData

TS = "@classLabel true 1 2\n@data\n1,2,3:1\n4,5,6:2\n"


def npz(folder: Path, name: str, length: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    x, y = np.arange(2.0 * length).reshape(2, length), [0, 1]
    np.savez(folder / f"{name}.npz", X_train=x, y_train=y, X_test=x, y_test=y)


def ts(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    for part in ("TRAIN", "TEST"):
        (folder / name / f"{name}_{part}.ts").write_text(TS)


def asked(folder: Path, name: str, **settings: int) -> DataConfig:
    return DataConfig(source="folder", name=name, path=str(folder), **settings)  # type: ignore[arg-type]


def test_sets_of_several_layouts_lie_together(tmp_path: Path) -> None:
    npz(tmp_path, "A")
    ts(tmp_path, "B")
    (tmp_path / "notes.txt").write_text("mine")
    assert names("folder", str(tmp_path)) == ["A", "B"]
    assert [describe(asked(tmp_path, name)).length for name in "AB"] == [2, 3]
    assert sources_at(str(tmp_path)) == {"npz": ["A"], "archive": ["B"]}, "it is no further source of the same sets"


def test_a_set_in_two_layouts_is_refused_with_both(tmp_path: Path) -> None:
    npz(tmp_path, "Some")
    ts(tmp_path, "Some")
    assert names("folder", str(tmp_path)) == ["Some"]
    with pytest.raises(
        InvalidData, match=r"Some is in this folder in several layouts; say which one to read"
    ) as caught:
        describe(asked(tmp_path, "Some"))
    assert (caught.value.key, caught.value.value, caught.value.choices) == ("source", "folder", ("archive", "npz"))


def test_a_part_in_one_layout_and_a_set_in_another_are_two(tmp_path: Path) -> None:
    npz(tmp_path, "Some")
    (tmp_path / "Some_TRAIN.ts").write_text(TS)
    with pytest.raises(InvalidData, match="several layouts"):
        describe(asked(tmp_path, "Some"))


def test_a_name_in_another_case_is_found_if_it_is_the_only_one(tmp_path: Path) -> None:
    npz(tmp_path, "har")
    info = describe(asked(tmp_path, "HAR"))
    assert (info.name, info.files) == ("HAR", (str(tmp_path / "har.npz"),))
    assert load(asked(tmp_path, "HAR")).x_train.shape == (2, 1, 2)
    npz(tmp_path, "Har")
    with pytest.raises(InvalidData, match="several that differ from it in case alone") as caught:
        describe(asked(tmp_path, "HAR"))
    assert caught.value.choices == ("Har", "har")
    assert not isinstance(caught.value, AbsentData)


def test_a_name_of_the_very_spelling_comes_first(tmp_path: Path) -> None:
    npz(tmp_path, "har", length=2)
    npz(tmp_path, "HAR", length=3)
    assert [describe(asked(tmp_path, name)).length for name in ("har", "HAR")] == [2, 3]


def test_the_2015_split_does_not_hang_on_the_case(tmp_path: Path) -> None:
    x = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "worms.npz", X_train=x[:2], y_train=[0, 1], X_test=x, y_test=[0, 1, 1])
    for name in ("Worms", "worms"):
        assert [describe(asked(tmp_path, name, split=split)).train_n for split in (2018, 2015)] == [2, 3]


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    npz(tmp_path, "Coffee")
    with pytest.raises(AbsentData, match="no such data set in this folder") as caught:
        describe(asked(tmp_path, "Cofee"))
    assert "did you mean 'Coffee'?" in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "../Some", "So\0me"])
def test_a_name_does_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    npz(tmp_path, "Some")
    with pytest.raises(InvalidData, match="must be a plain name, without slashes"):
        describe(asked(tmp_path / ".", name))


def test_a_set_that_moves_to_another_layout_is_described_anew(tmp_path: Path) -> None:
    cache = DescriptionCache(tmp_path / "cache.json")
    npz(tmp_path / "sets", "Some")
    assert describe(asked(tmp_path / "sets", "Some"), cache).length == 2
    (tmp_path / "sets" / "Some.npz").unlink()
    ts(tmp_path / "sets", "Some")
    assert describe(asked(tmp_path / "sets", "Some"), cache).length == 3


def test_one_set_has_one_identity_whoever_finds_it(tmp_path: Path) -> None:
    npz(tmp_path, "A")
    ts(tmp_path, "B")
    for name, source in (("A", "npz"), ("B", "archive")):
        own = DataConfig(source=source, name=name, path=str(tmp_path))
        assert describe(asked(tmp_path, name)).content_hash == describe(own).content_hash


def test_it_looks_for_every_layout() -> None:
    assert "folder" not in LAYOUTS
    assert "aeon" not in LAYOUTS
    assert set(LAYOUTS) >= {"archive", "npz", "npy", "har", "daily_sports"}
