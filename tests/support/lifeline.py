"""Whether processes that nobody can wait for still live, told by the system at the moment when it changes."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 240.0
"""Seconds after which a test no longer waits: for machines that do other things too, not a measure."""

LONGER = (0.25, 1.0, 4.0, 16.0, 64.0)
"""Time limits for what hangs, in seconds: the first that was long enough for it to begin has shown what is to be shown,
and on a busy machine that may be any of them."""


class Lifeline:
    """A pipe. Processes take hold of it as ``exec 3> PATH`` does in a shell, and so all that they start."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    def held(self) -> bool:
        """Whether any of those lives that took hold."""
        return not self._let_go(0)

    def wait(self) -> None:
        """Until none does."""
        assert self._let_go(PATIENCE), "something that should have been ended still runs"

    def _let_go(self, seconds: float) -> bool:
        # Nothing is ever written: what can be read is the end.
        return bool(select.select([self._file], [], [], seconds)[0])


@contextmanager
def lifeline(folder: Path) -> Iterator[Lifeline]:
    """One in that folder, which nobody holds yet."""
    path = folder / "lifeline"
    os.mkfifo(path)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield Lifeline(path, file)
    finally:
        os.close(file)
