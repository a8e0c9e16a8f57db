"""The folders that are written: the workspace and the one for temporary files."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from dsn.durable import write_atomic
from pipeline.health.finding import Finding, Subject, ok, problem, warning
from pipeline.workspace.disk import SCARCE, Space, disk_space, shown_size

LITTLE = 10**9
"""Bytes: less is a warning, whatever the study."""

NONE_LEFT = 50 * 10**6
"""Bytes: with less even MLflow's empty store and a report may not fit."""

NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs"),
        *("ceph", "lustre", "gpfs", "beegfs", "glusterfs", "orangefs", "pvfs2"),
        *("panfs", "wekafs", "virtiofs", "vboxsf", "prl_fs", "fuse.sshfs", "fuse.glusterfs"),
        *("fuse.ceph", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.goofys", "fuse.mount-s3"),
        *("fuse.blobfuse2", "fuse.lustre"),
    )
)
"""File systems whose locks or order of writes cannot be relied on, or that are shared with another machine."""

MEMORY = frozenset(("tmpfs", "ramfs"))

SOCKET_PATH = 107
"""Bytes of the longest path that a Unix socket may have (108 with the zero at its end)."""

RAY_SOCKET = "/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
"""What Ray appends to the folder for temporary files."""


def check_disk(subject: Subject, *, space: Space | None = None) -> Finding:
    """Room for results. How much a study needs, `dsn plan` says and `dsn run` checks."""
    root = subject.workspace.root
    there = space or disk_space(root)
    found = f"{shown_size(there.free)} of {shown_size(there.total)} free for the workspace {root}"
    if there.free < NONE_LEFT:
        return problem("disk", found, "make room, or choose another place with --workspace or DSN_WORKSPACE")
    if there.free < LITTLE or there.free < SCARCE * there.total:
        return warning("disk", found, "make room soon; `dsn plan` says how much a study will take")
    return ok("disk", found)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK)


def check_workspace(subject: Subject, *, may_write: Callable[[Path], bool] = _may_write) -> Finding:
    """Tries there what the ledger relies on: writing, replacing at once, syncing, locking."""
    root = subject.workspace.root
    folder = nearest(root)
    if not folder.is_dir():
        return problem("workspace", f"{folder} is not a folder", "choose another with --workspace or DSN_WORKSPACE")
    try:
        with tempfile.TemporaryDirectory(prefix=".dsn-doctor-", dir=folder) as scratch:
            failure = _tried(Path(scratch))
    except OSError as error:
        advice = "give yourself the right to write there (chown, mount -o remount,rw), or choose another place"
        return problem("workspace", f"{folder}: {error.strerror or error}", f"{advice} with --workspace")
    if failure:
        advice = "put the workspace on a local disk: --workspace, or DSN_WORKSPACE"
        return problem("workspace", f"{folder}: {failure}", advice)
    foreign = [path for path in _known(root) if not may_write(path)]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        advice = f"another user has written them: chown -R {os.geteuid()} {root}"
        return problem("workspace", f"{foreign[0]}{more} cannot be written", advice)
    state = "" if folder == root else ", to be made"
    return ok("workspace", f"{root}{state}: writing, replacing, syncing and locking work")


def _tried(folder: Path) -> str:
    """What does not work there; "" when all does."""
    file = folder / "file"
    write_atomic(file, "old")
    write_atomic(file, "new")
    if file.read_text(encoding="utf-8") != "new" or [path.name for path in folder.iterdir()] != ["file"]:
        return "a file cannot be replaced"
    first, second = (os.open(file, os.O_RDWR | os.O_APPEND) for _ in range(2))
    try:
        os.write(first, b"er")
        os.fdatasync(first)
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return ""
        return "a locked file can be locked again, so that two runs could start"
    finally:
        os.close(first)
        os.close(second)


def _known(root: Path) -> list[Path]:
    """What is there already and will be changed again: not every trial's files."""
    known = [root, *sorted(root.glob("*")), *sorted(root.glob("ledger/*")), *sorted(root.glob("ledger/*/*"))]
    return [path for path in known if path.exists()]


def check_file_system(subject: Subject, *, mounts: str | None = None) -> Finding:
    """The ledger and SQLite need a local disk. ``mounts`` is the text of /proc/self/mountinfo."""
    root = subject.workspace.root
    kind = file_system(root, mounts)
    found = f"{kind or 'not known here'} under {root}"
    if kind in NETWORK:
        advice = "locks and SQLite cannot be relied on there: put the workspace on a local disk, with --workspace"
        return problem("file system", found, advice)
    if kind in MEMORY:
        advice = "results would be gone when the machine restarts: put the workspace on a disk, with --workspace"
        return warning("file system", found, advice)
    return ok("file system", found)


def file_system(path: Path, mounts: str | None = None) -> str:
    """The kind of file system that holds ``path``, or will; "" where that cannot be told."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    there = nearest(path).resolve() if nearest(path).exists() else path
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields[4]))
        # Of two at one place the later one hides the earlier.
        if there.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return kind


def nearest(path: Path) -> Path:
    """``path``, or what is there of its parents."""
    return next(place for place in (path, *path.parents) if place.exists())


def check_temporary(
    _: Subject, *, environment: Mapping[str, str] = os.environ, space: Callable[[Path], Space] = disk_space
) -> Finding:
    """Where Ray keeps sockets and logs: there is room, it can be written, and its path is short enough."""
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if environment.get(name)), "")
    folder = Path(environment[name] if name else "/tmp")  # noqa: S108  # as Ray does
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        advice = f"make it, or set {name or 'TMPDIR'} to a folder that you may write"
        return problem("temporary files", f"{folder} cannot be written", advice)
    there = space(folder)
    found = f"{shown_size(there.free)} of {shown_size(there.total)} free in {folder}"
    if len(os.fsencode(folder)) + len(RAY_SOCKET) > SOCKET_PATH:
        most = SOCKET_PATH - len(RAY_SOCKET)
        return problem("temporary files", f"{found}: its path is too long for Ray's sockets", _shorter(most))
    if there.free < NONE_LEFT:
        return problem("temporary files", found, "make room there, or set RAY_TMPDIR to another folder")
    if there.free < LITTLE or there.free < 0.05 * there.total:
        advice = (
            "make room there (old sessions in ray/ may go), or set RAY_TMPDIR; Ray objects to a disk that is 95 % full"
        )
        return warning("temporary files", found, advice)
    return ok("temporary files", found)


def _shorter(most: int) -> str:
    return f"set RAY_TMPDIR to a folder whose path has at most {most} characters, e.g. RAY_TMPDIR=/tmp"
