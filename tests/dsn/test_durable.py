"""The reports' files, and everybody else's: whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsn.durable import write_atomic, write_folder


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomic(tmp_path / "text", "é\r\n")
    write_atomic(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "text").read_bytes() == b"\xc3\xa9\r\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_replacing_keeps_the_permissions_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", "x")


def test_a_folder_s_files_are_on_the_disk_and_then_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that order, all of it before anybody is told: what is synced when, by the system's own names."""
    synced: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        named = sorted(path.name for path in (tmp_path / "new").iterdir() if path.suffix != ".tmp")
        synced.append(("folder" if name.is_dir() else "file", named))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_folder(tmp_path / "new", {"a": b"1", "b": b"2"})
    assert synced == [("folder", []), ("file", []), ("file", ["a"]), ("folder", ["a", "b"])]
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == {"a": b"1", "b": b"2"}


def test_of_a_folder_s_files_those_before_a_failure_are_whole_and_nothing_else_is_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long") as failure:
        write_folder(tmp_path / "new", {"a": b"1", "b" * 256: b"2"})
    assert failure.value.filename is not None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]
