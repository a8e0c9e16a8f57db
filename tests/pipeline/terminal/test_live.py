"""What is written to a terminal to draw a picture again in place, seen as a terminal would show it."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

import pytest

from pipeline.terminal.live import Line, LiveDisplay
from pipeline.terminal.progress import Finished, Name, Snapshot

SNAPSHOT = Snapshot(
    study="s",
    question="",
    phase="training",
    time=0.0,
    began=0.0,
    planned=1000,
    done=0,
    pruned=0,
    failed=0,
    stale=0,
    workers=1,
    left=None,
    measured=False,
    running=(),
    latest=(),
    leaders=(),
    failures={},
)


@dataclass
class Terminal:
    """A pseudo-terminal of 40 x 10: a stream to write to, and all that came out at its other end."""

    stream: TextIO
    master: int
    written: str = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> str:
        """What has come since the last time. All that was written before is there."""
        os.set_blocking(self.master, False)
        parts = []
        try:
            while part := os.read(self.master, 65536):
                parts.append(part)
        except BlockingIOError:
            pass
        text = b"".join(parts).decode().replace("\r\n", "\n")
        self.written += text
        return text

    def shown(self) -> list[str]:
        """The lines as they stand after everything that was written."""
        self.read()
        lines, row, column = [""], 0, 0
        for code, character in re.findall(r"(\x1b\[[?\d;]*[A-Za-z])|([^\x1b])", self.written):
            if code.endswith("A"):
                row -= int(code[2:-1])
                assert row >= 0
            elif code in ("\x1b[J", "\x1b[K"):
                lines[row] = lines[row][:column]
                if code == "\x1b[J":
                    del lines[row + 1 :]
            elif character == "\r":
                column = 0
            elif character == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif character:
                lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
                column += 1
        return lines


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        made = Terminal(stream, master)
        made.resize(40, 10)
        yield made
    os.close(master)


def _draw(snapshot: Snapshot, _now: float, columns: int, rows: int) -> list[Line]:
    texts = [f"done {snapshot.done}", f"{columns} x {rows}"]
    return [Line(text, len(text)) for text in texts]


def test_a_frame_replaces_the_last_and_what_is_said_stays_above(terminal: Terminal) -> None:
    with LiveDisplay(terminal.stream, _draw) as display:
        display.say("first")
        display.update(SNAPSHOT)
        display.refresh()
        display.say("second")
        assert terminal.shown() == ["first", "second", "done 0", "39 x 9", ""]
        display.update(replace(SNAPSHOT, done=1))
        display.refresh()
        display.say("third")
        assert terminal.shown() == ["first", "second", "third", "done 1", "39 x 9", ""]
        display.update(replace(SNAPSHOT, done=2))
    assert terminal.shown() == ["first", "second", "third", "done 2", "39 x 9", ""]


def test_failures_are_said_and_other_results_are_not(terminal: Terminal) -> None:
    name = Name(trial="a", arm="dsn", dataset="A", seed=0)
    with LiveDisplay(terminal.stream, _draw) as display:
        display.finished(Finished(name=name, accuracy=0.5, seconds=1.0), replace(SNAPSHOT, done=1))
        failed = Finished(name=name, failure="diverged", cause="why")
        display.finished(failed, replace(SNAPSHOT, done=1, failed=1))
    assert terminal.shown() == ["dsn · A · seed 0: failed (diverged): why", "done 1", "39 x 9", ""]


def test_what_others_write_to_standard_error_goes_above_line_by_line(terminal: Terminal) -> None:
    before = sys.stderr
    with LiveDisplay(terminal.stream, _draw) as display:
        display.update(SNAPSHOT)
        print("half", end="", file=sys.stderr)
        print(" and half\nwhole", file=sys.stderr)
        display.refresh()
        print("no end", end="", file=sys.stderr)
    assert sys.stderr is before
    assert terminal.shown() == ["half and half", "whole", "no end", "done 0", "39 x 9", ""]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_the_cursor_is_hidden_while_it_draws_and_back_however_it_ends(
    terminal: Terminal, error: type[BaseException] | None
) -> None:
    def run() -> None:
        with LiveDisplay(terminal.stream, _draw) as display:
            display.update(SNAPSHOT)
            display.say("x")
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    terminal.read()
    assert terminal.written.startswith("\x1b[?25l")
    assert terminal.written.endswith("\x1b[?25h")
    assert [thread.name for thread in threading.enumerate() if thread.name == "display"] == []


def test_nothing_is_written_while_nothing_changes(terminal: Terminal) -> None:
    display = LiveDisplay(terminal.stream, _draw)
    display.update(SNAPSHOT)
    display.refresh()
    assert "done 0" in terminal.read()
    display.refresh()
    display.update(replace(SNAPSHOT, failed=1))
    display.refresh()
    assert terminal.read() == ""
    terminal.resize(30, 10)
    display.refresh()
    assert "29 x 9" in terminal.read()


def test_a_terminal_that_became_narrower_has_wrapped_the_last_frame(terminal: Terminal) -> None:
    def wide(_snapshot: Snapshot, _now: float, columns: int, _rows: int) -> list[Line]:
        return [Line("=" * columns, columns), Line("", 0), Line("x", 1)]

    display = LiveDisplay(terminal.stream, wide)
    display.update(SNAPSHOT)
    display.refresh()
    terminal.read()
    terminal.resize(10, 10)
    display.refresh()
    # 39 columns have become four rows of ten, and two lines are as they were.
    assert "\x1b[6A" in terminal.read()


def test_many_events_make_few_frames(terminal: Terminal) -> None:
    drawn: list[int] = []

    def counting(snapshot: Snapshot, now: float, columns: int, rows: int) -> list[Line]:
        drawn.append(snapshot.done)
        return _draw(snapshot, now, columns, rows)

    display = LiveDisplay(terminal.stream, counting)
    for done in range(1000):
        display.update(replace(SNAPSHOT, done=done))
        display.say("failed")
        terminal.read()
    display.refresh()
    assert drawn == [999]


def test_a_window_that_is_closed_ends_no_run() -> None:
    master, slave = os.openpty()
    os.close(master)
    stream = os.fdopen(slave, "w", encoding="utf-8")
    with LiveDisplay(stream, _draw) as display:
        display.update(SNAPSHOT)
        display.say("nobody sees it")
        display.say("nor this")
    with pytest.raises(OSError, match="Input/output error"):
        stream.close()
