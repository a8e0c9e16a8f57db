"""Records as columns: instances of a dataclass of numbers, one array a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

Row = TypeVar("Row")


def as_columns(kind: type, rows: Iterable[Any]) -> dict[str, NDArray[Any]]:
    """A column a field of the dataclass ``kind``, int64 or float64 as the field says; they are there without any row
    too."""
    kept, types = list(rows), get_type_hints(kind)
    return {name: np.array([getattr(row, name) for row in kept], dtype=types[name]) for name in types}


def as_rows(kind: type[Row], columns: Mapping[str, NDArray[Any]]) -> list[Row]:
    """What ``as_columns`` was made from, in Python's own numbers."""
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [kind(**dict(zip(columns, row, strict=True))) for row in values]
