"""Data sets in NumPy's .npz files.

A file holds ``X_train``, ``y_train``, ``X_test``, ``y_test``: X of shape (n, length) or (n, channels, length), NaN
where a short series has ended; y of shape (n,) or (n, 1), numbers or text. Other arrays in the file are not read.
Pickled objects are refused, for loading one runs code.
"""

from __future__ import annotations

import lzma
import struct
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data.files import (
    SourceFiles,
    entries,
    existing_place,
    lies_there,
    require_file,
    require_plain_name,
    unknown_name,
)
from dsn.data.raw import RawData, raw_part
from dsn.errors import InvalidData

KEYS = ("X_train", "y_train", "X_test", "y_test")

_NEEDS = "source 'npz' needs the folder that holds NAME.npz, or the file itself"

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
)
"""What NumPy and zipfile raise for a file that is no archive, is cut off, holds pickles, claims a shape that no memory
holds, or is damaged inside: NotImplementedError and RuntimeError stand for a compression that is missing and for
encryption, the last three for the head of an array, which NumPy reads as an expression."""


def names(path: str | None) -> list[str]:
    """The data sets in the folder ``path``, sorted; the file's own name if ``path`` is a file."""
    place = existing_place(path, _NEEDS)
    if not place.is_dir():
        return [place.stem]
    return [entry.stem for entry in entries(place) if entry.suffix == ".npz"]


def find(config: DataConfig) -> SourceFiles:
    """NAME.npz in the folder ``config.path``, or the file ``config.path`` itself, whatever its name.

    Raises:
        AbsentData: nothing there, or no such name in the folder.
        InvalidData: no path, or a name that leads out of it.
    """
    place = existing_place(config.path, _NEEDS)
    require_plain_name(config.name)
    if not place.is_dir():
        return {"both": require_file(place)}
    file = place / f"{config.name}.npz"
    if not lies_there(file):
        raise unknown_name(config.name, place, names(config.path))
    return {"both": require_file(file)}


def read(files: SourceFiles) -> RawData:
    """Both parts, validated.

    Raises:
        InvalidData: the file is no readable .npz, lacks an array, or holds one that cannot be used.
    """
    path = files["both"]
    x_train, y_train, x_test, y_test = _arrays(path)
    return RawData(
        train=raw_part(x_train, y_train, place=f"{path} (X_train, y_train)"),
        test=raw_part(x_test, y_test, place=f"{path} (X_test, y_test)"),
    )


def _arrays(path: Path) -> list[NDArray[Any]]:
    try:
        # Opened here, for NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, warnings.catch_warnings():
            # About headers that an old Python wrote, and names of types that NumPy will drop: nothing to be mended.
            warnings.simplefilter("ignore")
            return _members(np.load(file, allow_pickle=False), path)
    except InvalidData:
        raise
    except UNREADABLE as error:
        raise InvalidData(f"not a readable .npz file: {error}", place=str(path)) from error


def _members(archive: object, path: Path) -> list[NDArray[Any]]:
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InvalidData("holds a single array (.npy), not an .npz archive", place=str(path))
    missing = [key for key in KEYS if key not in archive.files]
    if missing:
        held = ", ".join(archive.files) or "nothing"
        raise InvalidData(f"lacks {', '.join(missing)}; it holds {held}", place=str(path))
    return [_array(archive, key, path) for key in KEYS]


def _array(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> NDArray[Any]:
    try:
        array = archive[key]
    except UNREADABLE as error:
        raise InvalidData(f"{key} cannot be read: {error}", place=str(path)) from error
    if not isinstance(array, np.ndarray):
        raise InvalidData(f"{key} is not a NumPy array", place=str(path))
    return array
