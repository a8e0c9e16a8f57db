"""The driver's handle on the process that writes to MLflow.

MLflow is written by a process of its own that follows the ledger: it takes seconds to import, its store may be slow or
away, and none of that may hold up a trial. When the driver ends, in whatever way, the pipe between them closes; the
process then projects what is left in the ledger, and ends too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pipeline.workspace.layout import Workspace

LOG = "tracking.log"

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # MLflow's own patience with a server that is away is minutes a call.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # It would print the URI with what is in it.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What MLflow is told, before it is imported."""

NICENESS = 19
"""Of the process, more than the 15 of Ray's workers: where there are fewer cores than processes, trials and their
driver come first. It has the whole machine once they have ended, as somebody then waits for it."""

_SAY_AFTER = 5.0
_LEAVE_AFTER = 30.0
"""More than its own patience with a store that is away (``pipeline.tracking.process``)."""


class TrackingProcess:
    """Runs ``pipeline.tracking`` for a study from entering to leaving."""

    def __init__(self, workspace: Workspace, study: str, say: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._study = study
        self._say = say

    def __enter__(self) -> Self:
        self._log = (self._workspace.study(self._study) / LOG).open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.tracking", str(self._workspace.root), self._study],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | ENVIRONMENT,
            # Ctrl-C reaches the whole foreground group; this process must live to record what was interrupted.
            start_new_session=True,
        )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._wait()
        self._log.close()
        if code is None:
            self._say(
                f"MLflow is still being written, by process {self._process.pid} (no result is lost; see "
                f"{self._log.name}); should that not succeed: dsn sync {self._study}"
            )
        elif code:
            self._say(
                f"MLflow could not be brought up to date (no result is lost; see {self._log.name}); "
                f"once its store is reachable: dsn sync {self._study}"
            )

    def _wait(self) -> int | None:
        """The process's exit code; None when it takes so long that it is left to itself."""
        for patience in (_SAY_AFTER, _LEAVE_AFTER):
            try:
                return self._process.wait(patience)
            except subprocess.TimeoutExpired:
                if patience == _SAY_AFTER:
                    self._say("waiting for MLflow to be brought up to date")
        return None


def sync(workspace: Workspace, study: str) -> int:
    """Project the ledger to MLflow once, now; the process's exit code."""
    return _once(workspace, study).returncode


def verify(workspace: Workspace, study: str) -> dict[str, Any] | None:
    """What ``pipeline.tracking.process.verify`` returns; None where it could not, which the process has said."""
    answer = _once(workspace, study, "verify", stdout=subprocess.PIPE)
    return None if answer.returncode else dict(json.loads(answer.stdout))


def _once(
    workspace: Workspace, study: str, *more: str, stdout: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.tracking", str(workspace.root), study, *more],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        env=os.environ | ENVIRONMENT,
        check=False,
    )
