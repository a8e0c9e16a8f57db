"""Data sets in NumPy's .npz files.

A file holds ``X_train``, ``y_train``, ``X_test``, ``y_test``: X of shape (n, length) or (n, channels, length), NaN
where a short series has ended; y of shape (n,), numbers or text. Other arrays in the file are not read. Pickled
objects are refused, for loading one runs code.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data.description import PartSummary, summarise
from dsn.data.files import SourceFiles
from dsn.data.raw import RawData, raw_part
from dsn.errors import InvalidData

KEYS = ("X_train", "y_train", "X_test", "y_test")

# What NumPy raises for a file that is no zip, is cut off, holds pickles, or is damaged inside; NotImplementedError and
# RuntimeError are zipfile's for a compression it lacks and for encryption.
_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def names(path: str | None) -> list[str]:
    """The data sets in the folder ``path``, sorted; the file's own name if ``path`` is a file."""
    place = _place(path)
    return [place.stem] if place.is_file() else sorted(file.stem for file in place.glob("*.npz"))


def find(config: DataConfig) -> SourceFiles:
    """NAME.npz in the folder ``config.path``, or the file ``config.path`` itself, whatever its name.

    Raises:
        InvalidData: no path, nothing there, no such name in the folder, or a name that leads out of it.
    """
    place = _place(config.path)
    if config.name in ("", ".", "..") or any(mark in config.name for mark in "/\\\0"):
        raise InvalidData("must be a plain name, without slashes", key="name", value=config.name)
    if place.is_file():
        return {"both": place}
    known = names(config.path)
    if config.name not in known:
        raise InvalidData(
            "no such data set in this folder", key="name", value=config.name, place=str(place), choices=known
        )
    return {"both": place / f"{config.name}.npz"}


def _place(path: str | None) -> Path:
    if path is None:
        raise InvalidData("source 'npz' needs the folder that holds NAME.npz, or the file itself", key="path")
    try:
        place = Path(path).expanduser()
        place.stat()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~someone who does not exist
        raise InvalidData("no such folder or file", key="path", value=path) from error
    return place


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


def scan(files: SourceFiles) -> tuple[PartSummary, PartSummary]:
    """Sizes of train and test. Reads everything: it is fast, and then planning finds every fault of the file."""
    raw = read(files)
    return summarise(raw.train), summarise(raw.test)


def _arrays(path: Path) -> list[NDArray[Any]]:
    try:
        # Opened here, for NumPy leaves a file open that it cannot read.
        with path.open("rb") as file:
            return _members(np.load(file, allow_pickle=False), path)
    except InvalidData:
        raise
    except _UNREADABLE as error:
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
    except _UNREADABLE as error:
        raise InvalidData(f"{key} cannot be read: {error}", place=str(path)) from error
    if not isinstance(array, np.ndarray):
        raise InvalidData(f"{key} is not a NumPy array", place=str(path))
    return array
