"""Daily and Sports Activities, as the UCI repository distributes it: source ``daily_sports``.

    data/a01/p1/s01.txt  ...  data/a19/p8/s60.txt

19 activities of 8 people, 60 segments each; a file is one series of 125 steps (5 s at 25 Hz) in rows and 45 channels in
columns, separated by commas. Labels are the activities' folders: a01 is sitting, a19 playing basketball (Altun, Barshan
and Tuncel, Pattern Recognition 43, 2010).

**The split.** The data come without one. Here it is by subject: the first half of the people (p1 to p4) for training,
the others for testing, 4560 series each. The paper's Table 2 cannot be repeated with it: its code takes the arrays that
MLSTM-FCN's authors published, and which series these hold in which part is not documented. Its accuracies of 99 %
suggest that every person is in both parts, for then segments of one recording are on both sides. Who has those arrays
reads them with source ``npy``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from dsn.config import DataConfig
from dsn.data import text
from dsn.data.files import SourceFiles, entries, existing_folder, lies_there, require_file
from dsn.data.raw import RawData, RawPart, raw_part
from dsn.errors import AbsentData, InvalidData

NAME: Final = "DailySports"

_NEEDS = "source 'daily_sports' needs the folder 'data' with a01 to a19, or the one that holds it"


def names(path: str | None) -> list[str]:
    """``DailySports``, if it is in the folder ``path``."""
    root = _root(existing_folder(path, _NEEDS))
    return [NAME] if lies_there(root / "a01" / "p1") else []


def find(config: DataConfig) -> SourceFiles:
    """All files by their role, ``a01/p1/s01`` and so on.

    Raises:
        AbsentData: no folder there, or nothing of the data set in it.
        InvalidData: no path, another name than DailySports, fewer than two people, or a file that is missing although
            the others say that it should be there.
    """
    root = _root(existing_folder(config.path, _NEEDS))
    if config.name != NAME:
        raise InvalidData("source 'daily_sports' has one data set", key="name", value=config.name, choices=[NAME])
    if not lies_there(root / "a01"):
        raise AbsentData(_NEEDS, key="path", value=config.path)
    activities = _numbered(root, r"a\d\d")
    people = _union([_numbered(root / activity, r"p\d") for activity in activities])
    segments = _union([_numbered(root / activities[0] / person, r"s\d\d\.txt") for person in people])
    if len(people) < 2 or not segments:
        raise InvalidData("holds no folders a01/p1, a01/p2, ... with files s01.txt, ...", place=str(root))
    # All activities, people and segments crossed: a file that is missing would otherwise pass unnoticed.
    return {
        f"{activity}/{person}/{segment.removesuffix('.txt')}": require_file(root / activity / person / segment)
        for activity in activities
        for person in people
        for segment in segments
    }


def _root(folder: Path) -> Path:
    return folder / "data" if lies_there(folder / "data" / "a01") else folder


def _numbered(folder: Path, pattern: str) -> list[str]:
    return [entry.name for entry in entries(folder) if re.fullmatch(pattern, entry.name)]


def _union(lists: Sequence[list[str]]) -> list[str]:
    return sorted({name for each in lists for name in each})


def read(files: SourceFiles) -> RawData:
    """Both parts: the first half of the people, and the others.

    Raises:
        InvalidData: a file cannot be read, holds something else than numbers, or is of another size than the others.
    """
    people = sorted({role.split("/")[1] for role in files})
    training = people[: len(people) // 2]
    train = {role: path for role, path in files.items() if role.split("/")[1] in training}
    test = {role: path for role, path in files.items() if role not in train}
    return RawData(train=_read(train), test=_read(test))


def _read(files: SourceFiles) -> RawPart:
    # A row is a time point, and a column a channel.
    series = [text.table(path, ",").T for path in files.values()]
    for path, each in zip(files.values(), series, strict=True):
        if each.shape != series[0].shape:
            raise InvalidData(
                f"{each.shape[1]} rows of {each.shape[0]} columns, other files have {series[0].shape[1]} of "
                f"{series[0].shape[0]}",
                place=str(path),
            )
    labels = np.array([role.split("/")[0] for role in files], dtype=np.str_)
    first = next(iter(files.values()))
    return raw_part(np.stack(series), labels, place=str(first.parents[2]))
