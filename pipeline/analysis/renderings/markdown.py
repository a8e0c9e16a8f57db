"""A table, and any text, in GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.analysis.table import Cell, Table
from pipeline.wording import printable

_ACTIVE = re.compile(r"[\\`*|\[\]~$&_<>]")


def to_markdown(table: Table) -> str:
    """The table in GitHub's Markdown with its title as a third-level heading, best cells bold, notes below."""
    lines = [f"### {escape_markdown(table.title)}", ""]
    lines.append(_markdown_row(escape_markdown(column.name) for column in table.columns))
    lines.append(_markdown_row("---:" if column.numeric else "---" for column in table.columns))
    lines += [_markdown_row(_markdown_cell(cell) for cell in row) for row in table.rows + table.summary]
    for note in table.notes:
        lines += ["", escape_markdown(note)]
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """``text`` on one line, without any character that Markdown or HTML inside it would act on."""
    shown = printable(text)
    if not _ACTIVE.search(shown):  # as in almost every cell of a long table
        return shown
    escaped = re.sub(r"([\\`*|\[\]~$])", r"\\\1", shown.replace("&", "&amp;"))
    # An underscore inside a word (model.kernel_size) is harmless and reads better as it is.
    escaped = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)
    return escaped.replace("<", "&lt;").replace(">", "&gt;")


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    return f"**{escape_markdown(cell.text)}**" if cell.best else escape_markdown(cell.text)
