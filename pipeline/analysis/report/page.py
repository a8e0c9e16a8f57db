"""A report as one HTML page."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from pipeline.analysis import tables
from pipeline.analysis.figures.svg import on_page
from pipeline.analysis.renderings.html import environment
from pipeline.analysis.report.document import NO_DATA, NOT_DRAWN, NOT_TESTED, Report

STYLES = ("figures.css", "trials.css")

SCRIPTS = ("trials.js", "figures.js", "tables.js")
"""Files beside this one, in the order in which a page has them; the first is what the others build on."""


def to_html(report: Report) -> str:
    """The report as one page that loads nothing: style, figures and the script that makes it answer are inside.

    The page names the script by its hash, so that a browser runs this one and no other, whatever else gets into it.
    """
    style, script = ("".join(map(_page_part, parts)) for parts in (STYLES, SCRIPTS))
    return (
        environment()
        .get_template("report/page.html.j2")
        .render(
            report=report,
            folded=tables.FOLDED,
            no_data=NO_DATA,
            not_drawn=NOT_DRAWN,
            not_tested=NOT_TESTED,
            on_page=on_page,
            style=style,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _page_part(name: str) -> str:
    """A file beside this one."""
    return resources.files("pipeline.analysis.report").joinpath(name).read_text(encoding="utf-8")
