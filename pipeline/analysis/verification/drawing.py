"""A figure as a reader sees it: what its points say, its other text, and where everything is drawn.

The bytes of two drawings of the same results may differ where nobody sees it. The layout is solved with floats, whose
last digits depend on where objects lie in memory; it is then rounded to ``PLACE`` of the figure's side (``style``), and
the corners of paths are cut at ``CORNER`` points (``svg``). A rounding that goes the other way moves what is drawn by
no more than the sum of both. Ids are hashes of all digits, so they are compared by their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

CORNER: Final = 0.01
PLACE: Final = 1e-6

_COORDINATES = frozenset({
    *("d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "transform", "points", "viewbox"),
})  # fmt: skip
_REFERENCES = frozenset({"href", "xlink:href", "clip-path", "mask", "filter"})
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)")
_DEFINED = re.compile(r' id="([^"]*)"')
_REFERRED = re.compile(r"(?<=#)[^)]+")


@dataclass(kw_only=True)
class Shape:
    """An element of a drawing.

    Attributes:
        words: all that is said of it, but for where it is.
        numbers: where it is, in points.
        mark: what the point or line that it belongs to stands for; empty for axes, legends and the like.
        text: that stands in it.
    """

    words: tuple[str, ...]
    numbers: tuple[float, ...]
    mark: str = ""
    text: str = ""

    def away(self, other: Shape) -> float:
        """How far the two lie apart at most, in points; only of shapes with the same words."""
        pairs = zip(self.numbers, other.numbers, strict=True)
        return max((abs(one - two) for one, two in pairs), default=0.0)


@dataclass(frozen=True, kw_only=True)
class ShownDrawing:
    """A figure.

    Attributes:
        shapes: in the order in which they are drawn.
        marks: what its points and lines stand for, likewise.
    """

    shapes: tuple[Shape, ...]
    marks: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What else is written in it: of axes, legends, annotations."""
        return tuple(shape.text for shape in self.shapes if shape.text and shape.words[0] == "text")

    @property
    def tolerance(self) -> float:
        """Points by which equal drawings may lie apart."""
        side = max((abs(number) for shape in self.shapes[:1] for number in shape.numbers), default=0.0)
        return CORNER + PLACE * side


def read_drawing(svg: str) -> ShownDrawing:
    """The drawing of an SVG element."""
    reader = _Reader({name: str(number) for number, name in enumerate(dict.fromkeys(_DEFINED.findall(svg)))})
    reader.feed(svg)
    reader.close()
    return ShownDrawing(shapes=tuple(reader.shapes), marks=tuple(reader.marks))


class _Reader(HTMLParser):
    def __init__(self, ids: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.shapes: list[Shape] = []
        self.marks: list[str] = []
        self._open: list[Shape] = []
        self._ids = ids
        self._title: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._title = []
            return
        words, numbers = [tag], []
        for name, value in attrs:
            *pieces, last = self._pieces(name, value or "")
            words += [name, *pieces[::2], last]
            numbers += [float(number) for number in pieces[1::2]]
        mark = self._open[-1].mark if self._open else ""
        self.shapes.append(Shape(words=tuple(words), numbers=tuple(numbers), mark=mark))
        self._open.append(self.shapes[-1])

    def _pieces(self, name: str, value: str) -> list[str]:
        """Words and numbers by turns, words at both ends."""
        if name in _COORDINATES:
            return _NUMBER.split(value)
        if name == "id":
            return [self._ids.get(value, value)]
        if name in _REFERENCES:
            return [_REFERRED.sub(lambda found: self._ids.get(found[0], found[0]), value)]
        return [value]

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._title is not None:
            text, self._title = "".join(self._title), None
            self.marks.append(text)
            if self._open:
                self._open[-1].mark = text  # and so of all that follows inside
        elif self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
        elif data.strip() and self._open:
            self._open[-1].text += data.strip()


def drawn_otherwise(said: ShownDrawing, known: ShownDrawing) -> Iterator[tuple[str, str]]:
    """What is not where it should be: the text of its mark, or nothing; and in words, how. Once for each mark, and once
    for all that is of none."""
    if len(said.shapes) != len(known.shapes):
        yield "", f"is drawn with {len(said.shapes)} elements, where the ledger's has {len(known.shapes)}"
        return
    found: dict[str, str] = {}
    for one, two in zip(said.shapes, known.shapes, strict=True):
        if one.words != two.words or len(one.numbers) != len(two.numbers):
            found.setdefault(two.mark, "looks otherwise")
        elif (away := one.away(two)) > known.tolerance:
            found.setdefault(two.mark, f"lies {away:.2f} points (1/72 inch) off")
    for mark, how in found.items():
        yield mark, how if mark else f"an axis, a line, an area or a legend {how}"
