r"""A table for a paper in LaTeX, with the rules of ``booktabs``.

What fits on a page is a ``table`` float, what is longer a ``longtable``, which breaks over pages (in one-column text
alone). One that is too wide for a page is set a size smaller; if that does not do, it is cut into blocks of columns,
one below the other, which each repeat what its rows are of, as in a terminal: it stays legible, and the page upright.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.analysis.renderings.blocks import column_blocks
from pipeline.analysis.renderings.latex_text import escape_latex
from pipeline.analysis.table import Cell, Table
from pipeline.wording import printable

MOST_LINES: Final = 50
"""Of a float: more do not fit on a page."""

HEADING_LINES: Final = 4
"""What the headings and rules of a block take, and the caption or the space above it."""

SIZES: Final = {r"\footnotesize": 84, r"\scriptsize": 88}
"""Sizes of type -> letters across the text of LaTeX's own ``article``, which is narrow; on the safe side. What neither
holds is cut at the first."""

GAP: Final = 2
"""Letters between columns, which are what ``TIGHT`` makes of it."""

TIGHT: Final = r"\setlength{\tabcolsep}{4pt}"

HEADING: Final = 12
"""Letters that a heading may have before it is broken between words, if its column is no wider."""

WORDS: Final = 40
"""Letters of a column of words beyond which it is set as a paragraph."""

PIECE: Final = 8
"""Letters of a long word in such a paragraph that stay together."""

PACKAGES: Final = r"% In the preamble: \usepackage{booktabs}"
LONG_PACKAGES: Final = PACKAGES + r" \usepackage{longtable}"


@dataclass(frozen=True, kw_only=True)
class _Style:
    """How a column is set: its alignment, its heading, whether its cells are paragraphs, and letters of its width."""

    alignment: str
    heading: str
    paragraph: bool
    width: int


def to_latex(table: Table, label: str) -> str:
    r"""The table as a float, or as a ``longtable`` if it has more than ``MOST_LINES`` lines.

    Args:
        table: what to show: its title is the caption.
        label: what ``\ref`` takes; letters, digits, ``:``, ``-`` and ``.`` are kept of it.
    """
    styles = [_style(table, at) for at in range(len(table.columns))]
    size, blocks = _size(styles, table.keys)
    height = len(blocks) * (len(table.rows) + len(table.summary) + HEADING_LINES) + len(table.notes)
    long = height > MOST_LINES
    label = re.sub(r"[^A-Za-z0-9:.-]", "-", label)
    make = _long if long else _float
    lines = make(table, label, size, styles, blocks)
    return "\n".join([LONG_PACKAGES if long else PACKAGES, *lines]) + "\n"


def _size(styles: Sequence[_Style], keys: int) -> tuple[str, list[list[int]]]:
    """The largest size at which the columns stand side by side, or else the first and the blocks that it needs."""
    widths = [style.width for style in styles]
    found = {size: column_blocks(widths, keys, letters, GAP) for size, letters in SIZES.items()}
    size = next((size for size, blocks in found.items() if len(blocks) == 1), next(iter(SIZES)))
    return size, found[size]


def _float(
    table: Table, label: str, size: str, styles: Sequence[_Style], blocks: Sequence[Sequence[int]]
) -> Iterator[str]:
    yield r"\begin{table}[tbp]"
    yield r"\centering"
    yield rf"\caption{{{escape_latex(table.title)}}}"
    yield rf"\label{{{label}}}"
    # The classes of articles leave room below a caption for a figure's, none for a table's.
    yield r"\vspace{\smallskipamount}"
    yield size + TIGHT
    for at, block in enumerate(blocks):
        if at:
            yield r"\par\medskip"
        yield rf"\begin{{tabular}}{{{_alignment(styles, block)}}}"
        yield from (r"\toprule", _headings(styles, block), r"\midrule")
        yield from _body(table, styles, block)
        yield from (r"\bottomrule", r"\end{tabular}")
    if table.notes:
        # A box of the text's width: left-aligned lines in a centred float.
        yield from (r"\par\smallskip", r"\parbox{\linewidth}{\scriptsize\raggedright", *_notes(table), "}")
    yield r"\end{table}"


def _long(
    table: Table, label: str, size: str, styles: Sequence[_Style], blocks: Sequence[Sequence[int]]
) -> Iterator[str]:
    yield r"\begingroup"
    yield size + TIGHT
    for at, block in enumerate(blocks):
        if at:
            yield r"\addtocounter{table}{-1}% all blocks are one table"
        yield rf"\begin{{longtable}}{{{_alignment(styles, block)}}}"
        caption = escape_latex(table.title)
        yield rf"\caption[]{{{caption} (continued)}} \\" if at else rf"\caption{{{caption}}}\label{{{label}}} \\"
        yield from (r"\toprule", _headings(styles, block), r"\midrule", r"\endfirsthead")
        yield from (r"\toprule", _headings(styles, block), r"\midrule", r"\endhead")
        yield from (r"\bottomrule", r"\endfoot")
        yield from _body(table, styles, block)
        yield r"\end{longtable}"
    if table.notes:
        yield from (r"\noindent\parbox{\linewidth}{\scriptsize\raggedright", *_notes(table), r"}\par")
    yield r"\endgroup"


def _body(table: Table, styles: Sequence[_Style], block: Sequence[int]) -> Iterator[str]:
    yield from (_row(row, styles, block) for row in table.rows)
    if table.rows and table.summary:
        yield r"\midrule"
    yield from (_row(row, styles, block) for row in table.summary)


def _notes(table: Table) -> Iterator[str]:
    for at, note in enumerate(table.notes):
        yield (r"\par " if at else "") + escape_latex(note)


def _row(row: Sequence[Cell], styles: Sequence[_Style], block: Sequence[int]) -> str:
    return rf"{' & '.join(_cell(row[at], paragraph=styles[at].paragraph) for at in block)} \\"


def _cell(cell: Cell, *, paragraph: bool) -> str:
    text = _breakable(cell.text) if paragraph else escape_latex(_narrow(cell.text))
    # The bold version of mathematics has a bold plus-minus.
    bold = rf"\textbf{{\boldmath {text}}}" if cell.best else text
    # \raggedright alone would make the end of the row one of the paragraph's lines.
    return rf"\raggedright\let\\\tabularnewline {bold}" if paragraph else bold


def _narrow(text: str) -> str:
    """``29/3/53``, as papers write it: they have less room than a terminal."""
    return re.sub(r"(?<=\d) / (?=\d)", "/", text)


def _breakable(text: str) -> str:
    """Words longer than a line, such as hashes and paths, may go on in the next one anywhere."""
    words = [textwrap.wrap(word, PIECE) if len(word) > WORDS // 2 else [word] for word in printable(text).split()]
    return " ".join(r"\allowbreak{}".join(map(escape_latex, pieces)) for pieces in words)


def _headings(styles: Sequence[_Style], block: Sequence[int]) -> str:
    return " & ".join(styles[at].heading for at in block) + r" \\"


def _alignment(styles: Sequence[_Style], block: Sequence[int]) -> str:
    return f"@{{}}{''.join(styles[at].alignment for at in block)}@{{}}"


def _style(table: Table, at: int) -> _Style:
    column = table.columns[at]
    longest = max((len(_narrow(row[at].text)) for row in table.rows + table.summary), default=0)
    paragraph = longest > WORDS and not column.numeric
    side = "r" if column.numeric else "l"
    name, limit = printable(column.name), min(max(HEADING, longest), WORDS)
    lines = textwrap.wrap(name, limit, break_long_words=False, break_on_hyphens=False) or [""]
    return _Style(
        alignment=rf"p{{{WORDS / min(SIZES.values()):.2f}\linewidth}}" if paragraph else side,
        heading=_heading(lines, side),
        paragraph=paragraph,
        width=max(WORDS if paragraph else longest, *map(len, lines)),
    )


def _heading(lines: Sequence[str], side: str) -> str:
    stacked = r" \\ ".join(map(escape_latex, lines))
    # tabular, unlike \shortstack, keeps lines apart that have descenders; [b] sets one-line headings on the last line.
    return stacked if len(lines) == 1 else rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"
