"""A table as plain data; ``renderings`` has the forms in which it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading, and whether the column holds numbers (set flush right) or words (flush left)."""

    name: str
    numeric: bool = True


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The text of a cell, whether it is the best of its row or column, and what more a reader may ask to see."""

    text: str
    best: bool = False
    tooltip: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table ready to be shown.

    Attributes:
        title: a short heading.
        columns: one for each cell of a row.
        rows: the body.
        summary: rows over the whole body, set apart at its end.
        notes: sentences on how to read the table and on what is left out.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    summary: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows + self.summary), "a row of another width"
