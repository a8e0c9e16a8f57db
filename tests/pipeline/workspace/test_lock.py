"""The driver's lock: one process a workspace, and none after its death."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Locked
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import driven_study, driver_lock

Driving = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.mark.parametrize("study", ["s", "another"])
def test_a_second_driver_is_refused_and_told_who_runs_what(workspace: Workspace, driving: Driving, study: str) -> None:
    with driving(workspace, "s") as process:
        assert driven_study(workspace) == "s"
        with pytest.raises(Locked) as caught, driver_lock(workspace, study):
            pass
        assert caught.value.study == "s"
        assert f"process {process.pid} on " in caught.value.holder


def test_the_lock_of_a_killed_driver_is_free(workspace: Workspace, driving: Driving) -> None:
    with driving(workspace, "s") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert driven_study(workspace) is None
        with driver_lock(workspace, "next"):
            assert driven_study(workspace) == "next"


def test_the_lock_ends_with_closing(workspace: Workspace) -> None:
    assert driven_study(workspace) is None
    with driver_lock(workspace, "s"):
        assert driven_study(workspace) == "s"
    assert driven_study(workspace) is None
