"""Every form of a table, whatever its texts are."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis.renderings import FORMATS
from pipeline.analysis.renderings.blocks import column_blocks
from pipeline.analysis.renderings.csv import to_csv
from pipeline.analysis.renderings.html import to_html
from pipeline.analysis.renderings.latex import to_latex
from pipeline.analysis.renderings.latex_text import escape_latex
from pipeline.analysis.renderings.text import to_text
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import printable

PDFLATEX = shutil.which("pdflatex")
needs_pdflatex = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex here (Debian: texlive-latex-recommended)")

HOSTILE = (
    "\\end{table}\\input{/etc/passwd}",
    "100 % & more_#1 {x} ~ ^ $x^2$",
    "[2pt] * a",
    "`code` 'q' \"qq\" --- ,, <<x>>",
    "été, Łódź, Ångström, ĳ",
    "λ = 0.5, Ω, Ϟ",
    "数据集",
    "😀 \x1b[2J\nnew\u200bline\ud800",
    "=1+1",
    "a|b<script>x</script>",
    "",
    " ",
    "\u0301",
    "?`!`",
    "\\\\",
    "%",
    "x" * 300,
)

texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
numbers = st.floats(allow_nan=True, allow_infinity=False, width=64)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Any texts, any numbers; up to five columns of which the first says what a row is of."""
    columns = (
        Column(name=draw(texts), numeric=False),
        *draw(
            st.lists(
                st.builds(
                    Column,
                    name=texts,
                    numeric=st.booleans(),
                    parts=st.sampled_from([(), ("mean", "std"), ("wins", "ties", "losses")]),
                ),
                max_size=4,
            )
        ),
    )

    def row() -> tuple[Cell, ...]:
        return tuple(
            Cell(
                text=draw(texts),
                best=draw(st.booleans()),
                tooltip=draw(texts),
                values=tuple(draw(numbers) for _ in column.parts or "x") if draw(st.booleans()) else (),
            )
            for column in columns
        )

    return Table(
        title=draw(texts),
        columns=columns,
        rows=tuple(row() for _ in range(draw(st.integers(0, 4)))),
        summary=tuple(row() for _ in range(draw(st.integers(0, 2)))),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


@pytest.fixture
def toy() -> Table:
    return Table(
        title="Toy",
        columns=(Column(name="data set", numeric=False), Column(name="dsn", parts=("mean", "std")), Column(name="K")),
        rows=(
            (Cell(text="A_1"), Cell(text="97.33 ± 0.50", best=True, values=(97.3333, 0.5)), Cell(text="–")),
            (Cell(text="B"), Cell(text="90.00", values=(90.0, float("nan"))), Cell(text="1,234", values=(1234,))),
        ),
        summary=((Cell(text="wins"), Cell(text="1 / 0"), Cell(text="")),),
        notes=("Over 5 % of it.",),
    )


class Text(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def test_latex_by_hand(toy: Table) -> None:
    assert to_latex(toy, "tab:a_study@x:accuracy") == "\n".join(
        [
            r"% In the preamble: \usepackage{booktabs}",
            r"\begin{table}[tbp]",
            r"\centering",
            r"\caption{Toy}",
            r"\label{tab:a-study-x:accuracy}",
            r"\vspace{\smallskipamount}",
            r"\footnotesize\setlength{\tabcolsep}{4pt}",
            r"\begin{tabular}{@{}lrr@{}}",
            r"\toprule",
            r"data set & dsn & K \\",
            r"\midrule",
            r"A\_1 & \textbf{\boldmath 97.33 $\pm$ 0.50} & -- \\",
            r"B & 90.00 & 1,234 \\",
            r"\midrule",
            r"wins & 1/0 &  \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip",
            r"\parbox{\linewidth}{\scriptsize\raggedright",
            r"Over 5 \% of it.",
            "}",
            r"\end{table}",
            "",
        ]
    )


def test_csv_by_hand(toy: Table) -> None:
    assert to_csv(toy) == "data set,dsn mean,dsn std,K\nA_1,97.3333,0.5,\nB,90,,1234\nwins,1 / 0,,\n"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50 % of #1 & $2", r"50 \% of \#1 \& \$2"),
        ("a--b,,c''", "a-{}-b,{},c'{}'"),
        ("\\~^", r"\textbackslash{}\textasciitilde{}\textasciicircum{}"),
        ("−1.5 ± 2", r"$-$1.5 $\pm$ 2"),
        ("é ǚ", r"{\'{e}} \texttt{U+01DA}"),
        ("ïñç", r"{\"{\i}}{\~{n}}{\c {c}}"),
        ("λ Σ ο", r"$\lambda$ $\Sigma$ \texttt{U+03BF}"),
        ("[a]*", "{[}a{]}{*}"),
        ("two\nlines", "two lines"),
    ],
)
def test_latex_escapes(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


def test_a_long_table_breaks_over_pages_and_repeats_its_headings(toy: Table) -> None:
    rows = tuple((Cell(text=f"set {number}"), *toy.rows[1][1:]) for number in range(85))
    text = to_latex(Table(title="Long", columns=toy.columns, rows=rows, notes=("Note.",)), "tab:long")
    assert text.startswith(r"% In the preamble: \usepackage{booktabs} \usepackage{longtable}")
    assert text.count(r"data set & dsn & K \\") == 2
    assert text.index(r"\endfirsthead") < text.index(r"\endhead") < text.index("set 0 ") < text.index("Note.")
    assert r"\begin{table}" not in text


def test_a_wide_table_repeats_what_its_rows_are_of() -> None:
    names = [f"arm number {number}" for number in range(12)]
    columns = (Column(name="data set", numeric=False), Column(name="k"), *(Column(name=name) for name in names))
    row = tuple(Cell(text=text) for text in ("GunPoint", "39", *["97.33 ± 0.50"] * 12))
    table = Table(title="Wide", columns=columns, rows=(row,), keys=2)
    latex = to_latex(table, "tab:wide")
    blocks = re.findall(r"^GunPoint & 39 &.*$", latex, flags=re.MULTILINE)
    assert len(blocks) > 1
    assert sum(line.count("97.33") for line in blocks) == 12
    assert to_text(table, width=60).count("GunPoint  39") > 1
    assert latex.count(r"\caption") == latex.count(r"\label") == 1


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 100))
def test_every_column_is_in_one_block_and_the_keys_are_in_all(widths: list[int], keys: int, limit: int) -> None:
    blocks = column_blocks(widths, keys, limit)
    repeated = list(range(min(keys, len(widths))))
    assert all(block[: len(repeated)] == repeated for block in blocks)
    assert [at for block in blocks for at in block[len(repeated) :]] == list(range(len(repeated), len(widths)))
    fits = [sum(widths[at] for at in block) + 2 * (len(block) - 1) <= limit for block in blocks]
    assert all(fit or len(block) <= len(repeated) + 1 for fit, block in zip(fits, blocks, strict=True))


@given(tables())
def test_no_form_lets_a_text_through_that_steers_a_terminal(table: Table) -> None:
    for name, form in FORMATS.items():
        # Tooltips are in HTML alone, where a control character cannot do anything.
        if name != "html":
            text = form.render(table, "x", 80)
            assert printable(text.replace("\n", " ")) == text.replace("\n", " ")


@given(tables())
def test_csv_can_be_read_back(table: Table) -> None:
    lines = list(csv.reader(io.StringIO(to_csv(table))))
    assert len(lines) == 1 + len(table.rows) + len(table.summary)
    for row, line in zip(table.rows + table.summary, lines[1:], strict=True):
        fields = iter(line)
        for column, cell in zip(table.columns, row, strict=True):
            own = [next(fields) for _ in column.parts or "x"]
            if cell.values:
                read = [float(field) if field else float("nan") for field in own]
                assert str(read) == str([value + 0.0 for value in cell.values]), "0 and -0 are one"
            else:
                assert own[0] == ("" if cell.text == "–" else printable(cell.text))
        assert not list(fields)


@given(tables())
def test_html_shows_every_text_as_it_is(table: Table) -> None:
    page = Text(to_html(table))
    assert page.tags <= {
        *("section", "h2", "div", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "strong", "p"),
    }
    shown = [column.name for column in table.columns]
    shown += [cell.text for row in table.rows + table.summary for cell in row]
    assert [" ".join(cell.split()) for cell in page.cells] == [" ".join(text.split()) for text in shown]


@given(tables())
def test_every_brace_and_every_dollar_of_latex_has_its_partner(table: Table) -> None:
    text = re.sub(r"\\[\\{}$%&#_]", "", to_latex(table, "x"))
    depth = 0
    for sign in re.findall(r"[{}]", text):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert text.count("$") % 2 == 0
    assert text.count("%") == 1 + text.count(r"\addtocounter"), "in comments of ours alone"
    assert text.isascii()


def compiled(folder: Path, pieces: Mapping[str, str]) -> str:
    """What pdflatex says of a document of these tables; it must be able to set them."""
    inputs = "\n".join(f"\\input{{{name}}}\n\\clearpage" for name in pieces)
    for name, text in pieces.items():
        (folder / f"{name}.tex").write_text(text, encoding="utf-8")
    (folder / "paper.tex").write_text(
        f"\\documentclass{{article}}\n\\usepackage{{booktabs,longtable}}\n\\begin{{document}}\n{inputs}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    assert PDFLATEX is not None
    done = subprocess.run(
        [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=folder,
        capture_output=True,
        encoding="latin-1",
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@needs_pdflatex
def test_latex_sets_any_text(tmp_path: Path, toy: Table) -> None:
    folder = tmp_path
    pieces: dict[str, str] = {}

    @settings(max_examples=60)
    @given(tables())
    def collect(table: Table) -> None:
        pieces[f"t{len(pieces)}"] = to_latex(table, "tab:x")

    collect()
    rows = tuple((Cell(text=text), Cell(text=text, best=True), Cell(text=text)) for text in HOSTILE)
    wide = Table(title=HOSTILE[0], columns=toy.columns, rows=rows, summary=rows, notes=HOSTILE)
    long = Table(title=HOSTILE[1], columns=toy.columns, rows=rows * 5, summary=rows, notes=HOSTILE)
    compiled(folder, pieces | {"hostile": to_latex(wide, HOSTILE[0]), "long": to_latex(long, HOSTILE[1])})
