"""The forms in which a table is shown, one file a form; ``FORMATS`` lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.analysis.renderings.csv import to_csv
from pipeline.analysis.renderings.html import to_html
from pipeline.analysis.renderings.latex import to_latex
from pipeline.analysis.renderings.markdown import to_markdown
from pipeline.analysis.renderings.text import to_text
from pipeline.analysis.table import Table


@dataclass(frozen=True, kw_only=True)
class Format:
    """A form of tables.

    Attributes:
        suffix: of files in it.
        render: a table, a name for it that is unique in a document, and the characters of a line, if there is a limit,
            in; text out. A terminal's text alone heeds the limit.
    """

    suffix: str
    render: Callable[[Table, str, int | None], str]


FORMATS: Mapping[str, Format] = {
    "text": Format(suffix=".txt", render=lambda table, _, width: to_text(table, width)),
    "markdown": Format(suffix=".md", render=lambda table, _, __: to_markdown(table)),
    "csv": Format(suffix=".csv", render=lambda table, _, __: to_csv(table)),
    "latex": Format(suffix=".tex", render=lambda table, name, _: to_latex(table, f"tab:{name}")),
    "html": Format(suffix=".html", render=lambda table, _, __: to_html(table)),
}
"""What ``dsn tables --format`` takes."""
