"""Whether a cluster that was joined still lives: its head, and the raylet of this machine."""

from __future__ import annotations

import signal
import socket
import threading
import time
from types import TracebackType
from typing import Self

_EVERY = 1.0
_CONNECT = 3.0
"""Seconds in which what lives takes a connection."""

_SILENCE = 20.0
"""Seconds without an answer after which the head counts as gone. Ray itself would end this process after 60."""


class Pulse:
    """Felt from a thread, for a block. When it is gone, the main thread is sent the signal by which it would also hear
    of a child's end.

    What refuses a connection is dead. What does not answer may be busy, or behind a network that fails for a moment,
    and is given ``_SILENCE``.

    Args:
        head: where the head listens, HOST:PORT.
        raylet: path of the socket at which the raylet of this machine does.
    """

    def __init__(self, *, head: str, raylet: str) -> None:
        self._head = head
        self._raylet = raylet
        self._gone = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feel, name="pulse", daemon=True)

    def gone(self) -> str:
        """What is to be said if it is gone; empty while it lives."""
        if not self._gone:
            self._gone = self._refused()
        return self._gone

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _feel(self) -> None:
        answered = time.monotonic()
        while not self._over.wait(_EVERY):
            try:
                socket.create_connection(_place(self._head), _CONNECT).close()
                answered = time.monotonic()
            except OSError as error:
                if time.monotonic() - answered > _SILENCE:
                    self._gone = _told(f"the head of the cluster at {self._head} does not answer ({error})")
            if self.gone():
                main = threading.main_thread().ident
                assert main is not None, "it has started"
                signal.pthread_kill(main, signal.SIGCHLD)
                return

    def _refused(self) -> str:
        try:
            socket.create_connection(_place(self._head), _CONNECT).close()
        except ConnectionRefusedError:
            return _told(f"the head of the cluster at {self._head} has died")
        except OSError:
            pass  # it may be busy: see the thread
        try:
            with socket.socket(socket.AF_UNIX) as raylet:
                raylet.connect(self._raylet)
        except (ConnectionRefusedError, FileNotFoundError):
            return _told("Ray has died on this machine (its raylet takes no connection)")
        return ""


def _told(what: str) -> str:
    return f"{what}; nothing is lost, and once the cluster runs again the same command runs what is missing"


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
