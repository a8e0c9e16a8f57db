"""``dsn status --watch``: the picture of a run that another process drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pipeline.signals import as_interrupt
from pipeline.terminal.display import Display
from pipeline.terminal.progress_file import last_progress
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import driven_study


def watch(
    workspace: Workspace, study: str, display: Display, interval: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Show a run until it ends, or a signal comes; return at once if none goes on.

    Args:
        workspace: that it works in.
        study: its name.
        display: where.
        interval: seconds between two looks.
        sleep: waits.
    """
    seen = False
    try:
        with as_interrupt(), display:
            while driven_study(workspace) == study:
                seen = True
                snapshot = last_progress(workspace, study)
                if snapshot is not None:
                    display.update(snapshot)
                sleep(interval)
            snapshot = last_progress(workspace, study) if seen else None
            if snapshot is not None:
                killed = snapshot.phase not in ("finished", "stopped")
                display.update(replace(snapshot, phase="stopped", running=()) if killed else snapshot)
    except KeyboardInterrupt:
        return  # how one leaves it
