"""Data sets laid out as in the UCR and UEA archives, and own data in the same form: source ``archive``.

    PATH/NAME/NAME_TRAIN.tsv    PATH/NAME/NAME_TEST.tsv        or, without a folder for each set,
    PATH/NAME_TRAIN.tsv         PATH/NAME_TEST.tsv

The ending tells the format, so one study can list sets of several formats, and who has data need not know what its
format is called. Where a set is there in several, as in the archives' zip files, the first of ``FORMATS`` is read:
.ts says most about itself (labels, lengths, what is missing), .arff comes next, and rows without any header are last.
Both parts must be of one format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from dsn.config import DataConfig
from dsn.data.arff import read_arff
from dsn.data.delimited import read_delimited
from dsn.data.files import (
    SourceFiles,
    entries,
    existing_folder,
    lies_there,
    require_file,
    require_plain_name,
    unknown_name,
)
from dsn.data.raw import RawData, RawPart
from dsn.data.ts import read_ts
from dsn.errors import InvalidData

FORMATS: dict[str, Callable[[Path], RawPart]] = {
    ".ts": read_ts,
    ".arff": read_arff,
    ".tsv": read_delimited,
    ".csv": read_delimited,
    ".txt": read_delimited,
    "": read_delimited,
}
"""Ending -> reader, the preferred first. The files of the 2015 release of the UCR archive have no ending."""

_NEEDS = "source 'archive' needs the folder that holds NAME/NAME_TRAIN.tsv and the like"
_PART = re.compile(rf"(.+)_(?:TRAIN|TEST)(?:{'|'.join(map(re.escape, FORMATS))})")


def names(path: str | None) -> list[str]:
    """The data sets in the folder ``path``, sorted; those too of which one part is missing."""
    found = set()
    for entry in entries(existing_folder(path, _NEEDS)):
        match = _PART.fullmatch(entry.name)
        if match:
            found.add(match.group(1))
        elif entry.is_dir() and any(lies_there(file) for pair in _pairs(entry, entry.name) for file in pair):
            found.add(entry.name)
    return sorted(found)


def find(config: DataConfig) -> SourceFiles:
    """The training and the test file of ``config.name``.

    Raises:
        AbsentData: no folder there, or no such name in it.
        InvalidData: no path, a name that leads out of it, or one part alone.
    """
    folder = existing_folder(config.path, _NEEDS)
    require_plain_name(config.name)
    pairs = [*_pairs(folder / config.name, config.name), *_pairs(folder, config.name)]
    for train, test in pairs:
        if lies_there(train) and lies_there(test):
            return {"train": require_file(train), "test": require_file(test)}
    for train, test in pairs:
        if lies_there(train) or lies_there(test):
            here, missing = (train, test) if lies_there(train) else (test, train)
            raise InvalidData(f"its other part, {missing.name}, is missing", place=str(here))
    raise unknown_name(config.name, folder, names(config.path))


def _pairs(folder: Path, name: str) -> list[tuple[Path, Path]]:
    return [(folder / f"{name}_TRAIN{ending}", folder / f"{name}_TEST{ending}") for ending in FORMATS]


def read(files: SourceFiles) -> RawData:
    """Both parts, in the format that the files' ending names.

    Raises:
        InvalidData: a file cannot be read, or its content cannot be used.
    """
    return RawData(train=_read(files["train"]), test=_read(files["test"]))


def _read(file: Path) -> RawPart:
    return FORMATS[file.suffix if file.suffix in FORMATS else ""](file)
