"""A study's frame as one file, for other programs. ``docs/columns.md`` says what its columns are."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dsn.durable import write_atomic
from dsn.errors import InvalidInput
from pipeline.wording import spelled

if TYPE_CHECKING:
    import pandas as pd

AS_TEXT = ("sparsity.level", "data.path")
"""Settings that may be a number or a word, or only nothing: as text in every file, so that the files of several studies
have columns of the same types."""


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _csv(frame: pd.DataFrame) -> bytes:
    """All digits, absent values as empty fields, the same line ends on every platform."""
    return str(frame.to_csv(index=False, lineterminator="\n")).encode()


FORMATS: Mapping[str, Callable[[pd.DataFrame], bytes]] = {".csv": _csv, ".parquet": _parquet}
"""Ending of the file's name -> how a frame is written."""


def require_format(path: Path) -> None:
    """Refuse a name that does not say how the file is to be written.

    Raises:
        InvalidInput: with the endings that do.
    """
    if path.suffix not in FORMATS:
        raise InvalidInput("has an ending that names no format", key="--out", value=str(path), choices=FORMATS)


def write_frame(trials: pd.DataFrame, path: Path) -> None:
    """Write ``StudyResults.trials``, a row a cell, in the format that ``path`` ends with; whole or not at all.

    Raises:
        InvalidInput: no format of that ending.
        OSError: the folder is missing or cannot be written.
    """
    require_format(path)
    texts = {name: [None if value is None else spelled(value) for value in trials[name]] for name in AS_TEXT}
    plain = trials.assign(**texts).astype(dict.fromkeys(AS_TEXT, "str"))
    write_atomic(path, FORMATS[path.suffix](plain))
