"""Numbers and labels in text files: what the readers of all text formats share.

Strict on purpose: a field that is no number is an error that names file, line and column, and never a missing value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsn.data.files import unreadable
from dsn.errors import InvalidData

LONGEST_LABEL = 200
"""Characters. A longer one is a row whose separator was not recognised, and would cost its length for every series."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines(path: Path, *, comments: str = "") -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file with their numbers from 1, without what is blank or a comment.

    Line ends of Unix and Windows and a byte order mark are taken off, and so are blanks at the end of a line.

    Args:
        path: the file.
        comments: characters that make a line a comment when they are its first. Comments may be in any encoding: in
            the published archives some are not in UTF-8.

    Raises:
        InvalidData: the file cannot be read or is not UTF-8 text.
    """
    marks = tuple(mark.encode() for mark in comments)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
                if marks and content.lstrip().startswith(marks):
                    continue
                # Text knows more blanks than bytes do.
                line_text = _decoded(content, path, number).rstrip()
                if line_text:
                    yield number, line_text
    except OSError as error:
        raise unreadable(path, error) from error


def _decoded(content: bytes, path: Path, number: int) -> str:
    if b"\0" in content:
        raise InvalidData("is not UTF-8 text: it holds NUL bytes (UTF-16 perhaps?)", place=f"{path}:{number}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidData(
            f"is not UTF-8 text: byte {content[error.start]:#04x}", place=f"{path}:{number}:{error.start + 1}"
        ) from error


def numbers(values: str, separator: str | None, place: str, *, first: int = 1) -> NDArray[np.float64]:
    """The fields of a line as numbers; ``NaN`` in any case and ``?`` are missing values.

    Args:
        values: the line, or a part of it.
        separator: what stands between the fields; None for any blanks.
        place: file and line, for errors.
        first: number of the first of the fields in its line.

    Raises:
        InvalidData: a field is empty or no number. Infinity is a number here; ``raw_part`` refuses it.
    """
    fields = values.split(separator)
    if _plain(values):
        try:
            return np.array(fields, dtype=np.float64)
        except ValueError:
            pass  # found again below, where it is
    return np.array([_number(field, place, first + index) for index, field in enumerate(fields)])


def _plain(values: str) -> bool:
    """Python reads 1_000 and the digits of other scripts as numbers too; no file means that."""
    return values.isascii() and "_" not in values


def _number(field: str, place: str, column: int) -> float:
    if field.strip() == "?":
        return np.nan
    try:
        if _plain(field):
            return float(field)
    except ValueError:
        pass  # said below
    problem = "is not a number" if field.strip() else "is empty; a missing value is written NaN"
    raise InvalidData(f"field {column} {problem}", value=field, place=place)


def label(field: str, place: str) -> str:
    """The text of a label, without blanks around it.

    Raises:
        InvalidData: it is empty, or too long to be one.
    """
    found = field.strip()
    if not found:
        raise InvalidData("has no label", place=place)
    if len(found) > LONGEST_LABEL:
        raise InvalidData(f"the label has {len(found)} characters; at most {LONGEST_LABEL}", value=found, place=place)
    return found


def unquoted(field: str) -> str:
    """``field`` without blanks and one pair of quotes around it."""
    found = field.strip()
    return found[1:-1] if len(found) >= 2 and found[0] == found[-1] and found[0] in "'\"" else found


def table(path: Path, separator: str | None) -> NDArray[np.float64]:
    """A file of numbers alone, every line of the same count (lines, count).

    ``separator`` None stands for any blanks.

    Raises:
        InvalidData: as ``lines`` and ``numbers``; no line at all; lines of different counts.
    """
    rows: list[NDArray[np.float64]] = []
    for number, line in lines(path):
        row = numbers(line, separator, f"{path}:{number}")
        if rows and len(row) != len(rows[0]):
            raise InvalidData(f"has {len(row)} numbers, the line before {len(rows[0])}", place=f"{path}:{number}")
        rows.append(row)
    if not rows:
        raise InvalidData("is empty", place=str(path))
    return np.stack(rows)
