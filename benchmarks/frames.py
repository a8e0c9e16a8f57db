"""How long it takes to have all results of a large study at hand: from its ledger, and from MLflow."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.interleaved import Spread
from benchmarks.made_up_study import NAME, RECORDED, made_up_study
from benchmarks.progress import say
from benchmarks.table import Table, Value
from pipeline.analysis.frames import load_results, results_of
from pipeline.analysis.results import StudyResults
from pipeline.tracking.launch import ENVIRONMENT, sync
from pipeline.workspace.layout import Workspace

TARGETS = {"the ledger": 1.0, "MLflow, SQLite": 15.0}
"""Seconds for ten thousand trials."""

_MOST_READINGS = 5


def frames(effort: Effort) -> list[Table]:
    """A study made up by the program's own writers is read from each place in turn."""
    os.environ.update(ENVIRONMENT)
    # Imported only here: it takes seconds, and reads its environment then.
    from pipeline.tracking.layout import LINES
    from pipeline.tracking.reader import TrackedSource

    with tempfile.TemporaryDirectory(prefix="dsn-frames-") as folder:
        workspace = Workspace(root=Path(folder) / "workspace")
        say(f"frames: making up a study of {effort.trials} trials")
        trials = len(made_up_study(workspace, effort.trials).trials)
        say(f"frames: writing {trials} runs to MLflow, which takes minutes for thousands")
        assert sync(workspace, NAME) == 0

        def tracked() -> StudyResults:
            with tempfile.TemporaryDirectory(dir=folder) as downloads:
                return results_of(TrackedSource(workspace.tracking_uri, NAME, Path(downloads)))

        readings = min(effort.rounds, _MOST_READINGS)
        rows = [
            _row("the ledger", lambda: load_results(workspace, NAME), trials, readings),
            _row("MLflow, SQLite", tracked, trials, readings),
        ]
        for lines in workspace.tracking_artifacts.rglob(LINES):
            lines.unlink()
        rows.append(_row("MLflow, run by run", tracked, trials, 1))
    return [
        Table(
            title="Frame of a study's results",
            columns={"read from": "", "trials": ",d", "s": ".2f", "target": ".0f", "verdict": ""},
            rows=rows,
            notes=(
                f"{RECORDED} metrics a trial; medians of {readings} readings, with quartiles.",
                "Time on the wall, without imports.",
                "Run by run: once, as MLflow is read while the first run of a study goes on.",
            ),
        )
    ]


def _row(place: str, read: Callable[[], StudyResults], trials: int, readings: int) -> tuple[Value, ...]:
    say(f"frames: reading from {place}")
    seconds = []
    for _ in range(readings):
        begin = time.perf_counter()
        results = read()
        seconds.append(time.perf_counter() - begin)
        assert len(results.trials) == trials
    spread, target = Spread.of(seconds), TARGETS.get(place)
    verdict = None
    if target is not None:
        verdict = "met" if spread.median <= target else "missed"
    return place, trials, spread, target, verdict
