"""The classification data sets that aeon ships: .ts files in its folder ``datasets/data``.

They are read like those of source ``archive``; aeon itself is never imported, which would take seconds.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from dsn.config import DataConfig
from dsn.data.files import SourceFiles
from dsn.data.ts import is_classification
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
        if file.with_name(f"{name}_TEST.ts").is_file() and is_classification(file)
    }


def _folder() -> Path:
    found = importlib.util.find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        raise InvalidData("source 'aeon' needs the package aeon: pip install aeon", key="source", value="aeon")
    return Path(next(iter(found.submodule_search_locations))) / "datasets" / "data"
