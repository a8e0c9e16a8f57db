"""Series in rows, label first: the UCR archive's .tsv and .txt, and the files without ending of its 2015 release.

    1<tab>0.5<tab>0.25<tab>NaN

One series a line and no header. The separator is what the first line has: tabs, else commas, else blanks. Missing
values are ``NaN``; a short series is filled up with them, so that all rows are of one width, as the archive does.

Our own reader and not ``aeon.datasets.load_from_tsv_file``, because pandas fills short rows up in silence (a file that
was cut off reads well), takes a header for a series of text, and a file with commas for series without values.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsn.data import text
from dsn.data.raw import RawPart, raw_part
from dsn.errors import InvalidData


def read_delimited(path: Path) -> RawPart:
    """The series of a file of rows, as float64, one channel.

    A label may be a whole number, however written (1, 1.0, 1.0000000e+00 are one class, "1"), or a word, in quotes or
    not. A fraction is refused: it is far more likely the first value of a row whose label stands elsewhere.

    Raises:
        InvalidData: any row that does not fit the format, with its number.
    """
    series: list[NDArray[np.float64]] = []
    labels: list[str] = []
    separator: str | None = None
    for number, line in text.lines(path):
        place = f"{path}:{number}"
        if not series:
            separator = _separator(line)
        first, *rest = line.split(separator, maxsplit=1)
        if not rest:
            raise InvalidData("has a label but no values behind it", value=first, place=place)
        values = text.numbers(rest[0], separator, place, first=2)
        if series and len(values) != len(series[0]):
            raise InvalidData(
                f"has {len(values)} values, the first row {len(series[0])}; fill short series up with NaN", place=place
            )
        series.append(values)
        labels.append(_label(first, place))
    if not series:
        raise InvalidData("is empty", place=str(path))
    _require_no_header(series[0], labels, path)
    return raw_part(np.stack(series), np.array(labels, dtype=np.str_), place=str(path))


def _require_no_header(first: NDArray[np.float64], labels: list[str], path: Path) -> None:
    """Refuse numbered columns under a heading: what data frames are written as by default would read as a series.

    Raises:
        InvalidData: the first row counts its columns, and its label occurs nowhere else.
    """
    counts = any(np.array_equal(first, np.arange(start, start + len(first))) for start in (0, 1))
    if counts and len(first) > 2 and labels.count(labels[0]) == 1:
        raise InvalidData(
            "the first row is a header, which numbers its columns; write the file without", place=str(path)
        )


def _separator(line: str) -> str | None:
    return next((mark for mark in ("\t", ",") if mark in line), None)


def _label(field: str, place: str) -> str:
    found = text.label(text.unquoted(field), place)
    try:
        number = Decimal(found)
    except InvalidOperation:
        return found
    if not number.is_finite():
        raise InvalidData("the label (first column) is missing", value=found, place=place)
    if number != number.to_integral_value():
        raise InvalidData("the label (first column) must be a whole number or a word", value=found, place=place)
    plain = found.lstrip("+-").isdigit()
    return found if plain or number.adjusted() > 18 else str(int(number))
