"""Files that are either whole or absent, whatever interrupts the writer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_atomic(path: Path, content: bytes | str) -> None:
    """Puts ``content`` (text as UTF-8) at ``path``: a reader sees the old file or the new one, never a part.

    The content is on the disk before the name is, and the name is on the disk before this returns. The folder must
    exist; parallel writers of one path are safe, the last one wins. Line ends are written as they are.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; it names a file, and ``path`` is as it was.
    """
    _write_named(path, content)
    sync_folder(path.parent)


def _write_named(path: Path, content: bytes | str) -> None:
    try:
        with _named_at_the_end(path) as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)  # of a write to a descriptor the system names none
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """As ``write_atomic``, for content that is written piece by piece; there if the block ends without an exception."""
    with _named_at_the_end(path) as file:
        yield file
    sync_folder(path.parent)


@contextmanager
def _named_at_the_end(path: Path) -> Iterator[IO[bytes]]:
    """As ``atomic_file``, but for the name, which is on the disk only when the folder is."""
    # In the same folder: a rename is atomic only within one file system.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:200]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            os.fchmod(file.fileno(), _mode_for(path))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Puts ``files`` (name -> content) into ``folder``, which is made if it is missing; durable when this returns.

    Each is whole or absent, as by ``write_atomic``; their names go to the disk together.

    Raises:
        OSError: as ``write_atomic``; some of the files may then be there.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True)
        sync_folder(folder.parent)
    for name, content in files.items():
        _write_named(folder / name, content)
    sync_folder(folder)


def _mode_for(path: Path) -> int:
    """The permissions of the file that is replaced; 0644 for a new one (mkstemp's 0600 would hide it from others)."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644


def sync_folder(folder: Path) -> None:
    """Makes a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
