"""``dsn`` with trials that do nothing, and what its process uses.

``python -m benchmarks.idle_driver FOLDER REPORTS ARGUMENTS...``, the arguments being those of ``dsn``.

All of it is the program's own - driver, ledger, recorder, the process that writes to MLflow, Ray Tune, workers that are
used again - but for one thing: a worker that is asked to train comes to the end at once. What it hands in is what a
real training of the same network has left, ``FOLDER/training``: its files as they are, and its numbers, with an
accuracy of the trial's own. So a trial takes no time, and its result is as large as a real one. Before, it tells of
``REPORTS`` epochs, each in a report of its own.

``FOLDER/found`` gets, as JSON, what the process has used: ``trial_bytes`` and ``bytes``, the peaks of its resident set
until the last trial had ended and until the end, with the report written; ``cpu``, seconds of processor time, all
threads together, while trials ran.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_bytes
from pipeline.driver import run
from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import EpochReport, TrialResult

TRAINING = "training"
FOUND = "found"


def main() -> None:
    """See the module."""
    folder, reports = Path(sys.argv[1]), int(sys.argv[2])
    sys.argv = ["dsn", *sys.argv[3:]]
    found: dict[str, float] = {}
    train = run._train

    def train_nothing(*arguments: Any, **more: Any) -> None:
        training = pickle.loads((folder / TRAINING).read_bytes())  # noqa: S301  # our own
        _let_workers_idle(training, reports, found)
        train(*arguments, **more)
        found["trial_bytes"] = peak_bytes()

    vars(run)["_train"] = train_nothing
    from pipeline.cli import main as dsn

    try:
        dsn()
    except SystemExit as end:
        if end.code:
            raise
    (folder / FOUND).write_text(json.dumps(found | {"bytes": peak_bytes()}), encoding="ascii")


def _let_workers_idle(training: TrialResult, reports: int, found: dict[str, float]) -> None:
    # Imported when the driver would: it is part of how long a run takes to start.
    from pipeline.cluster import runner
    from pipeline.cluster.worker import TrialActor

    class Idle(TrialActor):
        """Carried to the workers as it is, the result inside."""

        def _training(self, trial: TrialSpec, *_: Any) -> Iterator[Any]:
            self._report_every = 0.0
            return _idle(trial, training, reports)

    run_trials = runner.run_trials

    def measured(*arguments: Any, **more: Any) -> None:
        before = time.process_time()
        run_trials(*arguments, **more)
        found["cpu"] = time.process_time() - before

    vars(runner).update(TrialActor=Idle, run_trials=measured)


def _idle(trial: TrialSpec, training: TrialResult, reports: int) -> Generator[Any, None, TrialResult]:
    accuracy = float(np.random.default_rng(int(trial.trial_id, 16)).uniform(0.5, 1.0))
    for epoch in range(1, reports + 1):
        yield EpochReport(epoch=epoch, train_loss=1.0 / epoch)
    return replace(
        training,
        trial_id=trial.trial_id,
        started=time.time(),
        metrics=training.metrics | {"test_accuracy": accuracy},
    )


if __name__ == "__main__":
    main()
