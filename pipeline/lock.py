"""One driver a workspace: the lock that ``dsn run`` holds.

Two drivers would train what their studies share twice, on the same cores. The lock is the kernel's and ends with the
process, so that a killed driver never blocks the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import Locked
from pipeline.workspace import Workspace

_ATTEMPTS = 5
_PAUSE = 0.05


@contextmanager
def driver_lock(workspace: Workspace, study: str) -> Iterator[None]:
    """Hold the lock for a block, and leave word of who holds it.

    Raises:
        Locked: another process has it; with that process and its study.
    """
    workspace.root.mkdir(parents=True, exist_ok=True)
    file = os.open(workspace.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _acquired(file):
            raise _locked(workspace, study)
        who = f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S %Z')}"
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"study": study, "who": who}).encode(), 0)
        yield
    finally:
        os.close(file)


def require_undriven(workspace: Workspace, study: str) -> None:
    """Refuse what ``driver_lock`` would, without writing anything; somebody may still come first.

    Raises:
        Locked: another process has the lock.
    """
    if driven_study(workspace) is not None:
        raise _locked(workspace, study)


def driven_study(workspace: Workspace) -> str | None:
    """The study that some process is running in the workspace at this moment."""
    try:
        file = os.open(workspace.lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        study: str | None = _holder(workspace).get("study")
        return study
    finally:
        os.close(file)
    return None


def _acquired(file: int) -> bool:
    """Take the lock if nobody drives; ``driven_study`` elsewhere may hold it for an instant, which is waited out."""
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PAUSE)
    return False


def _locked(workspace: Workspace, study: str) -> Locked:
    holder = _holder(workspace)
    who = holder.get("who", "another process")
    return Locked(holder.get("study", study), f"{who}; a workspace has one run at a time")


def _holder(workspace: Workspace) -> dict[str, Any]:
    """What the holder left word of; empty in the instant before it has."""
    text = workspace.lock.read_text(encoding="utf-8")
    return dict(json.loads(text)) if text else {}
