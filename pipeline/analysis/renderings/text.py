"""A table for a terminal."""

from __future__ import annotations

import sys
import textwrap

from pipeline.analysis.renderings.blocks import column_blocks
from pipeline.analysis.table import Column, Table
from pipeline.wording import printable


def to_text(table: Table, width: int | None = None) -> str:
    """The table for a terminal: aligned columns, ``*`` behind the best, notes below; no escape sequences.

    Args:
        table: what to show.
        width: characters a line: a wider table is cut into blocks of columns that each repeat its keys, and
            notes are wrapped. None does neither.
    """
    body = table.rows + table.summary
    starred = [any(row[index].best for row in body) for index in range(len(table.columns))]
    grid = [[_starred(column.name, False, pad) for column, pad in zip(table.columns, starred, strict=True)]]
    grid += [[_starred(cell.text, cell.best, pad) for cell, pad in zip(row, starred, strict=True)] for row in body]
    widths = [max(len(row[index]) for row in grid) for index in range(len(table.columns))]
    lines = [printable(table.title)]
    for block in column_blocks(widths, table.keys, width):
        lines.append("")
        rule = "-" * (sum(widths[index] for index in block) + 2 * (len(block) - 1))
        for number, row in enumerate(grid):
            if number in (1, 1 + len(table.rows)):
                lines.append(rule)
            lines.append("  ".join(_aligned(row[index], widths[index], table.columns[index]) for index in block))
    notes = [*table.notes, "* best"] if any(starred) else list(table.notes)
    lines += ["", *(textwrap.fill(printable(note), width or sys.maxsize) for note in notes)] if notes else []
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _starred(text: str, best: bool, pad: bool) -> str:
    """``text`` with its star, or with a blank for it in a column that has stars, so that numbers stay aligned."""
    return printable(text) + ("*" if best else " " if pad else "")


def _aligned(text: str, width: int, column: Column) -> str:
    return text.rjust(width) if column.numeric else text.ljust(width)
