"""The files that a data set is read from: by role, so that a hash does not depend on where they lie."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from dsn.errors import AbsentData, InvalidData

SourceFiles = Mapping[str, Path]
"""Path by role (``train``, ``test``, ``both``; whatever a source calls its parts), in an order that it fixes."""

Identity = tuple[tuple[str, str, int, int], ...]
"""(role, absolute path, size in bytes, time of last change in ns) of every file."""

_CHUNK = 1 << 20


def content_hash(files: SourceFiles) -> str:
    """SHA-256, hex, over role, size and bytes of every file: the same data elsewhere has the same hash."""
    digest = hashlib.sha256()
    for role, path in files.items():
        try:
            with path.open("rb") as file:
                digest.update(f"{role}:{os.fstat(file.fileno()).st_size}:".encode())
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise unreadable(path, error) from error
    return digest.hexdigest()


def identify(files: SourceFiles) -> Identity:
    """What tells cheaply whether a file has changed since it was last read."""
    return tuple(_identify(role, path) for role, path in files.items())


def _identify(role: str, path: Path) -> tuple[str, str, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return role, str(path.absolute()), status.st_size, status.st_mtime_ns


def unreadable(path: Path, error: OSError) -> InvalidData:
    """What the operating system says of ``path``, as an error of ours."""
    return InvalidData(f"cannot be read: {error.strerror or error}", place=str(path))


def shown(files: SourceFiles) -> str:
    """The paths, for an error message; of many the folder that holds them all."""
    paths = list(files.values())
    return " and ".join(map(str, paths)) if len(paths) <= 2 else os.path.commonpath([path.parent for path in paths])


def existing_place(path: str | None, needs: str) -> Path:
    """The file or folder that ``DataConfig.path`` names.

    Args:
        path: as written; ``~`` is the home folder.
        needs: what the path should have been, for the error when there is none: "source 'npz' needs the folder ...".

    Raises:
        AbsentData: nothing is there.
        InvalidData: no path, or one that cannot be followed.
    """
    if path is None:
        raise InvalidData(needs, key="path")
    try:
        place = Path(path).expanduser()
        place.stat()
    except FileNotFoundError as error:
        raise AbsentData("no such folder or file", key="path", value=path) from error
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~someone who does not exist
        raise InvalidData("no such folder or file", key="path", value=path) from error
    return place


def existing_folder(path: str | None, needs: str) -> Path:
    """The folder that ``DataConfig.path`` names; errors as ``existing_place``, and for what is no folder."""
    place = existing_place(path, needs)
    if not place.is_dir():
        raise InvalidData("is a file; name the folder that holds it", key="path", value=path)
    return place


def entries(folder: Path) -> list[Path]:
    """What lies in ``folder``, sorted by name.

    Raises:
        InvalidData: it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error


def lies_there(path: Path) -> bool:
    """Whether there is anything of this name, a link that leads nowhere included."""
    try:
        path.lstat()
    except (OSError, ValueError):  # not there; a name too long for the file system
        return False
    return True


def require_file(path: Path) -> Path:
    """``path``, if a regular file or a link to one is there: reading a pipe or a device might never end.

    Raises:
        InvalidData: something else is there, or nothing that can be asked what it is.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise unreadable(path, error) from error
    if not regular:
        raise InvalidData("is not a file", place=str(path))
    return path


def require_plain_name(name: str) -> None:
    """Check that ``DataConfig.name`` does not lead out of its folder.

    Raises:
        InvalidData: it is empty, holds a slash, or means a folder.
    """
    if name in ("", ".", "..") or any(mark in name for mark in "/\\\0"):
        raise InvalidData("must be a plain name, without slashes", key="name", value=name)


def unknown_name(name: str, folder: Path, known: Iterable[str]) -> AbsentData:
    """The error for a data set that is not in its folder."""
    return AbsentData(
        "no such data set in this folder", key="name", value=name, place=str(folder), choices=sorted(known)
    )
