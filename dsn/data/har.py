"""Human Activity Recognition Using Smartphones, as the UCI repository distributes it: source ``har``.

    UCI HAR Dataset/activity_labels.txt
    UCI HAR Dataset/train/y_train.txt
    UCI HAR Dataset/train/Inertial Signals/body_acc_x_train.txt       and eight more; likewise test

The nine raw signals of 128 steps (2.56 s at 50 Hz) are the channels, body_acc, body_gyro, total_acc, each x, y, z; the
561 features derived from them (X_train.txt) are not read. The split is the official one, by subject: 7352 windows of 21
people for training, 2947 of 9 others. Anguita et al., ESANN 2013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data import text
from dsn.data.files import SourceFiles, existing_folder, lies_there, require_file
from dsn.data.labels import Texts
from dsn.data.raw import RawData, RawPart, raw_part
from dsn.errors import AbsentData, InvalidData

NAME: Final = "HAR"

SIGNALS: Final = tuple(f"{sensor}_{axis}" for sensor in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
"""The channels, in order."""

_FOLDER = "UCI HAR Dataset"
_NEEDS = f"source 'har' needs the folder {_FOLDER!r}, or the one that holds it"


def names(path: str | None) -> list[str]:
    """``HAR``, if it is in the folder ``path``."""
    folder = existing_folder(path, _NEEDS)
    return [NAME] if lies_there(folder / _FOLDER) or lies_there(folder / "train" / "Inertial Signals") else []


def find(config: DataConfig) -> SourceFiles:
    """The names of the activities, the signals and the labels of both parts.

    Raises:
        AbsentData: no folder there, or nothing of the data set in it.
        InvalidData: no path, a file is missing, or another name than HAR.
    """
    folder = existing_folder(config.path, _NEEDS)
    if config.name != NAME:
        raise InvalidData("source 'har' has one data set", key="name", value=config.name, choices=[NAME])
    if not names(config.path):
        raise AbsentData(_NEEDS, key="path", value=config.path)
    root = _root(folder)
    files = {"activities": root / "activity_labels.txt"}
    for part in ("train", "test"):
        files[f"{part}/labels"] = root / part / f"y_{part}.txt"
        files |= {f"{part}/{name}": root / part / "Inertial Signals" / f"{name}_{part}.txt" for name in SIGNALS}
    return {role: require_file(path) for role, path in files.items()}


def _root(folder: Path) -> Path:
    return folder / _FOLDER if lies_there(folder / _FOLDER) else folder


def read(files: SourceFiles) -> RawData:
    """Both parts.

    Raises:
        InvalidData: a file cannot be read, holds something else than numbers, or does not fit the others.
    """
    activities = _activities(files["activities"])
    return RawData(train=_read(files, "train", activities), test=_read(files, "test", activities))


def _read(files: SourceFiles, part: str, activities: dict[str, str]) -> RawPart:
    signals = [text.table(files[f"{part}/{name}"], None) for name in SIGNALS]
    for name, signal in zip(SIGNALS, signals, strict=True):
        if signal.shape != signals[0].shape:
            raise InvalidData(
                f"{_shown(signal)}, {SIGNALS[0]} has {_shown(signals[0])}", place=str(files[f"{part}/{name}"])
            )
    labels = _labels(files[f"{part}/labels"], activities)
    return raw_part(np.stack(signals, axis=1), labels, place=str(files[f"{part}/labels"]))


def _shown(signal: NDArray[np.float64]) -> str:
    return f"{signal.shape[0]} series of length {signal.shape[1]}"


def _activities(path: Path) -> dict[str, str]:
    """Number of an activity -> its name."""
    found: dict[str, str] = {}
    for number, line in text.lines(path):
        fields = line.split()
        if len(fields) != 2 or fields[0] in found or fields[1] in found.values():
            raise InvalidData("expected a new number and a new name", value=line, place=f"{path}:{number}")
        found[fields[0]] = text.label(fields[1], f"{path}:{number}")
    return found


def _labels(path: Path, activities: dict[str, str]) -> Texts:
    found = []
    for number, line in text.lines(path):
        if line.strip() not in activities:
            raise InvalidData(
                "no such activity in activity_labels.txt",
                value=line.strip(),
                place=f"{path}:{number}",
                choices=activities,
            )
        found.append(activities[line.strip()])
    return np.array(found, dtype=np.str_)
