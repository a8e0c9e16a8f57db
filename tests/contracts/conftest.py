"""Small data sets written in the exact layout of every source that reads a user's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

Parts = dict[str, tuple[np.ndarray, list[str]]]


def _parts(channels: int, length: int, labels: tuple[str, str], n: int = 4) -> Parts:
    """Train and test: x (n, channels, length) with few digits, so that every format stores it exactly; labels."""
    rng = np.random.default_rng(3)
    return {
        part: (rng.integers(-999, 999, (n, channels, length)) / 256, [labels[i % 2] for i in range(n)])
        for part in ("TRAIN", "TEST")
    }


def _written(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def _ts(folder: Path) -> None:
    files = {}
    for part, (x, y) in _parts(2, 5, ("left", "Right")).items():
        # Unequal lengths, and a missing value.
        rows = [[",".join(map(str, channel[: 5 - i % 2])) for channel in each] for i, each in enumerate(x)]
        rows[0][0] = "?" + rows[0][0][rows[0][0].index(",") :]
        head = "#some\n@problemName Some\n@timeStamps false\n@univariate false\n@equalLength false\n"
        body = "".join(f"{':'.join(row)}:{label}\n" for row, label in zip(rows, y, strict=True))
        files[f"Some/Some_{part}.ts"] = f"{head}@classLabel true left Right\n@data\n{body}"
    _written(folder, files)


def _rows(separator: str, ending: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        files = {}
        for part, (x, y) in _parts(1, 6, ("1", "-1")).items():
            rows = [separator.join([label, *map(str, each[0])]) for each, label in zip(x, y, strict=True)]
            rows[1] = rows[1].rpartition(separator)[0] + separator + "NaN"
            files[f"Some/Some_{part}{ending}"] = "\n".join(rows) + "\n"
        _written(folder, files)

    return write


def _flat_rows(folder: Path) -> None:
    _rows("\t", ".tsv")(folder)
    for file in list((folder / "Some").iterdir()):
        file.rename(folder / file.name)
    (folder / "Some").rmdir()


def _arff(folder: Path) -> None:
    files = {}
    for part, (x, y) in _parts(1, 3, ("a", "b c")).items():
        head = "%some\n@relation Some\n" + "".join(f"@attribute att{i} numeric\n" for i in range(3))
        rows = "".join(f"{','.join(map(str, each[0]))},'{label}'\n" for each, label in zip(x, y, strict=True))
        files[f"Some/Some_{part}.arff"] = f"{head}@attribute target {{a,'b c'}}\n\n@data\n{rows}"
    _written(folder, files)


def _relational_arff(folder: Path) -> None:
    files = {}
    for part, (x, y) in _parts(2, 3, ("a", "b")).items():
        inner = "".join(f"@attribute att{i} numeric\n" for i in range(3))
        head = (
            f"@relation 'Some'\n\n@attribute bag relational\n{inner}@end bag\n@attribute 'the class' {{a,b}}\n@data\n"
        )
        rows = [r"\n".join(",".join(map(str, channel)) for channel in each) for each in x]
        files[f"Some/Some_{part}.arff"] = head + "".join(f"'{row}',{y}\n" for row, y in zip(rows, y, strict=True))
    _written(folder, files)


def _npz(folder: Path) -> None:
    (x_train, y_train), (x_test, y_test) = _parts(2, 5, ("a", "b")).values()
    folder.mkdir(exist_ok=True)
    np.savez(folder / "Some.npz", X_train=x_train, y_train=y_train, X_test=x_test, y_test=y_test)


def _npy(folder: Path) -> None:
    (x_train, _), (x_test, _) = _parts(2, 5, ("a", "b")).values()
    (folder / "Some").mkdir(parents=True)
    column = np.array([[0.0], [1.0], [0.0], [1.0]])
    for name, array in {"X_train": x_train, "y_train": column, "X_test": x_test, "y_test": column}.items():
        np.save(folder / "Some" / f"{name}.npy", array.astype(np.float32))


def _har(folder: Path) -> None:
    root = "UCI HAR Dataset"
    files = {f"{root}/activity_labels.txt": "1 WALKING\n2 WALKING_UPSTAIRS\n"}
    signals = [f"{sensor}_{axis}" for sensor in ("body_acc", "body_gyro", "total_acc") for axis in "xyz"]
    for role, (x, _) in _parts(9, 8, ("1", "2")).items():
        part = role.lower()
        files[f"{root}/{part}/y_{part}.txt"] = "1\n2\n1\n2\n"
        files[f"{root}/{part}/X_{part}.txt"] = "features, not read\n"
        for channel, signal in enumerate(signals):
            rows = ["".join(f" {value: .9e}" for value in each[channel]) for each in x]
            files[f"{root}/{part}/Inertial Signals/{signal}_{part}.txt"] = "\n".join(rows) + "\n"
    _written(folder, files)


def _daily_sports(folder: Path) -> None:
    files = {}
    rng = np.random.default_rng(5)
    for activity in ("a01", "a02"):
        for person in ("p1", "p2", "p3", "p4"):
            for segment in ("s01", "s02"):
                rows = rng.integers(-999, 999, (6, 3)) / 256
                content = "".join(",".join(map(str, row)) + "\n" for row in rows)
                files[f"data/{activity}/{person}/{segment}.txt"] = content
    _written(folder, files)


@dataclass(frozen=True)
class Layout:
    """A data set as a user would have it: its source, its name, and what writes it into a folder.

    ``found_by`` is the source that reads the layout, where ``source`` only looks for it.
    """

    source: str
    name: str
    write: Callable[[Path], None]
    found_by: str = ""


LAYOUTS = {
    "ts": Layout("archive", "Some", _ts),
    "tsv": Layout("archive", "Some", _rows("\t", ".tsv")),
    "tsv without folders": Layout("archive", "Some", _flat_rows),
    "txt with blanks": Layout("archive", "Some", _rows("  ", ".txt")),
    "csv": Layout("archive", "Some", _rows(",", ".csv")),
    "2015 release": Layout("archive", "Some", _rows(",", "")),
    "arff": Layout("archive", "Some", _arff),
    "relational arff": Layout("archive", "Some", _relational_arff),
    "npz": Layout("npz", "Some", _npz),
    "npy": Layout("npy", "Some", _npy),
    "har": Layout("har", "HAR", _har),
    "daily sports": Layout("daily_sports", "DailySports", _daily_sports),
    "folder with tsv": Layout("folder", "Some", _rows("\t", ".tsv"), "archive"),
    "folder with npz": Layout("folder", "Some", _npz, "npz"),
    "folder with npy": Layout("folder", "Some", _npy, "npy"),
    "folder with har": Layout("folder", "HAR", _har, "har"),
    "folder with daily sports": Layout("folder", "DailySports", _daily_sports, "daily_sports"),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


@pytest.fixture
def layouts() -> dict[str, Layout]:
    return LAYOUTS
