"""``dsn cancel``: real processes, real signals, and locks that say what is no longer so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from dsn.errors import InvalidInput
from pipeline.driver.cancel import cancel
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import Process, driven_study, driver

Dsn = Callable[..., tuple[object, str, str]]

DRIVER = """
import sys, time
from pathlib import Path
from pipeline.workspace.lock import driver_lock
from pipeline.scheduling.stopping import Stopping
from pipeline.terminal.progress import Progress
from pipeline.terminal.progress_file import ProgressFile
from pipeline.workspace.layout import Workspace
place, stopping = Workspace(root=Path(sys.argv[1])), Stopping()
progress = Progress(study="s", question="", trials=(), cells=(), states={}, todo=(), began=0.0)
file = ProgressFile(place, "s", print)
place.study("s").mkdir(parents=True)

def enter(phase):
    progress.enter(phase)
    file.write(progress.snapshot(0.0))
    print(phase, flush=True)

with stopping.heard(), driver_lock(place, "s"), stopping.finishing(lambda: True, lambda: enter("finishing")):
    enter("training")
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print(f"stopped {stopping.asked}", flush=True)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@contextmanager
def _driver(workspace: Workspace) -> Iterator[subprocess.Popen[str]]:
    """A process that drives study s as a run does, as far as its signals go."""
    command = [sys.executable, "-c", DRIVER, str(workspace.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert _line(process) == "training"
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def _say(workspace: Workspace, **changes: Any) -> None:
    """Put other words into the lock that is held."""
    left = json.loads(workspace.lock.read_text())
    workspace.lock.write_text(json.dumps(left | {"process": left["process"] | changes}))


def test_once_asks_to_finish_and_again_to_stop(workspace: Workspace) -> None:
    with _driver(workspace) as process:
        assert f"process {process.pid} on " in cancel(workspace, "s", now=False).who
        assert _line(process) == "finishing"
        cancel(workspace, "s", now=False)
        assert _line(process) == "stopped 2"


def test_now_is_both(workspace: Workspace) -> None:
    with _driver(workspace) as process:
        cancel(workspace, "s", now=True)
        assert [_line(process), _line(process)] == ["finishing", "stopped 2"]


def test_now_after_once_is_one_signal_more(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    send, sent = signal.pidfd_send_signal, []

    def count(descriptor: int, signum: int) -> None:
        sent.append(signum)
        send(descriptor, signum)

    monkeypatch.setattr(signal, "pidfd_send_signal", count)
    with _driver(workspace) as process:
        cancel(workspace, "s", now=False)
        assert _line(process) == "finishing"
        cancel(workspace, "s", now=True)
        assert _line(process) == "stopped 2"
    assert sent == [signal.SIGTERM] * 2


def test_the_command_says_who_was_asked_and_how_to_see_the_end(dsn: Dsn, tmp_path: Path) -> None:
    with _driver(Workspace(root=tmp_path / "workspace")) as process:
        code, output, errors = dsn("cancel", "s")
        assert (code, errors) == (0, "")
        assert output.startswith(f"s: process {process.pid} on {socket.gethostname()} since ")
        assert output.endswith(" finishes what runs, then stops; `dsn status s --watch` waits for its end\n")
        assert _line(process) == "finishing"
        code, output, errors = dsn("cancel", "other")
        assert (code, output) == (2, "")
        assert f"'s' is, by process {process.pid} on " in errors
    code, _, errors = dsn("cancel", "s")
    assert code == 2
    assert "is not being run in workspace" in errors


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"started": 1}, "has just ended"),
        ({"pid": 2**22 + 1}, "has just ended"),
        ({"host": "elsewhere"}, "is on another machine, or in another container"),
        ({"namespace": "pid:[1]"}, "is on another machine, or in another container"),
        ({"started": None}, "cannot be told from other processes here"),
    ],
    ids=["number given again", "no such process", "host", "container", "no start time"],
)
def test_no_other_process_gets_the_signal(workspace: Workspace, changes: dict[str, Any], why: str) -> None:
    with _driver(workspace) as process:
        _say(workspace, **changes)
        with pytest.raises(InvalidInput, match=why):
            cancel(workspace, "s", now=True)
        process.send_signal(signal.SIGTERM)
        assert _line(process) == "finishing", "that was the first"


def test_the_number_of_the_driver_that_another_process_has_now_is_spared(workspace: Workspace) -> None:
    """The lock is held, its process is another one: here a copy of the file under the real one's lock."""
    with _driver(workspace), subprocess.Popen(["sleep", "60"]) as bystander:
        found = driver(workspace)
        assert found is not None
        assert found.process == Process.of(found.process.pid if found.process else 0)
        earlier = replace(Process.of(bystander.pid), started=(found.process.started or 0) - 1)
        _say(workspace, **asdict(earlier))
        with pytest.raises(InvalidInput, match="has just ended"):
            cancel(workspace, "s", now=True)
        assert bystander.poll() is None
        bystander.kill()


def test_a_lock_of_an_older_version_is_understood(workspace: Workspace) -> None:
    with _driver(workspace):
        workspace.lock.write_text(json.dumps({"study": "s", "who": "process 7 on host"}))
        assert driven_study(workspace) == "s"
        with pytest.raises(InvalidInput, match="process 7 on host, which cannot be told from other processes here"):
            cancel(workspace, "s", now=False)


def test_whose_process_may_not_be_signalled_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _signum: int) -> None:
        raise PermissionError(1, os.strerror(1))

    with _driver(workspace):
        monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
        with pytest.raises(InvalidInput, match="cannot be sent a signal: Operation not permitted"):
            cancel(workspace, "s", now=False)
