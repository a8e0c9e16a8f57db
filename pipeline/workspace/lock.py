"""One driver a workspace: the lock that ``dsn run`` holds.

Two drivers would train what their studies share twice, on the same cores. The lock is the kernel's and ends with the
process, so that a killed driver never blocks the next. The file says who holds it, in words for people and well enough
to be found by another process (``pipeline.driver.cancel``); what it says counts only while the lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.errors import Locked
from pipeline.workspace.layout import Workspace

_ATTEMPTS = 5
_PAUSE = 0.05


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process, well enough to be told from every other: numbers are given again.

    Attributes:
        pid: its number.
        host: the machine.
        namespace: in which the number is its: a container has its own. Empty where the system does not say.
        started: in clock ticks since the machine did; None where the system does not say.
    """

    pid: int
    host: str
    namespace: str
    started: int | None

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has the number now, seen from here."""
        namespace, started = "", None
        with suppress(OSError):
            namespace = str(Path("/proc/self/ns/pid").readlink())
            # What follows the name, which may hold anything: the state, and 19 fields on, the start.
            started = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return cls(pid=pid, host=socket.gethostname(), namespace=namespace, started=started)


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Who runs ``study``: ``who`` in words, ``process`` unless an older version of this program does."""

    study: str
    who: str
    process: Process | None


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
        process = Process.of(os.getpid())
        who = f"process {process.pid} on {process.host} since {time.strftime('%Y-%m-%d %H:%M:%S %Z')}"
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"study": study, "who": who, "process": asdict(process)}).encode(), 0)
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
    found = driver(workspace)
    return found.study if found else None


def driver(workspace: Workspace) -> Driver | None:
    """Who holds the lock at this moment; None also in the instant before it has said so."""
    try:
        file = os.open(workspace.lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        left = _holder(workspace)
        if not left:
            return None
        process = Process(**left["process"]) if "process" in left else None
        return Driver(study=left["study"], who=left["who"], process=process)
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
