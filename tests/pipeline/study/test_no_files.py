"""A study that is no file is refused, in a process of its own: one that waits for a pipe could not be stopped here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from plan_judge import process, require_refusal


def _fifo(place: Path) -> None:
    os.mkfifo(place)


def _loop(place: Path) -> None:
    place.symlink_to(place)


def _device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))


NO_FILES: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": _fifo,
    "a link to itself": _loop,
    "an endless device": _device,
    "a socket": _socket,
    "nothing": lambda place: None,
}


@pytest.mark.parametrize("case", NO_FILES)
def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    NO_FILES[case](Path("study.yaml"))
    answer = process(tmp_path, "plan", "study.yaml")
    require_refusal(answer)
    assert answer.err.startswith("dsn: study.yaml: cannot be read: ")
