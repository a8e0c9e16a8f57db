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
from empty_store import put_empty_store
from served import free_port

from pipeline.tracking.launch import ENVIRONMENT

STORES = ("sqlite", "server", "postgres")

_NOBODY = 65534


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """The URI of an empty store of that kind, which keeps what it has below ``folder``; skips where there is none."""
    if kind == "sqlite":
        put_empty_store(folder / "elsewhere.db")
        yield f"sqlite:///{folder}/elsewhere.db"
    elif kind == "server":
        with running(Server(folder)) as server:
            yield server.uri
    else:
        with postgres() as database, running(Server(folder, database.uri)) as server:
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
        if not self.backend and not (self.folder / "db").exists():
            put_empty_store(self.folder / "db")
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

    def hang(self) -> None:
        """From now on it takes what is sent to it, and answers nothing."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer what it was asked while it hung, too."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

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


@dataclass(kw_only=True)
class Postgres:
    """A PostgreSQL with an empty database, run by an unprivileged user; started again, it has what it had."""

    folder: str
    programs: Path
    as_user: list[str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        # The driver by its name: SQLAlchemy's own choice changes with its version.
        return f"postgresql+psycopg2://mlflow@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        options = ["-U", "mlflow", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        command = [*self.as_user, str(self.programs / "initdb"), "-D", f"{self.folder}/data", *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Returns when it answers."""
        command = [*self.as_user, str(self.programs / "postgres"), "-D", f"{self.folder}/data", "-p", str(self.port)]
        command += ["-h", "127.0.0.1", "-k", self.folder, "-F"]
        with Path(self.folder, "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        await_true(lambda: _open(self.port), self.process)

    def stop(self) -> None:
        """ "fast": it disconnects its clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """One that has been started; skips where there is none."""
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
        database = Postgres(folder=folder, programs=Path(initdb).resolve().parent, as_user=as_user)
        database.make()
        database.start()
        try:
            yield database
        finally:
            database.stop()


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
