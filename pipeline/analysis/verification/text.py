"""Markdown and CSV as a reader sees them."""

from __future__ import annotations

import csv
import io
import itertools
import re

from pipeline.analysis.verification.document import Document, Sentence, ShownCell, ShownTable, told_apart

_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|(?: -+:? \|)+")


def read_markdown(text: str) -> Document:
    """The document of a report in Markdown: its tables under their headings, and a sentence a line."""
    lines = text.splitlines()
    tables: list[ShownTable] = []
    sentences: list[Sentence] = []
    heading, at = "", 0
    while at < len(lines):
        if _RULE.fullmatch("".join(lines[at + 1 : at + 2])) and lines[at].startswith("|"):
            rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[at:]))
            head, _, *body = [_cells(row) for row in rows]
            columns = tuple(cell.text for cell in head)
            tables.append(ShownTable(title=heading, columns=columns, rows=tuple(body)))
            at += len(rows)
            continue
        line = lines[at].strip()
        heading = line.lstrip("# ") if line.startswith("#") else heading
        sentences += [Sentence(under=heading, text=line)] if line else []
        at += 1
    titles = told_apart(table.title for table in tables)
    return Document(
        tables=tuple(
            ShownTable(title=title, columns=table.columns, rows=table.rows)
            for title, table in zip(titles, tables, strict=True)
        ),
        sentences=tuple(sentences),
    )


def _cells(row: str) -> tuple[ShownCell, ...]:
    texts = [part.strip() for part in _BAR.split(row)[1:-1]]
    return tuple(ShownCell(text=text.strip("*"), best=text.startswith("**")) for text in texts)


def read_csv(text: str) -> Document:
    """The document of a CSV file: one table without a title; of what is no CSV any more, its lines."""
    try:
        head, *body = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    except csv.Error:
        return Document(tables=(), sentences=tuple(Sentence(under="", text=line) for line in text.splitlines()))
    rows = tuple(tuple(ShownCell(text=field) for field in row) for row in body)
    return Document(tables=(ShownTable(title="", columns=tuple(head), rows=rows),))
