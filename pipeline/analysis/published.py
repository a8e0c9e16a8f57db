"""Accuracies that others have printed, read from a file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dsn.errors import InvalidInput

PUBLISHED_COLUMNS: Final = ("dataset", "arm", "system", "accuracy", "std", "source")

COST_COLUMNS: Final = ("parameters", "flops")
"""Columns that may be there, or not."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """An accuracy that somebody printed, and what of the study it belongs beside.

    Attributes:
        dataset: the study's data set.
        arm: the label of its arm; empty for a system that stands beside all of them.
        system: whose accuracy it is.
        accuracy: in percent, as printed.
        std: its standard deviation, likewise; NaN if none is printed.
        source: where it is printed.
        parameters, flops: of the system's network there, for one series; NaN if not given.
        place: where it was read, for messages.
    """

    dataset: str
    arm: str
    system: str
    accuracy: float
    std: float
    source: str
    parameters: float = math.nan
    flops: float = math.nan
    place: str = field(default="", compare=False)


def read_published(path: Path) -> tuple[Published, ...]:
    """The rows of a CSV file (UTF-8, commas) with the columns ``PUBLISHED_COLUMNS`` and perhaps some of
    ``COST_COLUMNS``, in any order.

    Raises:
        InvalidInput: it cannot be read, has other columns, or a row that cannot be; with file, line and column.
    """
    try:
        return parse_published(path.read_bytes(), str(path))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error


def parse_published(content: bytes, place: str) -> tuple[Published, ...]:
    """``read_published`` of what a file holds; ``place`` says which."""
    try:
        # Spreadsheets begin a file with a byte-order mark.
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        _require_columns(rows.fieldnames or (), place)
        published = tuple(_published(row, f"{place}:{rows.line_num}") for row in rows)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is not UTF-8 ({error.reason})", place=place) from error
    except csv.Error as error:
        raise InvalidInput(f"is no CSV ({error})", place=place) from error
    _require_distinct(published)
    if published and max(one.accuracy for one in published) <= 1:
        raise InvalidInput("accuracies are in percent, and none of these is above 1", key="accuracy", place=place)
    return published


def published_csv(published: Sequence[Published]) -> str:
    """A file that ``read_published`` takes for the same rows: numbers to the last digit, absent ones as nothing."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    names = PUBLISHED_COLUMNS + COST_COLUMNS
    lines.writerow(names)
    for one in published:
        fields = [getattr(one, name) for name in names]
        lines.writerow("" if isinstance(field, float) and math.isnan(field) else field for field in fields)
    return written.getvalue()


def _require_columns(names: Sequence[str], place: str) -> None:
    known = PUBLISHED_COLUMNS + COST_COLUMNS
    if not set(PUBLISHED_COLUMNS) <= set(names):
        raise InvalidInput(f"must have the columns {', '.join(PUBLISHED_COLUMNS)}", place=f"{place}:1")
    for name in names:
        if name not in known:
            raise InvalidInput("no such column", value=name, place=f"{place}:1", choices=known)
        if list(names).count(name) > 1:
            raise InvalidInput("a column that is there twice", value=name, place=f"{place}:1")


def _published(row: Mapping[str | None, str], place: str) -> Published:
    if None in row:
        raise InvalidInput("more fields than columns; a text with a comma needs quotation marks", place=place)
    if None in row.values():
        raise InvalidInput("fewer fields than columns", place=place)
    for key in ("dataset", "system"):
        if not row[key].strip():
            raise InvalidInput("must not be empty", key=key, place=place)
    texts = {key: row[key].strip() for key in ("dataset", "arm", "system", "source")}
    return Published(
        accuracy=_number(row, "accuracy", place, most=100.0, required=True),
        std=_number(row, "std", place, most=100.0),
        parameters=_number(row, "parameters", place),
        flops=_number(row, "flops", place),
        place=place,
        **texts,
    )


def _number(
    row: Mapping[str | None, str], key: str, place: str, *, most: float = math.inf, required: bool = False
) -> float:
    """NaN where nothing is written."""
    text = row.get(key)
    if not (text or required):
        return math.nan
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput("must be a number", key=key, value=text, place=place) from error
    if not 0 <= value <= most or math.isinf(value):
        limits = "must not be negative" if most == math.inf else f"must be between 0 and {most:g}"
        raise InvalidInput(limits, key=key, value=text, place=place)
    return value


def _require_distinct(published: Iterable[Published]) -> None:
    places: dict[tuple[str, str, str], str] = {}
    for one in published:
        first = places.setdefault((one.dataset, one.arm, one.system), one.place)
        if first != one.place:
            raise InvalidInput(
                f"the same data set, arm and system as in line {first.rpartition(':')[2]}",
                key="system",
                value=one.system,
                place=one.place,
            )
