"""A study's results as a frame, read from the ledgers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from pipeline.analysis.results import METRICS, StudyResults
from pipeline.ledger import TrialState, read_states
from pipeline.outcome import HISTORY
from pipeline.planning import Cell, TrialSpec
from pipeline.record import load_record
from pipeline.workspace import Workspace


class Histories(Mapping[str, pd.DataFrame]):
    """Learning curves by trial id, each read from its file when it is asked for."""

    def __init__(self, workspace: Workspace, trial_ids: list[str]) -> None:
        self._workspace = workspace
        self._trial_ids = trial_ids

    def __getitem__(self, trial_id: str) -> pd.DataFrame:
        if trial_id not in self._trial_ids:
            raise KeyError(trial_id)
        return pd.read_parquet(self._workspace.trial(trial_id) / HISTORY)

    def __iter__(self) -> Iterator[str]:
        return iter(self._trial_ids)

    def __len__(self) -> int:
        return len(self._trial_ids)


def load_results(workspace: Workspace, study: str) -> StudyResults:
    """What the workspace knows of ``study`` now.

    Raises:
        UnknownStudy: it has no record of it.
    """
    record = load_record(workspace, study)
    states = read_states(workspace)
    trials = {trial.trial_id: trial for trial in record.trials}
    rows = [_row(cell, trials[cell.trial_id], states.get(cell.trial_id)) for cell in record.cells]
    frame = pd.DataFrame(rows)
    done = [trial_id for trial_id in trials if trial_id in states and states[trial_id].status == "done"]
    return StudyResults(
        name=record.name,
        question=record.question,
        reproduces=record.reproduces,
        arms=tuple(record.arms),
        datasets=tuple(record.datasets),
        trials=frame.astype(dict.fromkeys(METRICS, float)),
        histories=Histories(workspace, done),
        source=record.source,
    )


def _row(cell: Cell, trial: TrialSpec, state: TrialState | None) -> dict[str, Any]:
    found = state or TrialState(status="pending")
    event = found.record or {}
    error = event.get("error") or {}
    row: dict[str, Any] = {
        "trial_id": cell.trial_id,
        "arm": cell.arm,
        "dataset": cell.dataset,
        "seed": cell.seed,
        "status": found.status,
    }
    metrics = event.get("metrics") or {}
    row |= {name: metrics.get(name, float("nan")) for name in METRICS}
    row |= {"error_kind": error.get("kind", ""), "error": error.get("message", "")}
    for room, block in trial.config.to_dict().items():
        row |= {f"{room}.{key}": value for key, value in block.items()}
    return row | {f"provenance.{key}": value for key, value in (event.get("provenance") or {}).items()}
