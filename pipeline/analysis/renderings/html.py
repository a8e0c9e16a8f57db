"""A table as a piece of an HTML page, as the report shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.analysis.table import Table

if TYPE_CHECKING:
    import jinja2


def environment() -> jinja2.Environment:
    """For the templates of pages: everything that they show is escaped."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.analysis", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def to_html(table: Table) -> str:
    """A ``section`` with a heading, the table and its notes; the page that it is put into decides how it looks."""
    macros = environment().get_template("table.html.j2").module
    return str(macros.section(table)).strip() + "\n"  # type: ignore[attr-defined]
