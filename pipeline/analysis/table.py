"""A table as plain data, and its renderings as Markdown and as terminal text. The HTML template shows it too."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.wording import printable


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


def to_markdown(table: Table) -> str:
    """The table in GitHub's Markdown with its title as a third-level heading, best cells bold, notes below."""
    lines = [f"### {escape_markdown(table.title)}", ""]
    lines.append(_markdown_row(escape_markdown(column.name) for column in table.columns))
    lines.append(_markdown_row("---:" if column.numeric else "---" for column in table.columns))
    lines += [_markdown_row(_markdown_cell(cell) for cell in row) for row in table.rows + table.summary]
    for note in table.notes:
        lines += ["", escape_markdown(note)]
    return "\n".join(lines) + "\n"


def to_text(table: Table, width: int | None = None) -> str:
    """The table for a terminal: aligned columns, ``*`` behind the best, notes below; no escape sequences.

    Args:
        table: what to show.
        width: characters a line: a wider table is cut into blocks of columns that each repeat the first column, and
            notes are wrapped. None does neither.
    """
    body = table.rows + table.summary
    starred = [any(row[index].best for row in body) for index in range(len(table.columns))]
    grid = [[_starred(column.name, False, pad) for column, pad in zip(table.columns, starred, strict=True)]]
    grid += [[_starred(cell.text, cell.best, pad) for cell, pad in zip(row, starred, strict=True)] for row in body]
    widths = [max(len(row[index]) for row in grid) for index in range(len(table.columns))]
    lines = [printable(table.title)]
    for block in _blocks(widths, width):
        lines.append("")
        rule = "-" * (sum(widths[index] for index in block) + 2 * (len(block) - 1))
        for number, row in enumerate(grid):
            if number in (1, 1 + len(table.rows)):
                lines.append(rule)
            lines.append("  ".join(_aligned(row[index], widths[index], table.columns[index]) for index in block))
    notes = [*table.notes, "* best"] if any(starred) else list(table.notes)
    lines += ["", *(textwrap.fill(printable(note), width or sys.maxsize) for note in notes)] if notes else []
    return "\n".join(line.rstrip() for line in lines) + "\n"


def escape_markdown(text: str) -> str:
    """``text`` on one line, without any character that Markdown or HTML inside it would act on."""
    escaped = re.sub(r"([\\`*|\[\]~$])", r"\\\1", printable(text).replace("&", "&amp;"))
    # An underscore inside a word (model.kernel_size) is harmless and reads better as it is.
    escaped = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)
    return escaped.replace("<", "&lt;").replace(">", "&gt;")


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    return f"**{escape_markdown(cell.text)}**" if cell.best else escape_markdown(cell.text)


def _starred(text: str, best: bool, pad: bool) -> str:
    """``text`` with its star, or with a blank for it in a column that has stars, so that numbers stay aligned."""
    return printable(text) + ("*" if best else " " if pad else "")


def _aligned(text: str, width: int, column: Column) -> str:
    return text.rjust(width) if column.numeric else text.ljust(width)


def _blocks(widths: Sequence[int], limit: int | None) -> list[list[int]]:
    """Indices of the columns of each block: the first column, then as many others as fit, at least one."""
    blocks = [[0]]
    for index in range(1, len(widths)):
        used = sum(widths[other] + 2 for other in blocks[-1])
        if limit is not None and len(blocks[-1]) > 1 and used + widths[index] > limit:
            blocks.append([0])
        blocks[-1].append(index)
    return blocks
