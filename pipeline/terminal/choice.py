"""Which display a stream gets."""

from __future__ import annotations

import codecs
import os
from typing import TextIO

from pipeline.terminal.display import ChangesDisplay, Display, PlainDisplay


def make_display(stream: TextIO | None, *, plain: bool, onlooker: bool = False) -> Display:
    """A picture where ``stream`` is a terminal that can show one; else, or if ``plain`` is asked for, lines.

    ``onlooker``: the run is another process's.
    """
    if plain or stream is None or not _can_draw(stream):
        return ChangesDisplay(stream) if onlooker else PlainDisplay(stream)
    # Imported only when there is something to draw on.
    from pipeline.terminal.live import LiveDisplay
    from pipeline.terminal.screen import Screen

    return LiveDisplay(stream, Screen(stream).lines)


def _can_draw(stream: TextIO) -> bool:
    cannot = os.environ.get("TERM", "") in ("", "dumb", "unknown")
    return stream.isatty() and not cannot and codecs.lookup(stream.encoding).name == "utf-8"
