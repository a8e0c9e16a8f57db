"""Data sets from the Zenodo records of timeseriesclassification.com, into a folder that source ``archive`` reads.

aeon knows the records' numbers (``aeon.datasets.tsc_datasets.tsc_zenodo``). Its own download writes straight into the
folder, so that an interrupted one leaves a set that looks whole; it takes every variant of a set, checks no checksum,
and loads what it fetched. Here the two files come into a temporary folder, are checked against the record's sizes and
MD5 sums and read once, and only then get their name.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib
import importlib.util
import json
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from dsn.config import DataConfig
from dsn.data import archive, describe
from dsn.data.dataset import DataInfo
from dsn.data.files import lies_there, require_plain_name
from dsn.durable import sync_folder
from dsn.errors import InvalidData

ZENODO: Final = "https://zenodo.org/api"

_TIMEOUT = 15
"""Seconds that a server may be silent."""

_CHUNK = 1 << 20


def known_records() -> Mapping[str, int]:
    """Name -> number of the Zenodo record, of all classification sets that can be fetched.

    Raises:
        InvalidData: aeon is not installed.
    """
    if importlib.util.find_spec("aeon") is None:
        raise InvalidData("fetching needs the package aeon: pip install aeon")
    records: Mapping[str, int] = importlib.import_module("aeon.datasets.tsc_datasets").tsc_zenodo
    return records


def require_known(name: str, records: Mapping[str, int], place: str = "") -> None:
    """Check that a set can be fetched; ``place`` is where its name was written.

    Raises:
        InvalidData: it cannot, with the nearest names.
    """
    if name not in records:
        near = get_close_matches(name, records, n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise InvalidData(
            f"is none of the {len(records)} sets of the archive{hint}", key="name", value=name, place=place
        )


def present(name: str, folder: Path) -> bool:
    """Whether the set is in ``folder``.

    Raises:
        InvalidData: something of that name is, but no whole set.
    """
    require_plain_name(name)
    if not folder.is_dir() or name not in archive.names(str(folder)):
        if (folder / name).exists():
            raise InvalidData("is there, but not with this data set in it", place=str(folder / name))
        return False
    archive.find(DataConfig(source="archive", name=name, path=str(folder)))
    return True


def fetch(name: str, record: int, folder: Path, server: str) -> DataInfo:
    """Download a set into ``folder``/``name``, which must not be there; all of it, or nothing.

    Args:
        name: of the set.
        record: number of its Zenodo record.
        folder: made if it is missing.
        server: root of the API, ``ZENODO``.

    Raises:
        InvalidData: the server cannot be reached, or has something else than a data set; the folder cannot be written.
    """
    made = [parent for parent in (folder, *folder.parents) if not lies_there(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
        try:
            return _fetched(name, f"{server}/records/{record}", temporary, folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InvalidData(f"cannot be written: {error.strerror or error}", place=str(folder)) from error
    finally:
        for parent in made:
            with contextlib.suppress(OSError):  # it holds something now, or was never made
                parent.rmdir()


def _fetched(name: str, record: str, temporary: Path, goal: Path) -> DataInfo:
    listed = _listed(record)
    for file in (f"{name}_TRAIN.ts", f"{name}_TEST.ts"):
        if file not in listed:
            raise InvalidData(f"has no file {file}", place=record)
        _download(f"{record}/files/{urllib.parse.quote(file)}/content", temporary / file, listed[file])
    info = describe(DataConfig(source="archive", name=name, path=str(temporary)))
    temporary.chmod(0o755)  # mkdtemp's 0700 would hide it from others
    sync_folder(temporary)
    temporary.rename(goal)
    sync_folder(goal.parent)
    return info


def _listed(record: str) -> dict[str, dict[str, Any]]:
    """What a record says of its files, by name."""
    with _opened(record) as answer:
        content = _read(answer, record)
    try:
        return {str(each["key"]): dict(each) for each in json.loads(content)["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidData("is no list of files of Zenodo's", place=record) from error


def _download(url: str, path: Path, expected: Mapping[str, Any]) -> None:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with _opened(url) as answer, path.open("wb") as file:
        while chunk := _read(answer, url, _CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    if size != expected.get("size") or f"md5:{digest.hexdigest()}" != expected.get("checksum"):
        raise InvalidData(f"came with {size} bytes that are not those of the record", place=url)


def _opened(url: str) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "dsn-pipeline"})  # noqa: S310 - http(s) by construction
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from error
    return answer


def _read(answer: http.client.HTTPResponse, url: str, most: int | None = None) -> bytes:
    try:
        return answer.read(most)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> InvalidData:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return InvalidData(f"the server answers {error.code} {error.reason}", place=url)
    reason = getattr(error, "reason", error)
    return InvalidData(f"cannot be reached: {reason}", place=url)
