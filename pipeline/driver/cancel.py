"""``dsn cancel``: asks the driver of a study to stop, by the signals that it hears (``pipeline.scheduling.stopping``).

The lock says which process that is. A process's number is given again once it has ended, so it is held by a descriptor
before it is compared with what the lock says, and the signal goes to the descriptor: it reaches that process or none.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsn.errors import InvalidInput
from pipeline.terminal.progress_file import read_progress
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import Driver, Process, driver

HEARD_WITHIN = 10.0
"""Seconds after which a second signal no longer waits for the first one to be heard."""

_LOOK_EVERY = 0.1


def cancel(workspace: Workspace, study: str, *, now: bool, sleep: Callable[[float], None] = time.sleep) -> Driver:
    """Ask the run of ``study`` to stop once what runs is finished, or ``now``; who was asked.

    Raises:
        InvalidInput: nobody runs it, or who does cannot be reached from here.
    """
    found = driver(workspace)
    if found is None or found.study != study:
        other = f"; {found.study!r} is, by {found.who}" if found else ""
        raise InvalidInput(f"is not being run in workspace {workspace.root}{other}", key="study", value=study)
    run = read_progress(workspace, study)
    finishes = run is not None and run.phase == "finishing"
    with _held(workspace, found) as process:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        # Two of a kind that come together are one.
        if now and not finishes and _finishes(workspace, study, sleep):
            _send_second(process)
    return found


def _send_second(process: int) -> None:
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return  # has ended, which is what was asked for


@contextmanager
def _held(workspace: Workspace, found: Driver) -> Iterator[int]:
    """A descriptor of the process that holds the lock."""
    process, here = found.process, Process.of(os.getpid())
    if process is None or process.started is None or not hasattr(os, "pidfd_open"):
        raise _unreachable(found, "cannot be told from other processes here; stop it where it runs")
    if (process.host, process.namespace) != (here.host, here.namespace):
        raise _unreachable(found, "is on another machine, or in another container; cancel it there")
    try:
        descriptor = os.pidfd_open(process.pid)
        try:
            if Process.of(process.pid) != process or driver(workspace) != found:
                raise ProcessLookupError
            yield descriptor
        finally:
            os.close(descriptor)
    except ProcessLookupError:
        raise _unreachable(found, "has just ended") from None
    except OSError as error:
        raise _unreachable(found, f"cannot be sent a signal: {error.strerror}") from error


def _unreachable(found: Driver, why: str) -> InvalidInput:
    return InvalidInput(f"is being run by {found.who}, which {why}", key="study", value=found.study)


def _finishes(workspace: Workspace, study: str, sleep: Callable[[float], None]) -> bool:
    """Wait until the first signal has been heard: whether trials are being finished now, or nothing is heard."""
    for _ in range(round(HEARD_WITHIN / _LOOK_EVERY)):
        if (there := driver(workspace)) is None or there.study != study:
            return False
        run = read_progress(workspace, study)
        if run is not None and run.phase not in ("starting", "training"):
            return run.phase == "finishing"
        sleep(_LOOK_EVERY)
    return True
