"""The driver's lock: one process a workspace, and none after its death."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import Locked
from pipeline.lock import DriverLock, driven_study
from pipeline.workspace import Workspace

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.lock import DriverLock
from pipeline.workspace import Workspace
with DriverLock.acquire(Workspace(root=Path(sys.argv[1])), "s"):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@contextmanager
def _holder(workspace: Workspace) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(workspace.root)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("study", ["s", "another"])
def test_a_second_driver_is_refused_and_told_who_runs_what(workspace: Workspace, study: str) -> None:
    with _holder(workspace) as process:
        assert driven_study(workspace) == "s"
        with pytest.raises(Locked) as caught:
            DriverLock.acquire(workspace, study)
        assert caught.value.study == "s"
        assert f"process {process.pid} on " in caught.value.holder


def test_the_lock_of_a_killed_driver_is_free(workspace: Workspace) -> None:
    with _holder(workspace) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert driven_study(workspace) is None
        with DriverLock.acquire(workspace, "next"):
            assert driven_study(workspace) == "next"


def test_the_lock_ends_with_closing(workspace: Workspace) -> None:
    assert driven_study(workspace) is None
    with DriverLock.acquire(workspace, "s"):
        assert driven_study(workspace) == "s"
    assert driven_study(workspace) is None
