"""What happens in a run, passed on; and that it was asked to stop, which another thread says."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from pipeline.terminal.broadcast import Broadcast
from pipeline.terminal.display import PlainDisplay
from pipeline.terminal.progress import Progress
from pipeline.terminal.progress_file import ProgressFile, last_progress
from pipeline.trial.outcome import EpochReport
from pipeline.workspace.layout import Workspace


def test_a_run_that_is_asked_to_stop_says_what_it_waits_for_and_how_not_to(
    make_plan_of: Callable[..., Any], tmp_path: Any
) -> None:
    plan = make_plan_of("seeds: 5\nbase: {training: {epochs: 4}}\n")[1]
    ids = [trial.trial_id for trial in plan.trials]
    progress = Progress(study="s", question="", trials=plan.trials, cells=plan.cells, states={}, todo=ids, began=0.0)
    workspace, stream, times = Workspace(root=tmp_path), io.StringIO(), iter(range(100))
    workspace.study("s").mkdir(parents=True)
    file = ProgressFile(workspace, "s", print)
    broadcast = Broadcast(progress, PlainDisplay(stream), file, lambda: float(next(times)))
    broadcast.have_workers(2)
    assert not broadcast.trains()
    for trial in plan.trials[:2]:
        broadcast.started(trial)
    assert broadcast.trains()
    broadcast.progressed(plan.trials[0], EpochReport(epoch=2, train_loss=0.1))
    broadcast.progressed(plan.trials[1], EpochReport(epoch=2, train_loss=0.1))
    broadcast.finish()
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("finishing 2 running trials, about ")
    assert line.endswith(" left; once more stops now")
    shown = last_progress(workspace, "s")
    assert shown is not None
    assert (shown.phase, len(shown.running), shown.pending) == ("finishing", 2, 3)
    broadcast.started(plan.trials[2])
    assert broadcast.snapshot().phase == "finishing", "one that was already on its way"
    broadcast.enter("reporting")
    assert not broadcast.trains()
    assert broadcast.snapshot().pending == 5
