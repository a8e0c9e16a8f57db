"""MLflow's own server on a workspace's store, for the person in front of this machine: one process, on loopback.

The server is in a session of its own and is ended with whatever it started, however the command ends short of SIGKILL.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.errors import WorkspaceFailed
from pipeline.signals import as_interrupt
from pipeline.tracking.launch import ENVIRONMENT
from pipeline.tracking.store import OUTDATED_SCHEMA, outdated, unreachable
from pipeline.workspace.layout import Workspace

HOST = "127.0.0.1"

LOG = "ui.log"
"""In the workspace: what the server says, of this time alone."""

_LOOK_EVERY = 0.1
_PATIENCE_TO_END = 5.0
_MOST_STUDIES = 1000

# MLflow opens its pages for language models unless the address says otherwise, or the reader has chosen before.
_PAGE = "#/experiments?workflowType=machine_learning"
_STUDY_PAGE = "#/experiments/{}/runs?workflowType=machine_learning&viewStateShareKey=trials"


def serve(workspace: Workspace, port: int, ready: Callable[[str, Mapping[str, str]], None]) -> None:
    """Serve MLflow's UI until interrupted.

    Args:
        workspace: whose store is shown.
        port: on loopback.
        ready: called once it answers, with its address and that of each study's page.

    Raises:
        InvalidInput: the port cannot be had; the store was written by another version of MLflow.
        WorkspaceFailed: the server ended by itself.
    """
    _require_port(port)
    address = f"http://{HOST}:{port}/"
    log = workspace.root / LOG
    try:
        with as_interrupt(), _server(workspace, port, log) as process:
            while unreachable(address):
                _require_running(process, workspace, log)
                time.sleep(_LOOK_EVERY)
            ready(f"{address}{_PAGE}", _pages(address))
            process.wait()
            _require_running(process, workspace, log)
    except KeyboardInterrupt:
        return


def _require_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server does: a port that was given up a moment ago may be taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            problem = f"cannot be had: {(error.strerror or str(error)).lower()}; --port takes another"
            raise InvalidInput(problem, key="port", value=port) from error


@contextmanager
def _server(workspace: Workspace, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", workspace.tracking_uri]
    command += ["--default-artifact-root", str(workspace.tracking_artifacts)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """MLflow starts its server as a child, and that its workers: all of them are one group."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signum)
            process.wait(_PATIENCE_TO_END)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _require_running(process: subprocess.Popen[bytes], workspace: Workspace, log: Path) -> None:
    if process.poll() is None:
        return
    said = log.read_text(encoding="utf-8", errors="replace")
    if OUTDATED_SCHEMA in said:
        raise outdated(workspace.tracking_uri)
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    raise WorkspaceFailed(f"MLflow's server ended by itself, see {log}: {last}")


def _pages(address: str) -> dict[str, str]:
    """Study -> its page, the one that was touched last first. None is named if the server does not say."""
    query = urllib.parse.urlencode({"max_results": _MOST_STUDIES})
    try:
        with urllib.request.urlopen(f"{address}ajax-api/2.0/mlflow/experiments/search?{query}") as answer:  # noqa: S310
            experiments = json.load(answer)["experiments"]
    except (OSError, http.client.HTTPException):
        return {}
    kind = {"key": "mlflow.experimentKind", "value": "custom_model_development"}
    return {
        each["name"]: f"{address}{_STUDY_PAGE.format(each['experiment_id'])}"
        for each in experiments
        if kind in each.get("tags", [])
    }
