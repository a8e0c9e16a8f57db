"""A real second process that drives a study, for tests of the lock and of what is running; and plans to run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from data_info import made_info

from pipeline.planning.plan import Plan, make_plan
from pipeline.study.spec import Study, read_study
from pipeline.workspace.layout import Workspace

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.lock import driver_lock
from pipeline.workspace.layout import Workspace
place = Workspace(root=Path(sys.argv[1]))
with driver_lock(place, sys.argv[2]), Ledger(place, sys.argv[2]) as ledger:
    ledger.append("started", "a1")
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def driving() -> Callable[..., Any]:
    """``with driving(workspace, study) as process:``; the process has started trial a1 and is killed afterwards."""
    return _driving


@contextmanager
def _driving(workspace: Workspace, study: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that drives ``study`` and has started trial a1."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.root), study], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
    finally:
        process.kill()
        process.communicate()


MakePlan = Callable[..., tuple[Study, Plan]]


@pytest.fixture
def make_plan_of(tmp_path: Path) -> MakePlan:
    """``make_plan_of("arms: ...")``: the study ``s`` of a data set ``A`` with those keys too, and its plan."""

    def made(more: str = "") -> tuple[Study, Plan]:
        file = tmp_path / "study.yaml"
        data = "" if "data:" in more else "data: [{source: aeon, names: [A]}]\n"
        file.write_text(f"name: s\n{data}{more}", encoding="utf-8")
        study = read_study(file)
        return study, make_plan(study, made_info)

    return made
