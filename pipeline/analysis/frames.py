"""A study's results as a frame, read from the ledgers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

    def __init__(self, workspace: Workspace, trial_ids: Iterable[str]) -> None:
        """Trials whose file somebody has removed have no curve; their results stand in the ledger."""
        paths = {trial_id: workspace.trial(trial_id) / HISTORY for trial_id in trial_ids}
        self._paths = {trial_id: path for trial_id, path in paths.items() if path.exists()}

    def __getitem__(self, trial_id: str) -> pd.DataFrame:
        return pd.read_parquet(self._paths[trial_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


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
        references=record.references,
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
    row |= trial.config.settings() | cell.differs
    return row | {f"provenance.{key}": value for key, value in (event.get("provenance") or {}).items()}
