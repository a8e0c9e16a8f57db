"""Whether a cluster lives, asked of real sockets."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cluster.pulse import Pulse


@pytest.fixture
def head() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "raylet"))
        listening.listen()
        yield listening


def _pulse(head: socket.socket, raylet: socket.socket) -> Pulse:
    return Pulse(head=f"127.0.0.1:{head.getsockname()[1]}", raylet=raylet.getsockname())


def test_while_both_listen_it_lives(head: socket.socket, raylet: socket.socket) -> None:
    assert _pulse(head, raylet).gone() == ""


def test_a_head_that_refuses_is_dead_for_good(head: socket.socket, raylet: socket.socket) -> None:
    pulse, address = _pulse(head, raylet), head.getsockname()
    head.close()
    said = pulse.gone()
    assert said.startswith(f"the head of the cluster at 127.0.0.1:{address[1]} has died; nothing is lost")
    with socket.socket() as another:
        another.bind(address)
        another.listen()
        assert pulse.gone() == said, "another head is another cluster"


def test_a_raylet_that_refuses_is_dead(head: socket.socket, raylet: socket.socket) -> None:
    pulse = _pulse(head, raylet)
    raylet.close()
    assert pulse.gone().startswith("Ray has died on this machine (its raylet takes no connection); nothing is lost")


def test_the_main_thread_is_told_by_the_signal_of_a_childs_end(head: socket.socket, raylet: socket.socket) -> None:
    told = threading.Event()
    before = signal.signal(signal.SIGCHLD, lambda *_: told.set())
    try:
        with _pulse(head, raylet) as pulse:
            head.close()
            assert told.wait(30)
            assert "has died" in pulse.gone()
    finally:
        signal.signal(signal.SIGCHLD, before)
