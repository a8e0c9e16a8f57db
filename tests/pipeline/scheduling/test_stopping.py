"""Requests to stop a run: counted by a handler that may interrupt anything, itself too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pipeline.scheduling.stopping import SIGNALS, Stopping


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """None is ignored at first; as they were, afterwards: a run that was asked to stop leaves them off."""
    before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in SIGNALS}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def _send(signum: signal.Signals) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", SIGNALS)
def test_where_nothing_runs_the_first_stops_at_once(signum: signal.Signals) -> None:
    stopping = Stopping()
    with pytest.raises(KeyboardInterrupt), stopping.heard():
        _send(signum)
    assert stopping.asked == 1


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", SIGNALS)
def test_where_trials_run_the_first_is_announced_once_and_the_second_stops(
    first: signal.Signals, second: signal.Signals
) -> None:
    stopping, announced = Stopping(), []
    with stopping.heard():
        with stopping.finishing(lambda: True, lambda: announced.append(threading.current_thread().name)):
            _send(first)
            assert stopping.asked == 1
        assert announced == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            _send(second)
    assert stopping.asked == 2


def test_a_terminal_that_is_closed_is_never_the_second() -> None:
    stopping = Stopping()
    with stopping.heard(), stopping.finishing(lambda: True, list):
        for _ in range(3):
            _send(signal.SIGHUP)
    assert stopping.asked == 1


def test_requests_that_come_on_top_of_each_other_are_announced_once() -> None:
    """The handler is interrupted by itself, wherever it is."""
    stopping, announced = Stopping(), []

    def runs() -> bool:
        if stopping.asked == 1:
            stopping.request(signal.SIGTERM)
        return True

    with stopping.finishing(runs, lambda: announced.append(1)), pytest.raises(KeyboardInterrupt):
        stopping.request(signal.SIGINT)
    assert (stopping.asked, announced) == (2, [])


def test_once_the_run_has_ended_no_signal_changes_how() -> None:
    stopping = Stopping()
    with pytest.raises(KeyboardInterrupt), stopping.heard():
        _send(signal.SIGINT)
    for signum in SIGNALS:
        _send(signum)
        assert signal.getsignal(signum) == signal.SIG_IGN
    stopping.ended = True
    stopping.request(signal.SIGINT)


def test_a_run_that_was_not_asked_leaves_the_handlers_as_they_were() -> None:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    stopping, announced = Stopping(), []
    with stopping.heard(), stopping.finishing(lambda: True, lambda: announced.append(1)):
        assert signal.getsignal(signal.SIGHUP) == stopping.request
    assert [signal.getsignal(signum) for signum in SIGNALS] == before
    assert announced == []


def test_what_the_process_was_started_to_ignore_stays_ignored() -> None:
    code = "import os; from pipeline.scheduling.stopping import Stopping\nwith Stopping().heard(): os.kill(0, 1)"
    command = ["nohup", sys.executable, "-c", code]
    subprocess.run(command, check=True, start_new_session=True, stdin=subprocess.DEVNULL, capture_output=True)
