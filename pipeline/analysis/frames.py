"""A study's results as a frame, read from the ledgers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from dsn.config import RunConfig
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.errors import DamagedArtifact
from pipeline.ledger import TrialState, read_states
from pipeline.outcome import ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, RECEPTIVE_FIELDS
from pipeline.planning import Cell, TrialSpec
from pipeline.record import load_record
from pipeline.workspace import Workspace


class TrialFrames(Mapping[str, pd.DataFrame]):
    """The frames of one artifact by trial id, each read from its file when it is asked for."""

    def __init__(self, workspace: Workspace, trial_ids: Iterable[str], artifact: str) -> None:
        """Trials whose file is not there have no frame: somebody removed it, or an earlier version did not write it."""
        paths = {trial_id: workspace.trial(trial_id) / artifact for trial_id in trial_ids}
        self._paths = {trial_id: path for trial_id, path in paths.items() if path.exists()}

    def __getitem__(self, trial_id: str) -> pd.DataFrame:
        """
        Raises:
            DamagedArtifact: the file is there, and no Parquet.
        """
        path = self._paths[trial_id]
        try:
            # Thousands of small files: pandas.read_parquet takes twice the time.
            with ParquetFile(path) as file:
                return file.read().to_pandas()
        except (ArrowException, OSError) as error:
            raise DamagedArtifact(str(error), place=str(path)) from error

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
    first_cells = {cell.arm: cell for cell in reversed(record.cells)}
    return StudyResults(
        name=record.name,
        question=record.question,
        reproduces=record.reproduces,
        arms=tuple(record.arms),
        references=record.references,
        datasets=tuple(record.datasets),
        # A count that may be absent: as floats, it would be written with a decimal point.
        trials=frame.astype(dict.fromkeys((*METRICS, "started", "finished"), float) | {"data.train_subset": "Int64"}),
        histories=TrialFrames(workspace, done, HISTORY),
        receptive_fields=TrialFrames(workspace, done, RECEPTIVE_FIELDS),
        mask_updates=TrialFrames(workspace, done, MASK_UPDATES),
        active_weights=TrialFrames(workspace, done, ACTIVE_WEIGHTS),
        factors={arm: first_cells[arm].factors for arm in record.arms},
        configs={arm: _config(first_cells[arm], trials[first_cells[arm].trial_id]) for arm in record.arms},
        data=tuple(record.data),
        left_out=tuple(record.left_out),
        source=record.source,
        file=record.file,
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
    ended = event if found.status in ("done", "failed") else {}
    row |= {"started": ended.get("started", float("nan")), "finished": ended.get("time", float("nan"))}
    row |= {"error_kind": error.get("kind", ""), "error": error.get("message", "")}
    row |= {"traceback": error.get("traceback", "")}
    row |= trial.config.settings() | cell.differs
    return row | {f"provenance.{key}": value for key, value in (event.get("provenance") or {}).items()}


def _config(cell: Cell, trial: TrialSpec) -> RunConfig:
    """The cell's own configuration: the trial's may be another arm's, equal in all that it reads."""
    config = trial.config
    for key, value in cell.differs.items():
        room, _, name = key.partition(".")
        config = replace(config, **{room: replace(getattr(config, room), **{name: value})})
    return config
