"""The last lines of a terminal, drawn again in place.

Lines that are said while it is there go above it and stay. A frame is written over the last one, in one piece, and only
where it differs from it, so that nothing flickers.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self, TextIO

from pipeline.terminal.display import outcome
from pipeline.terminal.progress import Finished, Snapshot

EVERY = 0.5
"""Seconds between two looks at whether there is something new to draw."""

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_TO_LINE_END, _TO_SCREEN_END = "\x1b[K", "\x1b[J"


class Line(NamedTuple):
    """A line with its colours, and the columns that it takes."""

    text: str
    cells: int


Draw = Callable[[Snapshot, float, int, int], list[Line]]
"""A snapshot, the present time, columns and rows: the lines to be shown, within those."""


class LiveDisplay:
    """Shows snapshots on a terminal, from entering to leaving; the last one stays.

    Args:
        stream: the terminal.
        draw: turns a snapshot into lines.
    """

    def __init__(self, stream: TextIO, draw: Draw) -> None:
        self._stream = stream
        self._draw = draw
        self._snapshot: Snapshot | None = None
        self._frame: list[Line] = []
        self._drawn: tuple[Snapshot | None, float, os.terminal_size] = (None, 0.0, os.terminal_size((0, 0)))
        self._gone = False
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="display", daemon=True)
        self._others = _Lines(stream, self.say)
        self._redirected = contextlib.ExitStack()

    def say(self, line: str) -> None:
        with self._lock:
            # With the frame as it is: however many lines come, frames are drawn at their own pace.
            self._put(self._frame, f"{_TO_SCREEN_END}{line}\n")

    def update(self, snapshot: Snapshot) -> None:
        # Drawn at the next look: so many events a second as there may be, the terminal sees a few frames.
        self._snapshot = snapshot

    def finished(self, ended: Finished, snapshot: Snapshot) -> None:
        self.update(snapshot)
        if ended.failure:
            self.say(f"{ended.name.title}: {outcome(ended)}")

    def __enter__(self) -> Self:
        # What others write, warnings say, goes above the frame and not through it.
        self._redirected.enter_context(contextlib.redirect_stderr(self._others))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop.set()
            self._thread.join()
            self._others.end()
            self.refresh()
        finally:
            # Also when another Ctrl-C comes in the middle of that.
            self._redirected.close()
            self._write(_SHOW)

    def _keep_drawing(self) -> None:
        while not self._stop.wait(EVERY):
            self.refresh()

    def refresh(self) -> None:
        """Draw what is known now, unless it is what is there."""
        with self._lock:
            # In whole seconds, so that all clocks of the picture go on at once.
            snapshot, now, size = self._snapshot, time.time() // 1, _size_of(self._stream)
            if snapshot is None or (snapshot is self._drawn[0] and (now, size) == self._drawn[1:]):
                return
            # A column is left free, as terminals differ in what they do after the last; and a row for the cursor.
            frame = self._draw(snapshot, now, size.columns - 1, size.lines - 1)
            if frame != self._frame or size != self._drawn[2]:
                self._put(frame)
            self._drawn = (snapshot, now, size)

    def _put(self, frame: list[Line], above: str = "") -> None:
        """Write ``frame`` over the one that is there, after what goes above it."""
        lines = "".join(f"{line.text}{_TO_LINE_END}\n" for line in frame)
        self._write(f"{_HIDE}{self._to_frame(_size_of(self._stream).columns)}{above}{lines}{_TO_SCREEN_END}")
        self._frame = frame

    def _to_frame(self, columns: int) -> str:
        """To the first cell of the last frame, whose lines the terminal has wrapped if it has become narrower."""
        rows = sum(max(1, -(-line.cells // columns)) for line in self._frame)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # The window is closed. That ends no run: whoever wants to stop one sends a signal.
            self._gone = True


class _Lines(io.TextIOBase):
    """A stream that hands on whole lines."""

    def __init__(self, stream: TextIO, say: Callable[[str], None]) -> None:
        self._stream = stream
        self._say = say
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._say(line)
        return len(text)

    def end(self) -> None:
        """Hand on what has no end yet."""
        if self._begun:
            self.write("\n")


def _size_of(stream: TextIO) -> os.terminal_size:
    """Asked for at every frame: windows are resized."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    # A serial console may not know its size.
    return size if size.columns > 1 and size.lines > 1 else shutil.get_terminal_size((80, 24))
