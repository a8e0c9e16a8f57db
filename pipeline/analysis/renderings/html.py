"""A table as a piece of an HTML page, as the report shows it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.analysis.behind import Behind
from pipeline.analysis.table import Table

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


def environment() -> jinja2.Environment:
    """For the templates of pages: everything that they show is escaped."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.analysis", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["leading"] = _leading
    return made


@lru_cache
def _leading(behind: Behind) -> Markup:
    """The attributes by which a page's script finds the trials behind a cell (``trials.js``). Most cells of a row have
    the same, and a page has tens of thousands."""
    from markupsafe import Markup

    names = {"arms": "; ".join(behind.arms), "dataset": "; ".join(behind.datasets), "status": behind.status}
    said = {name: text for name, text in names.items() if text or name == "arms"}
    return Markup("").join(Markup(' data-{}="{}"').format(name, text) for name, text in said.items())


def to_html(table: Table) -> str:
    """A ``section`` with a heading, the table and its notes; the page that it is put into decides how it looks."""
    macros = environment().get_template("renderings/table.html.j2").module
    return str(macros.section(table)).strip() + "\n"  # type: ignore[attr-defined]
