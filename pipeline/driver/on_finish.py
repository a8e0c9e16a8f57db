"""The command of a study file's ``on_finish``: started when a run ends, however it does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from dsn.errors import InvalidInput
from pipeline.errors import Interrupted, WorkspaceFailed
from pipeline.redaction import redacted
from pipeline.study.spec import Study
from pipeline.terminal.progress import Snapshot, one_line
from pipeline.workspace.layout import Workspace

TIME_LIMIT = 60.0
"""Seconds that the command may take."""

Outcome = Literal["done", "failed", "interrupted", "workspace-failed", "error"]
"""All trials are done; some failed; a signal came, or Ray died; a result could not be written; anything else went
wrong."""


class Ending:
    """Watches how a run ends, and starts the command then.

    Nothing that the command does changes how the run is said to have ended. What it prints is not shown; if it fails,
    its last line is.

    Args:
        study: with the command.
        workspace: of the run.
        say: takes a line.
        time_limit: seconds after which the command, and what it started, is killed.

    Raises:
        InvalidInput: there is no such program; with the line of the file.
    """

    def __init__(
        self, study: Study, workspace: Workspace, say: Callable[[str], None], time_limit: float = TIME_LIMIT
    ) -> None:
        self.snapshot: Callable[[], Snapshot] | None = None
        """How the run stands. None until it has begun: there is nothing to tell of one that was refused."""
        self.report = ""
        """The page that this run has written; an interrupted one may have none."""
        self._study = study.spec.name
        self._command = _runnable(study)
        self._workspace = workspace
        self._say = say
        self._time_limit = time_limit

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around the run, its lock included: the command may start the next one."""
        outcome: Outcome = "error"
        try:
            yield
            outcome = "done"
        except (KeyboardInterrupt, Interrupted):
            outcome = "interrupted"
            raise
        except WorkspaceFailed:
            outcome = "workspace-failed"
            raise
        finally:
            if self._command and self.snapshot:
                self._tell(self.snapshot(), outcome)

    def _tell(self, snapshot: Snapshot, outcome: Outcome) -> None:
        if outcome == "done" and snapshot.failed:
            outcome = "failed"
        problem = self._problem_with(
            {
                "DSN_STUDY": self._study,
                "DSN_OUTCOME": outcome,
                "DSN_PLANNED": str(snapshot.planned),
                "DSN_DONE": str(snapshot.done),
                "DSN_FAILED": str(snapshot.failed),
                "DSN_REPORT": self.report,
                "DSN_WORKSPACE": str(self._workspace.root),
            }
        )
        if problem:
            self._say(f"dsn: on_finish: {self._command[0]} {problem}")

    def _problem_with(self, variables: dict[str, str]) -> str:
        """Run the command; what went wrong, if anything did."""
        try:
            # A file: of a pipe, a process that it leaves behind would keep the other end.
            with tempfile.TemporaryFile() as output:
                return self._run(variables, output)
        except OSError as error:
            # No such program any more, or no room for the file: the disk that is full may be what ended the run.
            return f"could not be started: {error.strerror}"

    def _run(self, variables: dict[str, str], output: IO[bytes]) -> str:
        process = subprocess.Popen(
            self._command,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, which can be ended whole, and which a Ctrl-C meant for the run does not reach.
            start_new_session=True,
        )
        try:
            code = process.wait(self._time_limit)
        except subprocess.TimeoutExpired:
            return f"took more than {self._time_limit:g} s and was stopped"
        except KeyboardInterrupt:
            return "was stopped by a signal"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return f"ended with code {code}{_last_line(output.fileno())}" if code else ""


def _last_line(file: int) -> str:
    """What a program that fails says last is mostly why."""
    size = os.lseek(file, 0, os.SEEK_END)
    lines = os.pread(file, 4096, max(size - 4096, 0)).decode(errors="replace").split("\n")
    words = [line for line in lines if line.strip()]
    return f": {one_line(redacted(words[-1]))}" if words else ""


def _runnable(study: Study) -> list[str]:
    """The command with its program as a path: found in PATH, or, if it has a slash, from the study file's folder."""
    if not study.spec.on_finish:
        return []
    program, *arguments = study.spec.on_finish
    beside = Path(study.document.file).resolve().parent / program
    found = shutil.which(str(beside) if "/" in program else program)
    if found is None:
        problem = "names no program that can be run"
        raise InvalidInput(problem, key="on_finish", value=program, place=study.document.place(("on_finish", 0)))
    return [found, *arguments]
