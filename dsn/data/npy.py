"""Data sets as folders of four NumPy arrays: PATH/NAME/{X_train, y_train, X_test, y_test}.npy.

The published code of the paper and of MLSTM-FCN keeps the UCI sets in this form. The names may be in upper or lower
case. Shapes and types are those of source ``npz``; pickled objects are refused, for loading one runs code.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data.files import SourceFiles, entries, existing_folder, require_file, require_plain_name, unknown_name
from dsn.data.npz import KEYS, UNREADABLE
from dsn.data.raw import RawData, raw_part
from dsn.errors import InvalidData

_NEEDS = "source 'npy' needs the folder that holds NAME/X_train.npy and the like, or the folder NAME itself"


def names(path: str | None) -> list[str]:
    """The folders in ``path`` that hold at least one of the arrays, sorted; its own name if it holds them itself."""
    folder = existing_folder(path, _NEEDS)
    if _arrays_in(folder):
        return [folder.resolve().name]
    # A folder that may not be read, lost+found say, is nobody's data set.
    own = (entry for entry in entries(folder) if entry.is_dir() and os.access(entry, os.R_OK | os.X_OK))
    return [entry.name for entry in own if _arrays_in(entry)]


def find(config: DataConfig) -> SourceFiles:
    """The four arrays in the folder PATH/NAME, or in PATH itself, whatever its name.

    Raises:
        AbsentData: no folder there, or no such name in it.
        InvalidData: no path, a name that leads out of it, an array that is missing, or there twice in another case.
    """
    folder = existing_folder(config.path, _NEEDS)
    require_plain_name(config.name)
    own = folder / config.name
    place = own if own.is_dir() else folder
    found = _arrays_in(place)
    if not found:
        raise unknown_name(config.name, folder, names(config.path))
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise InvalidData(f"lacks {', '.join(f'{key}.npy' for key in missing)}", place=str(place))
    for key in KEYS:
        if len(found[key]) > 1:
            raise InvalidData(f"holds {key}.npy twice, in different case", place=str(place))
    return {key: require_file(found[key][0]) for key in KEYS}


def _arrays_in(folder: Path) -> dict[str, list[Path]]:
    """Files by the key that their name stands for in any case."""
    keys = {f"{key}.npy".lower(): key for key in KEYS}
    found: dict[str, list[Path]] = {}
    for entry in entries(folder):
        if entry.name.lower() in keys:
            found.setdefault(keys[entry.name.lower()], []).append(entry)
    return found


def read(files: SourceFiles) -> RawData:
    """Both parts, validated.

    Raises:
        InvalidData: a file is no readable .npy, or holds what cannot be used.
    """
    x_train, y_train, x_test, y_test = (_array(files[key]) for key in KEYS)
    return RawData(
        train=raw_part(x_train, y_train, place=f"{files['X_train']} and {files['y_train'].name}"),
        test=raw_part(x_test, y_test, place=f"{files['X_test']} and {files['y_test'].name}"),
    )


def _array(path: Path) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():
            # About headers that an old Python wrote, and names of types that NumPy will drop: nothing to be mended.
            warnings.simplefilter("ignore")
            # Mapped, so that a file shorter than its header says is refused before memory is taken for it.
            return np.array(np.lib.format.open_memmap(path, mode="r"))  # type: ignore[no-untyped-call]
    except UNREADABLE as error:
        raise InvalidData(f"not a readable .npy file: {error}", place=str(path)) from error
