"""Real MLflow stores: a database file, a server, a server on PostgreSQL; and how they are killed and started again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from served import free_port

from pipeline.tracking.launch import ENVIRONMENT

STORES = ("sqlite", "server", "postgres")

_NOBODY = 65534


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """The URI of an empty store of that kind, which keeps what it has below ``folder``; skips where there is none."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/elsewhere.db"
    elif kind == "server":
        with running(Server(folder)) as server:
            yield server.uri
    else:
        with postgres() as backend, running(Server(folder, backend)) as server:
            yield server.uri


@dataclass(kw_only=False)
class Server:
    """An MLflow server that also keeps the artifacts; started again, it answers where it did."""

    folder: Path
    backend: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", self.backend or f"sqlite:///{self.folder}/db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | ENVIRONMENT,
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        await_true(self._answers, self.process)

    def kill(self) -> None:
        """As a power cut would; it has a worker, and that is of its group."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def postgres() -> Iterator[str]:
    """The URI of an empty database on a PostgreSQL of its own, run by an unprivileged user."""
    initdb = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if initdb is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("there is no driver of PostgreSQL here: pip install -e '.[dev]'")
    # Not pytest's folder: its user alone may pass through that one.
    with tempfile.TemporaryDirectory(prefix="dsn-postgres-", dir="/tmp") as folder:
        as_user: list[str] = []
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            os.chown(folder, _NOBODY, _NOBODY)
            as_user = ["setpriv", "--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"]
        data, port = f"{folder}/data", free_port()
        subprocess.run(
            [*as_user, initdb, "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        program = str(Path(initdb).resolve().parent / "postgres")
        command = [*as_user, program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        with Path(folder, "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as db:
            try:
                await_true(lambda: _open(port), db)
                # The driver by its name: SQLAlchemy's own choice changes with its version.
                yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
            finally:
                db.send_signal(signal.SIGINT)  # "fast": it disconnects its clients
                db.wait(60)


def _open(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_true(holds: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, seconds: float = 120) -> None:
    """Wait until it holds. While tests wait for something else, ``seconds`` bounds them, and measures nothing."""
    for _ in range(round(seconds / 0.1)):
        if holds():
            return
        assert process is None or process.poll() is None, "it has ended"
        time.sleep(0.1)
    raise TimeoutError
