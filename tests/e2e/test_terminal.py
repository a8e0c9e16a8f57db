"""What a user sees at a terminal: real runs on a pseudo-terminal, with real Ray, keys and all."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 180
CTRL_C = b"\x03"
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"

TELL = "import os; open('told', 'a').write(' '.join(os.environ['DSN_' + k] for k in ('OUTCOME', 'DONE', 'FAILED')))"


@dataclass(kw_only=True)
class Terminal:
    """A process at a terminal of 80 x 24, whose standard output goes elsewhere."""

    process: subprocess.Popen[str]
    master: int
    seen: str = ""
    decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def read_until(self, holds: Callable[[str], bool]) -> None:
        """Read what is drawn until it holds of all that has been seen."""
        until = time.monotonic() + PATIENCE
        while not holds(self.seen):
            assert time.monotonic() < until, f"it did not come: {self.seen[-2000:]}"
            assert self._read(), f"it ended before: {self.seen[-2000:]}"

    def _read(self) -> bool:
        """A little more; False at the end."""
        if not select.select([self.master], [], [], 1.0)[0]:
            return True
        try:
            part = os.read(self.master, 65536)
        except OSError:
            return False  # the process has ended, and with it the other side
        self.seen += self.decoder.decode(part)
        return bool(part)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> tuple[int, str]:
        """Read to the end: exit code and standard output."""
        while self._read():
            pass
        output, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output


@contextmanager
def _terminal(bench, *arguments: str) -> Iterator[Terminal]:
    """``dsn ARGUMENTS`` in the foreground of a terminal."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        # A login of its own, whose controlling terminal this is: Ctrl-C then goes to all that it has started.
        [sys.executable, "-c", IN_FOREGROUND, *arguments],
        cwd=bench.folder,
        env=environment | {"DSN_WORKSPACE": str(bench.workspace), "TERM": "xterm-256color"},
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process=process, master=master)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        os.close(master)


IN_FOREGROUND = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where tests run in the background of a shell
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "pipeline", *sys.argv[1:]])
"""


def _text(seen: str) -> str:
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", seen)


def _on_finish(code: str) -> str:
    return f"on_finish: {json.dumps([sys.executable, '-c', code])}\n"


def test_a_run_is_drawn_in_place_and_leaves_its_end_and_the_cursor(bench) -> None:
    bench.write_study(epochs=20, seeds=1, one_worker=True, more=_on_finish(TELL))
    with _terminal(bench, "run", "tiny.yaml") as terminal:
        code, output = terminal.end()
    assert code == 0, terminal.seen
    drawn = _text(terminal.seen)
    for words in ("Does anything get lost?", "starting the workers", "best so far", "UnitTest"):
        assert words in drawn
    assert "finished after" in drawn
    assert "2 of 2" in drawn.splitlines()[-3]
    assert drawn.splitlines()[-2].strip() == "2 done"
    assert "failed" not in drawn
    assert terminal.seen.rindex(SHOW) > terminal.seen.rindex(HIDE)
    assert re.search(r"\x1b\[\d+A", terminal.seen), "drawn in place"
    assert "\x1b" not in output
    assert output.startswith("Test accuracy (%)")
    assert "Report: " in output
    assert (bench.folder / "told").read_text() == "done 2 0"


def test_ctrl_c_is_heard_at_once_what_runs_goes_on_until_the_second_and_others_see_it(bench) -> None:
    bench.write_study(epochs=2000, seeds=2, engine="torch", more=_on_finish(TELL))
    with _terminal(bench, "run", "tiny.yaml") as terminal:
        terminal.read_until(lambda seen: re.search(r"\s[1-9]\d*/2000", _text(seen)) is not None)
        status = json.loads(bench.dsn("status", "tiny", "--json").stdout)
        assert status["running"] == len(status["running_trials"]) > 0
        assert max(each["epoch"] for each in status["running_trials"]) > 0
        assert status["planned"] == sum(status[name] for name in ("done", "pruned", "failed", "running", "pending"))
        onlooker = bench.start("status", "tiny", "--watch", "--interval", "0.1")
        assert onlooker.stdout is not None
        assert "running" in onlooker.stdout.readline()
        terminal.type(CTRL_C)
        terminal.read_until(lambda seen: re.search(r"finishing [12] running trials?", _text(seen)) is not None)
        before = max(each["epoch"] for each in bench.status()["running_trials"])
        terminal.read_until(lambda seen: max(map(int, re.findall(r"\s(\d+)/2000", _text(seen)))) > before)
        assert "finishing what runs" in _text(terminal.seen)
        terminal.type(CTRL_C)
        code, output = terminal.end()
    assert code == 4, terminal.seen
    assert output == ""
    drawn = _text(terminal.seen)
    assert "stopping the workers" in drawn
    assert "stopped after" in drawn
    assert "Traceback" not in drawn
    assert drawn.splitlines()[-1] == "dsn: stopped by a signal; the same command runs what is missing"
    assert terminal.seen.rindex(SHOW) > terminal.seen.rindex(HIDE)
    assert (bench.folder / "told").read_text() == "interrupted 0 0"
    watched, errors = onlooker.communicate(timeout=PATIENCE)
    assert (onlooker.returncode, errors) == (0, "")
    assert watched.splitlines()[-1] == "tiny: 4 planned = 0 done + 0 pruned + 0 failed + 0 running + 4 pending"
    assert "\x1b" not in watched


def test_without_a_terminal_there_are_lines_alone_and_a_failure_and_its_cause_are_told(bench) -> None:
    more = "  broken: {training.learning_rate: 1.0e+38, training.final_learning_rate: 1.0e+38, sparsity.level: dense}\n"
    bench.write_study(
        epochs=1, seeds=1, one_worker=True, more=_on_finish(TELL + "; print('a word'); raise SystemExit(7)")
    )
    bench.study.write_text(bench.study.read_text().replace("seeds:", f"{more}seeds:"))
    run = bench.dsn("run", "tiny.yaml", expect=3)
    assert "\x1b" not in run.stdout + run.stderr
    lines = run.stderr.splitlines()
    assert lines[0] == "tiny: 3 trials, 0 already there, 3 to run"
    assert lines[1].startswith("engine: ")
    assert sorted(line.partition(" ")[0] for line in lines[2:5]) == ["[1/3]", "[2/3]", "[3/3]"]
    broken = "broken · UnitTest · seed 0: failed (diverged): the training loss is not finite in epoch 1"
    assert sum(broken in line for line in lines) == 1
    assert (bench.folder / "told").read_text() == "failed 2 1"
    assert lines[-1] == f"dsn: on_finish: {sys.executable} ended with code 7: a word"
    assert "  1 x diverged: the training loss is not finite in epoch 1" in bench.dsn("status", "tiny").stdout
