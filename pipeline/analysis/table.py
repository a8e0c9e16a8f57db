"""A table as plain data; ``renderings`` has the forms in which it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.analysis.behind import Behind


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading, and what stands under it.

    Attributes:
        name: the heading.
        numeric: whether the column holds numbers (set flush right) or words (flush left).
        parts: what each of a cell's numbers is, where a cell has several: ``("mean", "std")``.
    """

    name: str
    numeric: bool = True
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One place of a table.

    Attributes:
        text: what is shown.
        best: whether it is the best of its row or column.
        tooltip: what more a reader may ask to see.
        values: the numbers behind the text, unrounded and in its unit, one for each of the column's ``parts``; none
            where the text is all there is.
        behind: the trials that it is computed from; None if it is computed from none.
    """

    text: str
    best: bool = False
    tooltip: str = ""
    values: tuple[float, ...] = ()
    behind: Behind | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table ready to be shown.

    Attributes:
        title: a short heading.
        columns: one for each cell of a row.
        rows: the body.
        summary: rows over the whole body, set apart at its end.
        notes: sentences on how to read the table and on what is left out.
        keys: columns at the beginning that say what a row is of; a table that is cut into pieces repeats them.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    summary: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()
    keys: int = 1

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows + self.summary), "a row of another width"
        numbers = [max(1, len(column.parts)) for column in self.columns]
        assert all(
            len(cell.values) in (0, number)
            for row in self.rows + self.summary
            for cell, number in zip(row, numbers, strict=True)
        ), "a cell with other numbers than its column has parts"
