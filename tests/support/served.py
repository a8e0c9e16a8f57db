"""MLflow's UI on a workspace, as ``dsn ui`` serves it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hearing import hear_signals

from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import recorded_studies


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served(workspace: Workspace) -> Iterator[tuple[subprocess.Popen[str], list[str], int]]:
    """The command, the lines that it said when MLflow answered, one and one more a study, and its port."""
    port = free_port()
    command = [sys.executable, "-m", "pipeline", "ui", "--workspace", str(workspace.root), "--port", str(port)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_signals,  # noqa: PLW1509  # it takes no lock
    ) as process:
        try:
            assert process.stderr is not None
            yield process, [process.stderr.readline().rstrip("\n") for _ in ("all", *recorded_studies(workspace))], port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
