"""How a run is asked to stop: once, and what runs is finished; twice, and it stops now.

SIGINT and SIGTERM count alike. SIGHUP, a terminal that is closed, is never the second: a shell and the kernel both send
it. What was ignored when the process began stays ignored, as ``nohup`` asks for.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """What has been asked of a run, read by whoever hands out its trials.

    Attributes:
        asked: 0; 1, no trial is begun and those that run are finished; 2, stop now.
        ended: the run is over and only says how: from then on signals change nothing.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.ended = False
        self._runs: Callable[[], bool] = _nothing_runs
        # A handler may interrupt anything, itself too; of all queues and events this one allows that.
        self._first = SimpleQueue[bool]()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Signals are requests, for a block. Where one has come they stay off until the process has ended: a late one
        would change how the run is said to have ended."""
        before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        heeded = [signum for signum in SIGNALS if before[signum] != signal.SIG_IGN]
        for signum in heeded:
            signal.signal(signum, self.request)
        try:
            yield
        finally:
            for signum in heeded:
                signal.signal(signum, signal.SIG_IGN if self.asked else before[signum])

    @contextmanager
    def finishing(self, runs: Callable[[], bool], announce: Callable[[], None]) -> Iterator[None]:
        """For a block, the first request lets those trials finish that run.

        Args:
            runs: whether any does. While none does there is nothing to finish, and the first request stops at once.
            announce: says that the first was heard. Called from a thread, as a handler must not write.
        """
        self._runs = runs
        thread = threading.Thread(target=self._announced, args=(announce,), name="stopping", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._runs = _nothing_runs
            self._first.put(False)
            thread.join()

    def _announced(self, announce: Callable[[], None]) -> None:
        if self._first.get():
            announce()

    def request(self, signum: int, _frame: FrameType | None = None) -> None:
        """A signal came.

        Raises:
            KeyboardInterrupt: it means now.
        """
        if self.ended or (self.asked and signum == signal.SIGHUP):
            return
        self.asked = min(self.asked + 1, 2)
        if self.asked == 1 and self._runs():
            self._first.put(True)
        else:
            raise KeyboardInterrupt


def _nothing_runs() -> bool:
    return False
