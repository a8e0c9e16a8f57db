"""Two documents against each other: every place where they differ, named as a reader would name it."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.analysis.verification.document import Document, Sentence, ShownCell, ShownTable, told_apart
from pipeline.analysis.verification.drawing import ShownDrawing, drawn_otherwise
from pipeline.wording import counted, printable

MOST_KEYS = 4
"""Cells at the beginning of a row that may be needed to name it."""

AROUND = 24
"""Characters of a long text that are shown on either side of where it differs."""

LONG = 120
"""Characters up to which a text is shown whole."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place where a report does not say what the ledger says.

    Attributes:
        file: of the report.
        part: of the file: a table, a figure, text under a heading; empty if it is the whole file.
        place: in the part: row and column, a point; may be empty.
        report: what the report says there; empty if nothing.
        ledger: what the results say; None where ``report`` is a sentence that tells both.
    """

    file: str
    part: str = ""
    place: str = ""
    report: str
    ledger: str | None = None

    def __str__(self) -> str:
        where = ", ".join(filter(None, (self.file, self.part, self.place)))
        if self.ledger is None:
            return printable(f"{where}: {self.report}")
        said, known = excerpts(self.report, self.ledger)
        return printable(f"{where}: says {said or 'nothing'}, the ledger {known or 'nothing'}")


def excerpts(one: str, two: str) -> tuple[str, str]:
    """Two texts; of long ones what is around the first and the last difference."""
    if max(len(one), len(two)) <= LONG:
        return one, two
    start = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    rest = min(len(one), len(two)) - start
    backwards = zip(reversed(one), reversed(two), strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], itertools.islice(backwards, rest)))
    begin = max(0, start - AROUND)

    def cut(text: str) -> str:
        end = min(len(text), max(len(text) - same, start) + AROUND)
        return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"

    return cut(one), cut(two)


def compare(file: str, said: Document, known: Document) -> Iterator[Difference]:
    """Where ``said``, a file of the report, differs from ``known``, the same made from the ledger."""
    yield from _sentences(file, said.sentences, known.sentences)
    altered = set()
    for table in known.tables:
        own = said.table(table.title)
        differences = list(_tables(file, own, table))
        if own is None or [len(row) for row in own.rows] != [len(row) for row in table.rows]:
            altered.add(table.title)
        yield from differences
    for own in said.tables:
        if known.table(own.title) is None:
            altered.add(own.title)
            yield Difference(file=file, part=_named(own), report="is a table that the ledger does not give")
    for name in dict.fromkeys([*known.figures, *said.figures]):
        part = f'figure "{name}"' if name else ""
        yield from _figures(file, part, said.figures.get(name), known.figures.get(name))
    yield from _around(file, said, known, altered)


def _named(table: ShownTable) -> str:
    return f'table "{table.title}"' if table.title else ""


# Sentences


def _sentences(file: str, said: Sequence[Sentence], known: Sequence[Sentence]) -> Iterator[Difference]:
    for one, two in _changes([each.text for each in said], [each.text for each in known]):
        at = known[two[0]].under if two else said[one[0]].under if one else ""
        for own, other in itertools.zip_longest(one, two):
            yield Difference(
                file=file,
                part=f'text under "{at}"',
                report="" if own is None else said[own].text,
                ledger="" if other is None else known[other].text,
            )


def _changes(one: Sequence[str], two: Sequence[str]) -> Iterator[tuple[range, range]]:
    """Runs of positions in which the two differ."""
    for kind, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind != "equal":
            yield range(a, b), range(c, d)


# Tables


def _tables(file: str, said: ShownTable | None, known: ShownTable) -> Iterator[Difference]:
    part = _named(known)
    if said is None:
        yield Difference(file=file, part=part, report="is missing")
        return
    if said == known:
        return
    headings, own_headings = told_apart(known.columns), told_apart(said.columns)
    columns = dict(_paired(own_headings, headings))
    for heading in own_headings:
        if heading not in columns:
            yield Difference(file=file, part=part, place=f"column {heading}", report="is not of the ledger")
    for own, heading in columns.items():
        if own != heading:
            yield Difference(file=file, part=part, place="heading of a column", report=own, ledger=heading)
    for heading in headings:
        if heading not in set(columns.values()):
            yield Difference(file=file, part=part, place=f"column {heading}", report="is missing")
    pairs = [(own_headings.index(own), headings.index(heading)) for own, heading in columns.items()]
    yield from _rows(file, said, known, pairs)


def _rows(file: str, said: ShownTable, known: ShownTable, columns: Sequence[tuple[int, int]]) -> Iterator[Difference]:
    part, headings = _named(known), told_apart(known.columns)
    keys = _keys(known)
    labels, own_labels = _labels(known, keys), _labels(said, keys)
    rows = dict(_paired(own_labels, labels))
    found = set(rows.values())
    for label in own_labels:
        if label not in rows:
            yield Difference(file=file, part=part, place=f"row {label}", report="is not of the ledger")
    for label in labels:
        if label not in found:
            yield Difference(file=file, part=part, place=f"row {label}", report="is missing")
    if list(rows.values()) != [label for label in labels if label in found]:
        yield Difference(file=file, part=part, report="has its rows in another order")
    ours, theirs = dict(zip(own_labels, said.rows, strict=True)), dict(zip(labels, known.rows, strict=True))
    for own, label in rows.items():
        one, two = ours[own], theirs[label]
        if one == two:
            continue
        if len(one) != len(two):
            yield Difference(
                file=file,
                part=part,
                place=f"row {label}",
                report=f"has {counted(len(one), 'cell')}, where the ledger's has {len(two)}",
            )
        for at, other in columns:
            if at < len(one) and other < len(two) and one[at] != two[other]:
                said_there, known_there = _texts(one[at], two[other])
                place = f"row {label}, column {headings[other]}"
                yield Difference(file=file, part=part, place=place, report=said_there, ledger=known_there)


def _texts(one: ShownCell, two: ShownCell) -> tuple[str, str]:
    """What differs between two cells."""
    if one.text != two.text:
        return one.text, two.text
    if one.tip != two.tip:
        return f"{one.text}, when pointed at: {one.tip or 'nothing'}", f"{two.text}: {two.tip or 'nothing'}"
    marked, plain = f"{one.text}, marked as the best", f"{one.text}, not marked"
    return (marked, plain) if one.best else (plain, marked)


def _keys(table: ShownTable) -> int:
    """The least number of cells at the beginning that tell all rows apart; one if none does."""
    for number in range(1, min(MOST_KEYS, len(table.columns)) + 1):
        found = {tuple(cell.text for cell in row[:number]) for row in table.rows}
        if len(found) == len(table.rows):
            return number
    return 1


def _labels(table: ShownTable, keys: int) -> list[str]:
    return told_apart(", ".join(cell.text for cell in row[:keys]) for row in table.rows)


def _paired(said: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names that are the same; and if as many are left over on both sides, these in their order: who changes the name
    of a row has not made another row."""
    ours, theirs = set(known), set(said)
    left, missing = [name for name in said if name not in ours], [name for name in known if name not in theirs]
    others = dict(zip(left, missing, strict=True)) if len(left) == len(missing) else {}
    for name in said:
        if name in ours or name in others:
            yield name, others.get(name, name)


# Figures


def _figures(file: str, part: str, said: ShownDrawing | None, known: ShownDrawing | None) -> Iterator[Difference]:
    if said is None or known is None:
        report = "is missing" if said is None else "is not of the ledger"
        yield Difference(file=file, part=part, report=report)
        return
    for what, ours, theirs in (("a point", said.marks, known.marks), ("text", said.texts, known.texts)):
        for one, two in _changes(ours, theirs):
            for own, other in itertools.zip_longest(one, two):
                yield Difference(
                    file=file,
                    part=part,
                    place=what,
                    report="" if own is None else _on_a_line(ours[own]),
                    ledger="" if other is None else _on_a_line(theirs[other]),
                )
    for mark, how in drawn_otherwise(said, known):
        place = f"the point {_on_a_line(mark)}" if mark else ""
        yield Difference(file=file, part=part, place=place, report=how)


def _on_a_line(text: str) -> str:
    return " · ".join(text.splitlines())


# What is around


def _around(file: str, said: Document, known: Document, altered: set[str]) -> Iterator[Difference]:
    """One difference a part: it tells that somebody was there, and the first thing that he did."""
    for part in dict.fromkeys([*known.around, *said.around]):
        if any(f'"{title}"' in part for title in altered):
            continue  # its rows and columns are named already
        ours, theirs = said.around.get(part, ()), known.around.get(part, ())
        changes = [] if ours == theirs else list(_changes(ours, theirs))
        if not changes:
            continue
        one, two = changes[0]
        more = f" and {counted(len(changes) - 1, 'place')} more" if len(changes) > 1 else ""
        yield Difference(
            file=file,
            part=part,
            place=f"edited, or written by another version{more}",
            report=" ".join(ours[at].strip() for at in one),
            ledger=" ".join(theirs[at].strip() for at in two),
        )
