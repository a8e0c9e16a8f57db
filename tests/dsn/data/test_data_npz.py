"""The .npz source: where it looks, what it reads, and what it says of files that are broken."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import describe, load, names
from dsn.errors import InvalidData

Arrays = dict[str, Any]


def good(**changes: Any) -> Arrays:
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    return {"X_train": x, "y_train": np.array([0, 1, 0, 1]), "X_test": x[:2], "y_test": np.array([1, 0]), **changes}


def config(folder: Path, name: str = "Some", **settings: Any) -> DataConfig:
    return DataConfig(source="npz", name=name, path=str(folder), **settings)


def test_by_folder_and_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "Some.npz", **good())
    data = load(config(tmp_path))
    assert data.name == "Some"
    assert data.x_train.shape == (4, 1, 2)
    assert data.x_test.tolist() == [[[0, 1]], [[2, 3]]]
    assert data.classes == ("0", "1")


def test_by_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "har_v2.npz", **good())
    assert load(config(tmp_path / "har_v2.npz", name="HAR")).name == "HAR"
    assert names("npz", str(tmp_path / "har_v2.npz")) == ["har_v2"]


def test_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "Some.npz", **good())
    assert describe(DataConfig(source="npz", name="Some", path="~")).train_n == 4


def test_compressed_files_and_further_arrays(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "Some.npz", **good(subject=np.arange(3)))
    assert load(config(tmp_path)).x_train.shape == (4, 1, 2)


def test_an_array_that_is_not_read_may_be_anything(tmp_path: Path) -> None:
    np.savez(tmp_path / "Some.npz", **good(notes=np.array([{}], dtype=object)))
    assert load(config(tmp_path)).x_train.shape == (4, 1, 2)


def test_names_are_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        np.savez(tmp_path / f"{name}.npz", **good())
    (tmp_path / "README.md").write_text("no data")
    assert names("npz", str(tmp_path)) == ["a", "b", "c"]


def test_unknown_name_lists_the_names_and_the_nearest(tmp_path: Path) -> None:
    for name in ("Coffee", "Beef"):
        np.savez(tmp_path / f"{name}.npz", **good())
    with pytest.raises(InvalidData) as caught:
        describe(config(tmp_path, "Cofee"))
    assert str(caught.value) == (
        f"{tmp_path}: name: no such data set in this folder (got 'Cofee'); did you mean 'Coffee'? Valid: Beef, Coffee"
    )


@pytest.mark.parametrize("name", ["", ".", "..", "../Some", "/etc/passwd", "sub/Some", "sub\\Some", "So\0me"])
def test_names_do_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    np.savez(tmp_path / "Some.npz", **good())
    with pytest.raises(InvalidData, match="must be a plain name, without slashes"):
        describe(config(folder, name))


def test_a_name_too_long_for_the_file_system(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no such data set in this folder"):
        describe(config(tmp_path, "x" * 5000))


def test_missing_path() -> None:
    with pytest.raises(InvalidData, match=r"^path: source 'npz' needs the folder that holds NAME\.npz"):
        describe(DataConfig(source="npz", name="Some"))


def test_no_such_path(tmp_path: Path) -> None:
    for path in (str(tmp_path / "absent"), "x" * 5000, "a\0b", "~nobody_of_this_name/data"):
        with pytest.raises(InvalidData, match=r"^path: no such folder or file"):
            describe(DataConfig(source="npz", name="Some", path=path))
        with pytest.raises(InvalidData, match=r"^path: no such folder or file"):
            names("npz", path)


def test_a_folder_named_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "Some.npz").mkdir()
    with pytest.raises(InvalidData, match=r"Some\.npz: is not a file"):
        describe(config(tmp_path))


def cut_off(path: Path) -> None:
    np.savez(path, **good())
    path.write_bytes(path.read_bytes()[:-100])


def damaged_inside(path: Path) -> None:
    np.savez_compressed(path, **good(X_train=np.random.default_rng(0).normal(size=(4, 500))))
    content = bytearray(path.read_bytes())
    content[400:500] = bytes(100)
    path.write_bytes(content)


def single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def empty_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w"):
        pass


def not_an_array(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for key in good():
            archive.writestr(key, b"text")


def without(*keys: str) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **{key: value for key, value in good().items() if key not in keys})


def changed(**changes: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **good(**changes))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no bytes": (lambda path: path.write_bytes(b""), "not a readable .npz file"),
    "text": (lambda path: path.write_text("1,2,3"), "not a readable .npz file"),
    "cut off": (cut_off, "not a readable .npz file"),
    "damaged inside": (damaged_inside, "X_train cannot be read"),
    "a .npy file": (single_array, "holds a single array (.npy), not an .npz archive"),
    "empty archive": (empty_archive, "lacks X_train, y_train, X_test, y_test; it holds nothing"),
    "other files": (not_an_array, "X_train is not a NumPy array"),
    "missing keys": (without("X_test", "y_test"), "lacks X_test, y_test; it holds X_train, y_train"),
    "object series": (
        changed(X_train=np.array([np.ones(2), np.ones(3), None, None], dtype=object)),
        "X_train cannot be read: Object arrays cannot be loaded",
    ),
    "object labels": (changed(y_test=np.array(["a", 1], dtype=object)), "y_test cannot be read: Object arrays cannot"),
    "text series": (changed(X_train=np.array([["a"]] * 4)), "the series must be real numbers, not <U1"),
    "no dimension": (changed(X_test=np.float32(1)), "the series must be of shape (n, length) or (n, channels, length)"),
    "four dimensions": (changed(X_test=np.ones((2, 1, 1, 2))), "the series must be of shape (n, length)"),
    "too few labels": (changed(y_train=np.array([0, 1])), "(X_train, y_train): 4 series but 2 labels"),
    "test set of other length": (changed(y_test=np.array([0, 1, 1])), "(X_test, y_test): 2 series but 3 labels"),
    "label columns": (changed(y_test=np.eye(2)), "labels must be of shape (n,), not (2, 2)"),
    "no test series": (changed(X_test=np.ones((0, 2)), y_test=np.ones(0)), "the series are empty: shape (0, 2)"),
    "infinity": (changed(X_test=np.array([[1, np.inf]] * 2)), "series 0 (counted from 0) has a value that is infinite"),
    "label missing": (changed(y_test=np.array([0, np.nan])), "a label is NaN or infinite"),
    "one class": (changed(y_train=np.ones(4), y_test=np.ones(2)), "the training set has only the class '1'"),
    "unseen label": (changed(y_test=np.array([0, 7])), "labels that the training set lacks: '7'"),
    "channels differ": (changed(X_test=np.ones((2, 3, 2))), "training series have 1 channels, test series 3"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("use", [describe, load])
def test_broken_files(tmp_path: Path, case: str, use: Callable[[DataConfig], object]) -> None:
    write, problem = BROKEN[case]
    path = tmp_path / "Some.npz"
    write(path)
    with pytest.raises(InvalidData) as caught:
        use(config(tmp_path))
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trace,)

    np.savez(tmp_path / "Some.npz", **good(X_train=np.array([Trap()] * 4, dtype=object)))
    with pytest.raises(InvalidData):
        load(config(tmp_path))
    assert not trace.exists()


def test_errors_say_that_train_and_test_were_exchanged(tmp_path: Path) -> None:
    np.savez(tmp_path / "Worms.npz", **good(y_test=np.array([1, 1])))
    assert describe(config(tmp_path, "Worms")).train_n == 4
    with pytest.raises(InvalidData, match=r"exchanged by split 2015: the training set has only the class '1'"):
        describe(config(tmp_path, "Worms", split=2015))
