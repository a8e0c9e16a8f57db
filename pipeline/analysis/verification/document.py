"""What a reader sees of a file, in plain data: tables, sentences, figures; and what is around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.analysis.verification.drawing import ShownDrawing


@dataclass(frozen=True, kw_only=True)
class ShownCell:
    """A place of a table.

    Attributes:
        text: that is read.
        tip: that is read when it is pointed at.
        best: whether it stands out.
    """

    text: str
    tip: str = ""
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownTable:
    """A table by its title, with the headings of its columns; a row may have another number of cells."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[ShownCell, ...], ...]

    @property
    def cells(self) -> int:
        """How many there are."""
        return sum(map(len, self.rows))


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A piece of text, and the heading that it stands under."""

    under: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file as it is read.

    Attributes:
        tables: each under a title of its own.
        sentences: all other text, in its order.
        figures: by what they are called, likewise.
        around: name of a part of the file -> what in it nobody reads, but a browser heeds: tags, style, script.
    """

    tables: tuple[ShownTable, ...]
    sentences: tuple[Sentence, ...] = ()
    figures: Mapping[str, ShownDrawing] = field(default_factory=dict)
    around: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def table(self, title: str) -> ShownTable | None:
        """The table of this title, if there is one."""
        return next((table for table in self.tables if table.title == title), None)


def told_apart(names: Iterable[str]) -> list[str]:
    """The names, numbered from the second of the same on."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
