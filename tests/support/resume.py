"""Goes on, in a process of its own, from checkpoints that another process has made::

    python resume.py in.pickle out.pickle

A list of (trial, checkpoint) goes in; for each, what ``trial_epochs`` yields, and its result, come out.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import Checkpoint, TrialResult
from pipeline.trial.training import trial_epochs


def followed(trial: TrialSpec, checkpoint: bytes | None = None) -> tuple[list[Any], list[Checkpoint], TrialResult]:
    """Records, checkpoints after every epoch, and the result."""
    epochs = trial_epochs(trial, keep_model=True, checkpoint=checkpoint, checkpoint_every=0)
    records, checkpoints = [], []
    while True:
        try:
            step = next(epochs)
        except StopIteration as finished:
            return records, checkpoints, finished.value
        (checkpoints if isinstance(step, Checkpoint) else records).append(step)


if __name__ == "__main__":
    tasks = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([followed(*task) for task in tasks]))
