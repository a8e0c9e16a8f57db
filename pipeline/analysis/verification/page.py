"""A report's page as a reader sees it."""

from __future__ import annotations

from html.parser import HTMLParser

from pipeline.analysis.verification.document import Document, Sentence, ShownCell, ShownTable, told_apart
from pipeline.analysis.verification.drawing import read_drawing

_INLINE = frozenset({"strong", "code", "em", "b", "i"})
_HEADINGS = frozenset({"h1", "h2", "summary"})
_UNREAD = frozenset({"script", "style"})
_TAGS = "tags"


def read_page(text: str) -> Document:
    """The document of an HTML page. Whatever the page is, nothing in it is passed over."""
    rest, drawings = _without_drawings(text)
    reader = _Reader()
    reader.feed(rest)
    reader.close()
    reader.end_sentence()
    titles = told_apart(table.title for table in reader.tables)
    labels = told_apart([*reader.figures, *["figure"] * len(drawings)][: len(drawings)])
    return Document(
        tables=tuple(
            ShownTable(title=title, columns=table.columns, rows=table.rows)
            for title, table in zip(titles, reader.tables, strict=True)
        ),
        sentences=tuple(reader.sentences),
        figures={label: read_drawing(drawing) for label, drawing in zip(labels, drawings, strict=True)},
        around=reader.around,
    )


def _without_drawings(text: str) -> tuple[str, list[str]]:
    """The page with empty SVG elements, and what was in them."""
    parts, drawings, at = [], [], 0
    while (start := text.find("<svg", at)) >= 0:
        end = text.find("</svg>", start)
        end = len(text) if end < 0 else end + len("</svg>")
        parts += [text[at:start], "<svg></svg>"]
        drawings.append(text[start:end])
        at = end
    return "".join([*parts, text[at:]]), drawings


class _Reader(HTMLParser):
    """One pass over a page, which collects what ``Document`` has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[ShownTable] = []
        self.sentences: list[Sentence] = []
        self.figures: list[str] = []
        self.around: dict[str, list[str]] = {}
        self._heading = self._label = self._tag = ""
        self._text: list[str] = []
        self._rows: list[list[ShownCell]] | None = None
        self._cell: ShownCell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "strong" and self._cell is not None:
            self._cell = ShownCell(text=self._cell.text, tip=self._cell.tip, best=True)
            return
        cell = tag in ("td", "th") and self._rows is not None
        kept = " ".join(f'{name}="{value}"' for name, value in attrs if not (cell and name == "title"))
        self._note(f"<{tag} {kept}".rstrip() + ">")
        if tag not in _INLINE:
            self.end_sentence()
            self._tag = tag
        self._label = said.get("aria-label") or self._label
        if tag == "svg":
            self.figures.append(self._label)
        elif tag == "table":
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif cell:
            self._cell = ShownCell(text="", tip=said.get("title") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "strong" and self._cell is not None:
            return
        if tag in ("td", "th") and self._cell is not None and self._rows:
            self._rows[-1].append(self._cell)
            self._cell = None
        elif tag == "table" and self._rows is not None:
            head, *body = self._rows or [[]]
            columns, rows = tuple(cell.text for cell in head), tuple(map(tuple, body))
            self.tables.append(ShownTable(title=self._label, columns=columns, rows=rows))
            self._rows = None
        if tag not in _INLINE:
            self.end_sentence()
            self._tag = ""
        self._note(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._tag in _UNREAD:
            self.around.setdefault(self._tag, []).extend(data.splitlines())
        elif self._cell is not None:
            self._cell = ShownCell(text=self._cell.text + data, tip=self._cell.tip, best=self._cell.best)
        else:
            self._text.append(data)

    def handle_comment(self, data: str) -> None:
        self._note(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._note(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self._note(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self._note(f"<?{data}>")

    def end_sentence(self) -> None:
        """What has been read since the last tag is a piece of text of its own; of a study file, each line is."""
        text, self._text = "".join(self._text).strip(), []
        if text and self._tag in _HEADINGS:
            self._heading = text
        self.sentences += [Sentence(under=self._heading, text=line) for line in text.splitlines() if line.strip()]

    def _note(self, tag: str) -> None:
        place = f'{_TAGS} of the table "{self._label}"' if self._rows is not None else _TAGS
        self.around.setdefault(place, []).append(tag)
