"""The classification data sets that aeon ships: .ts files in its folder ``datasets/data``.

aeon reads them, and is imported only then: it takes a second, and planning must not wait for it. Planning counts
lines and commas of the same text; a test holds both to the same sizes. aeon lower-cases the text, labels included.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from dsn.config import DataConfig
from dsn.data.description import PartSummary
from dsn.data.files import SourceFiles
from dsn.data.labels import sorted_labels
from dsn.data.raw import RawData, RawPart, raw_part
from dsn.errors import InvalidData


def names(path: str | None = None) -> list[str]:
    """The bundled classification sets that have both a training and a test file, sorted.

    Sets for regression, with time stamps, or with one part only are left out.

    Raises:
        InvalidData: aeon is not installed, or ``path`` is given, which this source would not read.
    """
    return sorted(_train_files(path))


def find(config: DataConfig) -> SourceFiles:
    """The training and the test file of ``config.name``.

    Raises:
        InvalidData: aeon is not installed, there is no such set, or a path is given.
    """
    train_files = _train_files(config.path)
    if config.name not in train_files:
        raise InvalidData("aeon ships no such data set", key="name", value=config.name, choices=sorted(train_files))
    train = train_files[config.name]
    return {"train": train, "test": train.with_name(f"{config.name}_TEST.ts")}


def _train_files(path: str | None) -> dict[str, Path]:
    if path is not None:
        raise InvalidData("source 'aeon' reads its own files and takes no path", key="path", value=path)
    found = {file.name.removesuffix("_TRAIN.ts"): file for file in _folder().glob("*/*_TRAIN.ts")}
    return {
        name: file
        for name, file in found.items()
        if file.with_name(f"{name}_TEST.ts").is_file() and _is_classification(file)
    }


def _folder() -> Path:
    found = importlib.util.find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        raise InvalidData("source 'aeon' needs the package aeon: pip install aeon", key="source", value="aeon")
    return Path(next(iter(found.submodule_search_locations))) / "datasets" / "data"


def _is_classification(file: Path) -> bool:
    header = _header(file)
    return header.get("@classlabel", "").startswith("true") and header.get("@timestamps", "false") == "false"


def _header(file: Path) -> dict[str, str]:
    header = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            tag, _, value = line.strip().lower().partition(" ")
            if tag == "@data":
                break
            header[tag] = value.strip()
    return header


def read(files: SourceFiles) -> RawData:
    """Both parts, read by aeon.

    Raises:
        InvalidData: aeon cannot read a file, or its content cannot be used.
    """
    return RawData(train=_read(files["train"]), test=_read(files["test"]))


def _read(file: Path) -> RawPart:
    datasets = importlib.import_module("aeon.datasets")
    try:
        x, y = datasets.load_from_ts_file(str(file))
    except (OSError, ValueError) as error:
        raise InvalidData(f"aeon cannot read this file: {error}", place=str(file)) from error
    return raw_part(x, y, place=str(file))


def scan(files: SourceFiles) -> tuple[PartSummary, PartSummary]:
    """Sizes of train and test, from the text alone."""
    return _scan(files["train"]), _scan(files["test"])


def _scan(file: Path) -> PartSummary:
    # A line is one series: channels separated by colons, the label last; values separated by commas.
    n, channels, length, labels = 0, 0, 0, set()
    for line in _series_lines(file):
        *series, label = line.split(":")
        n, channels = n + 1, len(series)
        length = max(length, series[0].count(",") + 1)
        labels.add(label)
    return PartSummary(n=n, channels=channels, length=length, labels=sorted_labels(labels))


def _series_lines(file: Path) -> Iterator[str]:
    in_data = False
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            text = line.strip().lower()
            if in_data:
                yield text
            in_data = in_data or text == "@data"
