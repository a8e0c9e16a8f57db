"""Workers that outlive their Ray: they would train on for a minute, for nobody."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

_MARK = "RAY_RAYLET_PID"
"""In a worker's environment: the process of Ray's that started it."""


def end_orphans(raylet: int) -> None:
    """Kill the workers that ``raylet``, a process of this machine, has started. What they train is recorded as lost."""
    for pid in _started_by(raylet):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it has just ended by itself


def _started_by(raylet: int) -> Iterator[int]:
    wanted = f"{_MARK}={raylet}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile, or another user's
        if wanted in environment.split(b"\0"):
            yield int(folder.name)
