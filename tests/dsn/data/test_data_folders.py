"""Where the sources that read folders look, and what they say of folders that hold something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import describe, load, names, sources_at
from dsn.errors import InvalidData

ROWS = "1\t0.5\t2\n2\t3\t4\n"
TS = "@classLabel true 1 2\n@data\n1,2,3:1\n4,5,6:2\n"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def archive(folder: Path, name: str = "Some") -> DataConfig:
    return DataConfig(source="archive", name=name, path=str(folder))


def test_the_preferred_format_of_several_is_read(tmp_path: Path) -> None:
    write(tmp_path / "Some", Some_TRAIN__tsv=ROWS, Some_TEST__tsv=ROWS, Some_TRAIN__ts=TS)
    assert describe(archive(tmp_path)).length == 2, "a .ts file of one part alone does not count"
    write(tmp_path / "Some", Some_TEST__ts=TS)
    assert describe(archive(tmp_path)).length == 3


def test_the_set_s_own_folder_comes_before_files_beside_it(tmp_path: Path) -> None:
    write(tmp_path, Some_TRAIN__ts=TS, Some_TEST__ts=TS)
    assert describe(archive(tmp_path)).length == 3
    write(tmp_path / "Some", Some_TRAIN__tsv=ROWS, Some_TEST__tsv=ROWS)
    assert describe(archive(tmp_path)).length == 2


def test_names_with_dots_and_blanks(tmp_path: Path) -> None:
    for name in ("My.set", "my set", "x_TRAIN"):
        for part in ("TRAIN", "TEST"):
            (tmp_path / f"{name}_{part}").write_text("1,2,3\n2,3,4\n")
    assert names("archive", str(tmp_path)) == ["My.set", "my set", "x_TRAIN"]
    for name in names("archive", str(tmp_path)):
        assert load(archive(tmp_path, name)).x_train.shape == (2, 1, 2)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path / "Some", Some_TEST__tsv=ROWS)
    assert names("archive", str(tmp_path)) == ["Some"]
    with pytest.raises(InvalidData, match=r"Some_TEST\.tsv: its other part, Some_TRAIN\.tsv, is missing"):
        describe(archive(tmp_path))


def test_other_files_are_no_sets(tmp_path: Path) -> None:
    write(tmp_path, README__md="x", Some__txt="x", X_train__txt="x", Some_TRAIN__zip="x")
    write(tmp_path / "Other", Some_TRAIN__tsv=ROWS)
    assert names("archive", str(tmp_path)) == []


@pytest.mark.parametrize("source", ["archive", "npy"])
@pytest.mark.parametrize("name", ["", ".", "..", "../Some", "So\0me"])
def test_names_do_not_leave_the_folder(tmp_path: Path, source: str, name: str) -> None:
    with pytest.raises(InvalidData, match="must be a plain name, without slashes"):
        describe(DataConfig(source=source, name=name, path=str(tmp_path)))


@pytest.mark.parametrize("source", ["archive", "npy", "har", "daily_sports"])
def test_a_file_is_no_folder(tmp_path: Path, source: str) -> None:
    write(tmp_path, Some_TRAIN__tsv=ROWS)
    with pytest.raises(InvalidData, match=r"^path: is a file; name the folder that holds it"):
        describe(DataConfig(source=source, name="Some", path=str(tmp_path / "Some_TRAIN.tsv")))


def save(folder: Path, *keys: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        np.save(folder / f"{key}.npy", np.ones((4, 2)) if key.lower().startswith("x") else np.array([0, 1, 0, 1]))


def test_npy_in_any_case_and_as_the_folder_itself(tmp_path: Path) -> None:
    save(tmp_path / "Some", "x_train", "Y_train", "X_TEST", "y_test")
    assert names("npy", str(tmp_path)) == names("npy", str(tmp_path / "Some")) == ["Some"]
    for config in (
        DataConfig(source="npy", name="Some", path=str(tmp_path)),
        DataConfig(source="npy", name="any name", path=str(tmp_path / "Some")),
    ):
        assert load(config).x_train.shape == (4, 1, 2)


def test_npy_that_lacks_arrays_or_has_them_twice(tmp_path: Path) -> None:
    save(tmp_path / "Some", "X_train", "y_train")
    config = DataConfig(source="npy", name="Some", path=str(tmp_path))
    with pytest.raises(InvalidData, match=r"Some: lacks X_test\.npy, y_test\.npy$"):
        describe(config)
    save(tmp_path / "Some", "X_test", "y_test", "x_test")
    with pytest.raises(InvalidData, match=r"Some: holds X_test\.npy twice, in different case"):
        describe(config)


def test_npy_shorter_than_it_says_takes_no_memory(tmp_path: Path) -> None:
    save(tmp_path / "Some", "X_train", "y_train", "X_test", "y_test")
    file = tmp_path / "Some" / "X_train.npy"
    file.write_bytes(file.read_bytes().replace(b"(4, 2), }           ", b"(400000000000, 2), }"))
    with pytest.raises(InvalidData, match=r"X_train\.npy: not a readable \.npy file"):
        describe(DataConfig(source="npy", name="Some", path=str(tmp_path)))


def test_which_sources_find_something(tmp_path: Path) -> None:
    write(tmp_path, Some_TRAIN__tsv=ROWS)
    x, y = np.eye(2), [0, 1]
    np.savez(tmp_path / "Two.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    assert sources_at(str(tmp_path)) == {"archive": ["Some"], "npz": ["Two"]}
    assert sources_at(str(tmp_path / "Two.npz")) == {"npz": ["Two"]}
    with pytest.raises(InvalidData, match="is a file; name the folder"):
        sources_at(str(tmp_path / "Some_TRAIN.tsv"))
    with pytest.raises(InvalidData, match="no such folder or file"):
        sources_at(str(tmp_path / "no"))
