"""Plain lines of a run, and which display a stream gets."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline.terminal.choice import make_display
from pipeline.terminal.display import HEARTBEAT, ChangesDisplay, PlainDisplay, counts
from pipeline.terminal.live import LiveDisplay
from pipeline.terminal.progress import Finished, Name, Running, Snapshot

NAME = Name(trial="ab12", arm="dsn", dataset="GunPoint", seed=0)
SNAPSHOT = Snapshot(
    study="s",
    question="",
    phase="training",
    time=2000.0,
    began=1000.0,
    planned=5,
    done=1,
    pruned=0,
    failed=0,
    stale=0,
    workers=1,
    left=100.0,
    measured=True,
    running=(Running(name=NAME, worker=0, since=1990.0, epoch=3, epochs=30, train_loss=0.5),),
    latest=(),
    leaders=(),
    failures={},
)


def test_a_line_a_finished_trial() -> None:
    stream = io.StringIO()
    with PlainDisplay(stream) as display:
        display.say("s: 5 trials")
        display.update(SNAPSHOT)
        display.finished(Finished(name=NAME, accuracy=0.96365, seconds=4.21), SNAPSHOT)
        failed = Finished(name=NAME, failure="diverged", cause="the training loss is not finite in epoch 1")
        end = replace(SNAPSHOT, done=4, failed=1, running=(), left=None)
        display.finished(failed, end)
    assert stream.getvalue().splitlines() == [
        "s: 5 trials",
        "[1/5] dsn · GunPoint · seed 0: test accuracy 96.37 %, 4.2 s; about 1.7 min left",
        "[5/5] dsn · GunPoint · seed 0: failed (diverged): the training loss is not finite in epoch 1",
    ]


def test_a_sign_of_life_after_a_long_silence_and_not_before() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    for seconds in (0, HEARTBEAT - 1, HEARTBEAT):
        display.update(replace(SNAPSHOT, time=2000.0 + seconds))
    assert stream.getvalue().splitlines() == [
        "[1/5] 1 trial running: dsn · GunPoint · seed 0 (epoch 3 of 30); about 1.7 min left"
    ]


def test_who_looks_on_gets_a_line_when_the_counts_change() -> None:
    stream = io.StringIO()
    display = ChangesDisplay(stream)
    for snapshot in (SNAPSHOT, replace(SNAPSHOT, left=50.0), replace(SNAPSHOT, done=2, left=50.0)):
        display.update(snapshot)
    assert stream.getvalue().splitlines() == [
        "[1/5] 1 done, 1 running, 3 to go; about 1.7 min left",
        "[2/5] 2 done, 1 running, 2 to go; about 50 s left",
    ]


def test_who_looks_on_hears_once_that_the_run_is_ending() -> None:
    stream = io.StringIO()
    display = ChangesDisplay(stream)
    ending = replace(SNAPSHOT, phase="finishing", left=20.0)
    for snapshot in (
        SNAPSHOT,
        ending,
        replace(ending, left=10.0),
        replace(SNAPSHOT, phase="stopping", running=(), left=None),
    ):
        display.update(snapshot)
    assert stream.getvalue().splitlines() == [
        "[1/5] 1 done, 1 running, 3 to go; about 1.7 min left",
        "[1/5] 1 done, 1 running, 3 to go; finishing what runs; about 20 s left",
        "[1/5] 1 done, 4 to go; stopping the workers",
    ]


def test_stale_trials_are_not_to_go() -> None:
    assert counts(replace(SNAPSHOT, stale=2)) == "1 done, 1 running, 1 to go, 2 stale"


class Gone(io.StringIO):
    """A terminal whose window is closed."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise OSError(5, "Input/output error")


def test_a_stream_that_is_gone_ends_no_run() -> None:
    stream = Gone()
    with PlainDisplay(stream) as display:
        display.say("one")
        display.say("two")
    assert stream.writes == 1
    with PlainDisplay(None) as display:
        display.say("nobody hears")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Latin(Terminal):
    encoding = "latin-1"


@pytest.mark.parametrize(
    ("stream", "term", "plain", "drawn"),
    [
        (Terminal(), "xterm-256color", False, True),
        (Terminal(), "xterm-256color", True, False),
        (Terminal(), "dumb", False, False),
        (Terminal(), None, False, False),
        (Latin(), "xterm-256color", False, False),
        (io.StringIO(), "xterm-256color", False, False),
        (None, "xterm-256color", False, False),
    ],
    ids=["terminal", "--plain", "dumb", "no TERM", "not UTF-8", "no terminal", "no stream"],
)
def test_a_picture_is_for_terminals_that_can_show_it(
    stream: io.StringIO | None, term: str | None, plain: bool, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term:
        monkeypatch.setenv("TERM", term)
    assert isinstance(make_display(stream, plain=plain), LiveDisplay) == drawn
    assert isinstance(make_display(stream, plain=plain, onlooker=True), ChangesDisplay) != drawn


def test_rich_is_loaded_for_pictures_alone() -> None:
    code = (
        "import sys, pipeline.driver.run, pipeline.terminal.status, pipeline.terminal.watch\n"
        "from pipeline.terminal.choice import make_display\n"
        "make_display(sys.stderr, plain=False)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'rich'])\n"
    )
    environment = os.environ | {"TERM": "xterm-256color"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout == "[]\n"
