"""A real second process that drives a study, for tests of the lock and of what is running."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.workspace import Workspace

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.ledger import Ledger
from pipeline.lock import driver_lock
from pipeline.workspace import Workspace
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
