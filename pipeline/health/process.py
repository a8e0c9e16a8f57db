"""Asking another program, which may hang or leave children behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program printed, on both streams, and how it ended: ``code`` is None when it took too long."""

    code: int | None
    text: str

    @property
    def last_line(self) -> str:
        """The line that says what went wrong, in a traceback; "" when nothing was printed."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def asked(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Answer:
    """Run ``command`` in a group of its own, which is ended with all its processes after ``seconds``.

    Raises:
        OSError: there is no such program.
    """
    # A file, for a child that lives on would hold a pipe open.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # Also when the user interrupts, and when it left children behind.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return Answer(code=code, text=output.read().decode(errors="replace"))
