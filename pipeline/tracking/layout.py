"""How a study lies in MLflow: what the writer and the reader must agree on.

A study is an experiment of its name, with a parent run that carries its record and a child run a trial. The child's
metrics are the trial's own, its curves apart; everything else that the ledger's last line says of it is in one tag,
word for word: times to the microsecond, of which MLflow keeps milliseconds, and whole error texts.

MLflow takes some milliseconds to find a run with all that is logged of it, minutes for ten thousand. So at the end of a
``dsn run`` the parent gets the ledger's lines too; the runs are then asked for no more than what came later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.planning.plan import Cell

KIND, STUDY, TRIAL, EVENT = "kind", "study", "trial_id", "ledger"
"""Tags of a run: ``study`` or ``trial``, the study's name, the trial's id, what its line in the ledger says."""

GENERATION = "generation"
"""Tag of a trial's run, absent while it is 0: which of the trial's lives the run shows."""

ARM, DATASET, SEED = "arm", "dataset", "seed"
"""Tags of a trial's run, to find and to group by. The first has all arms that ask for the trial."""

VIEW = "mlflow.sharedViewState."
"""What names of an experiment's tags begin with that are MLflow's saved views of its runs."""

NOTE, PARENT, RUN_NAME = "mlflow.note.content", "mlflow.parentRunId", "mlflow.runName"
"""MLflow's own tags: a run's description, the run that it is below, its name."""

SOURCE = "study.yaml"
"""Artifact of the parent run: the study file, as a person wrote it."""

RECORD = "study.json"
"""Artifact of the parent run: what the workspace remembers of the study (``pipeline.workspace.record``)."""

LINES = "ledger.jsonl"
"""Artifact of the parent run: the ledgers' lines of the study's trials, when its last ``dsn run`` or ``sync`` ended."""

REPORT = "report"
"""Folder of the parent run: the report as of the last ``dsn run`` or ``sync``."""

LONG_EVENT = "ledger.json"
"""Artifact of a trial's run that takes the place of the tag ``EVENT`` where a tag is too short for it; the tag then has
its name."""

LONGEST_TAG = 5000
"""Characters. Servers cut or refuse longer ones."""

CURVE = "curve/"
"""What names of metrics begin with that are points of a learning curve."""

_ELSEWHERE = ("trial", "config", "seed", "metrics")
"""What MLflow has of a line in another place: as a tag of its own, in the study's record, as metrics."""


def arm_tags(cells: Iterable[Cell]) -> dict[str, str]:
    """Trial id -> the tag ``ARM``."""
    arms: dict[str, dict[str, None]] = {}
    for cell in cells:
        arms.setdefault(cell.trial_id, {})[cell.arm] = None
    return {trial_id: "; ".join(labels) for trial_id, labels in arms.items()}


def event_text(line: Mapping[str, Any]) -> str:
    """What the tag ``EVENT`` says, or the artifact ``LONG_EVENT``; in ASCII, as not every store takes every sign."""
    return json.dumps({key: value for key, value in line.items() if key not in _ELSEWHERE}, separators=(",", ":"))


def as_line(text: str, trial_id: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The ledger's line again, but for the configuration, which the study's record has."""
    own = {name: value for name, value in metrics.items() if not name.startswith(CURVE)}
    return {**json.loads(text), "trial": trial_id, "metrics": own}
