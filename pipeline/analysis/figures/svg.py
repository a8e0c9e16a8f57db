"""What becomes of matplotlib's SVG: smaller, ready to share a page, its points told apart, its colours the page's.

All of it is text in, text out. An artist carries what a reader may ask of it in its ``gid``, the one thing of ours that
matplotlib writes into the file (``tag``); ``finished`` turns that into attributes and tooltips:

- ``<g data-series="fixed">``: what belongs to one entry of the legend, whose own parts have ``data-legend``.
- ``<use data-arms="fixed" data-dataset="Coffee"><title>…</title></use>``: a mark, with what a browser shows of it, by
  itself and without a script, when it is pointed at. Whose trials are behind it is in the attributes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist

PAGE_COLORS = {
    "#ffffff": "page",
    "#ececec": "outside",
    "#e4e4e4": "grid",
    "#767676": "axis",
    "#333333": "text",
    "#000000": "ink",
}
"""Colours of a figure that a page may set, and the names of the CSS variables ``--figure-*`` (``figures.css``). The
colours of data are the same on every page, but for black."""

_TAGGED = re.compile(r"""^( *)<g id=(["'])(\{.*?\})\2>$""", re.MULTILINE)
_POINT = re.compile(r"<use ([^>]*)/>")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a point, a line or a cell of a figure stands for.

    Attributes:
        text: what a reader who points at it is told; lines are parted by ``\\n``.
        arms: whose trials are behind it, labels of arms.
        dataset: their data set; empty if they are of all that the figure rests on.
    """

    text: str
    arms: tuple[str, ...] = ()
    dataset: str = ""


def tag(artist: Artist, *, series: str = "", legend: str = "", marks: Sequence[Mark] = ()) -> None:
    """Says what ``artist`` shows.

    Args:
        artist: a line, a patch, a text.
        series: the entry of the legend that it belongs to.
        legend: the entry that it is a part of.
        marks: one for each marker of a line, in their order, or one for the whole artist.
    """
    said = {"series": series, "legend": legend, "marks": [asdict(mark) for mark in marks]}
    artist.set_gid(json.dumps({key: value for key, value in said.items() if value}))


def finished(text: str, name: str) -> str:
    """The ``<svg>`` element of a file that matplotlib wrote.

    Ids inside begin with ``name``, so that several figures can share a page.
    """
    # A hundredth of a point is less than can be seen; more digits would make up half of a page.
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text[text.index("<svg") :])
    text = re.sub(r"""<g id=("[^"]*"|'[^']*')/>""", "", text)  # an artist that drew nothing
    text = re.sub(r'<g id="[^"]*">', "<g>", _told(text))  # nothing refers to these
    return re.sub(r'( id="| xlink:href="#|url\(#)', rf"\g<1>{name}-", text)


def on_page(svg: str) -> str:
    """An SVG element in the colours of the page that it stands in; a file of its own keeps those that it has."""

    def named(found: re.Match[str]) -> str:
        name = PAGE_COLORS.get(found[2])
        return f"{found[1]}: var(--figure-{name}, {found[2]})" if name else found[0]

    return re.sub(r"\b(fill|stroke): (#[0-9a-f]{6})\b", named, svg)


def _told(text: str) -> str:
    """``text`` with attributes and titles in place of what ``tag`` has written."""
    parts, at = [], 0
    for found in _TAGGED.finditer(text):
        end = text.index(f"\n{found[1]}</g>", found.end())
        parts += [text[at : found.start()], found[1], _group(json.loads(unescape(found[3])), text[found.end() : end])]
        at = end
    return "".join([*parts, text[at:]])


def _group(said: dict[str, object], inside: str) -> str:
    marks = [Mark(**mark) for mark in said.pop("marks", [])]  # type: ignore[attr-defined]
    names = "".join(f' data-{key}="{escape(str(value))}"' for key, value in said.items())
    if len(_POINT.findall(inside)) == len(marks):
        remaining = iter(marks)
        return f"<g{names}>" + _POINT.sub(lambda point: _marked(f"use {point[1]}", next(remaining), "</use>"), inside)
    assert len(marks) < 2, "marks that are not the markers of their artist"
    return (_marked(f"g{names}", marks[0], "") if marks else f"<g{names}>") + inside


def _marked(element: str, mark: Mark, end: str) -> str:
    arms = f' data-arms="{escape("; ".join(mark.arms))}"' if mark.arms else ""
    dataset = f' data-dataset="{escape(mark.dataset)}"' if mark.dataset else ""
    return f"<{element.rstrip()}{arms}{dataset}><title>{escape(mark.text)}</title>{end}"
