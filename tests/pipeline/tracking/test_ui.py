"""``dsn ui``: a real server on a real store. It answers when it says so, to this machine alone, and leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from empty_store import put_empty_store
from made_workspace import ended
from served import free_port, served

from pipeline.tracking.launch import sync
from pipeline.workspace.layout import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace(root=tmp_path_factory.mktemp("ui"))
    put_empty_store(made.root / "mlflow.db")
    ended(made)
    for study in ("first", "second"):
        assert sync(made, study) == 0
    return made


def _dsn_ui(workspace: Workspace, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "ui", "--workspace", str(workspace.root), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def _status(address: str, headers: dict[str, str], body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_it_answers_when_it_says_so_and_this_machine_alone(workspace: Workspace) -> None:
    with served(workspace) as (_, said, port):
        address = f"http://127.0.0.1:{port}/"
        assert _status(address, {}) == 200
        assert said[0] == f"MLflow answers on {address}#/experiments?workflowType=machine_learning (Ctrl-C ends it)"
        pages = dict(line.strip().split(": ", 1) for line in said[1:])
        assert list(pages) == ["second", "first"]
        assert all(page.startswith(f"{address}#/experiments/") for page in pages.values())
        studies = f"{address}ajax-api/2.0/mlflow/experiments/search?max_results=10"
        assert _status(studies, {}) == 200
        assert _status(studies, {"Host": "somebody.example"}) == 403
        forged = {"Origin": "http://somebody.example", "Content-Type": "application/json"}
        assert _status(f"{address}api/2.0/mlflow/experiments/create", forged, b'{"name": "theirs"}') == 403
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.2", port))
        second = _dsn_ui(workspace, port)
        assert second.returncode == 2
        assert second.stderr == (
            f"dsn: port: cannot be had: address already in use; --port takes another (got {port})\n"
        )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_all_that_it_started(workspace: Workspace, signum: signal.Signals) -> None:
    with served(workspace) as (process, _, port):
        group = _server_of(process)
        os.kill(process.pid, signum)
        assert process.wait(60) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", port))


def _server_of(process: subprocess.Popen[str]) -> int:
    """The process that the command started, which leads a group of its own."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert os.getpgid(int(child)) == int(child)
    return int(child)


def test_a_server_that_ends_by_itself_is_not_passed_over(workspace: Workspace) -> None:
    with served(workspace) as (process, _, _):
        os.killpg(_server_of(process), signal.SIGKILL)
        assert process.wait(60) == 4
        assert process.stderr is not None
        assert f"MLflow's server ended by itself, see {workspace.root}/ui.log" in process.stderr.read()


def test_a_store_of_another_version_of_mlflow_is_said_in_one_line(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    ended(workspace)
    assert sync(workspace, "first") == 0
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '0'")
    expected = f"dsn: MLflow's database: is of another version of MLflow; `mlflow db upgrade {workspace.tracking_uri}`"
    answer = _dsn_ui(workspace, free_port())
    assert answer.returncode == 2
    assert answer.stderr.startswith(expected)
    assert answer.stderr.count("\n") == 1
    command = [sys.executable, "-m", "pipeline", "sync", "first", "--workspace", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 6
    assert answer.stderr.startswith(expected)
    assert answer.stderr.count("\n") == 1
