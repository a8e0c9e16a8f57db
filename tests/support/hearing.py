"""Signals for processes that a test starts."""

from __future__ import annotations

import signal


def hear_signals() -> None:
    """In a child, before its program: tests may have been started in the background, where a shell has Ctrl-C ignored,
    or with ``nohup``."""
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
