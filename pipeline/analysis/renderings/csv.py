"""A table as CSV, for a spreadsheet or another program: plain numbers, unrounded."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import ABSENT, printable


def to_csv(table: Table) -> str:
    """Headings, the rows, then the summary's; no title and no notes.

    A column whose cells have several numbers becomes one for each (``dsn mean``, ``dsn std``), in the unit of its
    heading. What is text stays text, in the first of them; what is absent is empty.
    """
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(printable(name) for column in table.columns for name in _names(column))
    for row in table.rows + table.summary:
        lines.writerow(
            field for column, cell in zip(table.columns, row, strict=True) for field in _fields(column, cell)
        )
    return written.getvalue()


def _names(column: Column) -> list[str]:
    return [f"{column.name} {part}" for part in column.parts] or [column.name]


def _fields(column: Column, cell: Cell) -> Iterator[str]:
    if cell.values:
        yield from map(_number, cell.values)
        return
    yield "" if cell.text == ABSENT else printable(cell.text)
    yield from ("" for _ in column.parts[1:])


def _number(value: float) -> str:
    """The shortest text that gives the same number back; a whole number without a decimal point."""
    if math.isnan(value):
        return ""
    whole = float(value).is_integer() and abs(value) < 2**53
    return str(int(value)) if whole else repr(float(value))
