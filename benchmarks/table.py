"""What a benchmark found, as a table: for people, for Markdown, and as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.interleaved import Spread

Value = str | int | float | Spread | None
"""None: there is no such figure. NaN: it could not be measured here."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures, a row a measurement.

    Attributes:
        title: what was measured.
        columns: their titles, units included, and how their numbers are written (a format specification).
        rows: one value a column.
        notes: what a reader has to know, a sentence or two each.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[tuple[Value, ...]]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Aligned columns: text to the left, numbers to the right."""
        cells = self._cells()
        widths = [max(len(row[index]) for row in cells) for index in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(width) if numeric else cell.ljust(width)
                for cell, width, numeric in zip(row, widths, self._numeric(), strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, "=" * len(self.title), "", *lines, "", *self.notes])

    def markdown(self) -> str:
        """A table as GitHub shows it."""
        header, *rows = (f"| {' | '.join(row)} |" for row in self._cells())
        rule = "|" + "|".join("---:" if numeric else "---" for numeric in self._numeric()) + "|"
        return "\n".join([f"### {self.title}", "", header, rule, *rows, "", *self.notes])

    def plain(self) -> dict[str, Any]:
        """Values that JSON can hold; what could not be measured is None too."""
        rows = [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}

    def _cells(self) -> list[list[str]]:
        written = [
            [_written(value, spec) for value, spec in zip(row, self.columns.values(), strict=True)] for row in self.rows
        ]
        return [list(self.columns), *written]

    def _numeric(self) -> list[bool]:
        return [bool(spec) for spec in self.columns.values()]


def _written(value: Value, spec: str) -> str:
    if isinstance(value, Spread):
        return f"{value.median:{spec}} ({value.lower:{spec}} to {value.upper:{spec}})"
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return "not known" if math.isnan(value) else f"{value:{spec}}"


def _plain(value: Value) -> Any:
    if isinstance(value, Spread):
        return asdict(value)
    return None if isinstance(value, float) and math.isnan(value) else value
