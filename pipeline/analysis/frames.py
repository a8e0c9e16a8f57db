"""A study's results as a frame, from wherever they are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dsn.config import RunConfig
from pipeline.analysis.beside import set_beside
from pipeline.analysis.published import Published, read_published
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.analysis.trial_columns import TrialColumns
from pipeline.planning.plan import Cell, TrialSpec
from pipeline.trial.outcome import ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, RECEPTIVE_FIELDS
from pipeline.wording import encodable
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import StudyRecord
from pipeline.workspace.source import StudySource, WorkspaceSource

Each = TypeVar("Each")

_PENDING = TrialState(status="pending")


def load_results(workspace: Workspace, study: str, published: tuple[Published, ...] | None = None) -> StudyResults:
    """``results_of`` what the workspace knows of ``study`` now.

    Raises:
        UnknownStudy: it has no record of it.
        InvalidInput: as ``results_of``.
    """
    return results_of(WorkspaceSource(workspace, study), published)


def results_of(source: StudySource, published: tuple[Published, ...] | None = None) -> StudyResults:
    """What is known of a study; the same from every source that knows the same.

    Args:
        source: of the study.
        published: to be set beside it; without, what its report was last set beside.

    Raises:
        InvalidInput: ``published`` has nothing to do with the study, or what the source has of it cannot be read.
    """
    results = _results(source)
    if published is not None:
        return set_beside(results, published)
    kept = source.against()
    # Not refused where the study has been edited since: tables leave out what is of no arm or data set any more.
    return replace(results, published=read_published(kept)) if kept else results


def _results(source: StudySource) -> StudyResults:
    record, states = source.record, source.states
    trials = {trial.trial_id: trial for trial in record.trials}
    done = [trial_id for trial_id in trials if states.get(trial_id, _PENDING).status == "done"]
    first_cells = {cell.arm: cell for cell in reversed(record.cells)}
    return StudyResults(
        name=record.name,
        question=record.question,
        reproduces=record.reproduces,
        arms=tuple(record.arms),
        references=record.references,
        datasets=tuple(record.datasets),
        trials=_frame(record, trials, states),
        histories=TrialColumns(source, done, HISTORY),
        receptive_fields=TrialColumns(source, done, RECEPTIVE_FIELDS),
        mask_updates=TrialColumns(source, done, MASK_UPDATES),
        active_weights=TrialColumns(source, done, ACTIVE_WEIGHTS),
        factors={arm: first_cells[arm].factors for arm in record.arms},
        configs={arm: _config(first_cells[arm], trials[first_cells[arm].trial_id]) for arm in record.arms},
        data=tuple(record.data),
        left_out=tuple(record.left_out),
        source=record.source,
        file=record.file,
    )


def _frame(record: StudyRecord, trials: Mapping[str, TrialSpec], states: Mapping[str, TrialState]) -> pd.DataFrame:
    """``StudyResults.trials``, by columns: a row at a time takes seconds for thousands of trials."""
    cells = record.cells
    found = [states.get(cell.trial_id, _PENDING) for cell in cells]
    events = [state.record or {} for state in found]
    ended = [event if state.status in ("done", "failed") else {} for state, event in zip(found, events, strict=True)]
    errors = [event.get("error") or {} for event in ended]
    parts = [
        pd.DataFrame(
            {
                "trial_id": [cell.trial_id for cell in cells],
                "arm": [cell.arm for cell in cells],
                "dataset": [cell.dataset for cell in cells],
                "seed": [cell.seed for cell in cells],
                "status": [state.status for state in found],
            }
        ),
        pd.DataFrame(_metrics(events), columns=list(METRICS)),
        pd.DataFrame(
            {
                "started": np.array([event.get("started", np.nan) for event in ended], dtype=float),
                "finished": np.array([event.get("time", np.nan) for event in ended], dtype=float),
                "error_kind": [error.get("kind", "") for error in errors],
                "error": [encodable(error.get("message", "")) for error in errors],
                "traceback": [encodable(error.get("traceback", "")) for error in errors],
            }
        ),
        _spread([(trials[cell.trial_id].config, cell) for cell in cells], _settings_key, _settings),
        _spread([event.get("provenance") or {} for event in events], _provenance_key, _provenance),
    ]
    # A count that may be absent: as floats, it would be written with a decimal point.
    return pd.concat(parts, axis=1).astype({"data.train_subset": "Int64"})


def _metrics(events: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """A row a cell, a column for each of ``METRICS``."""
    rows = [event.get("metrics") or {} for event in events]
    return np.array([[row.get(name, np.nan) for name in METRICS] for row in rows], dtype=float)


def _spread(
    rows: Sequence[Each], key: Callable[[Each], object], columns: Callable[[Each], dict[str, Any]]
) -> pd.DataFrame:
    """A frame of many rows of which few are distinct: ``columns`` are made once for each ``key``."""
    numbers: dict[object, int] = {}
    at = [numbers.setdefault(key(row), len(numbers)) for row in rows]
    distinct = dict(zip(reversed(at), reversed(rows), strict=True))
    frame = pd.DataFrame([columns(distinct[number]) for number in range(len(numbers))])
    return frame.take(at).reset_index(drop=True)


def _settings_key(of: tuple[RunConfig, Cell]) -> object:
    config, cell = of
    # Trials that differ in their seed alone share the object, and hashing all of its fields would take longer.
    return id(config), json.dumps(cell.differs) if cell.differs else ""


def _settings(of: tuple[RunConfig, Cell]) -> dict[str, Any]:
    config, cell = of
    return config.settings() | cell.differs


def _provenance_key(provenance: Mapping[str, str]) -> object:
    return tuple(provenance.items())


def _provenance(provenance: Mapping[str, str]) -> dict[str, Any]:
    return {f"provenance.{name}": encodable(value) for name, value in provenance.items()}


def _config(cell: Cell, trial: TrialSpec) -> RunConfig:
    """The cell's own configuration: the trial's may be another arm's, equal in all that it reads."""
    config = trial.config
    for key, value in cell.differs.items():
        room, _, name = key.partition(".")
        config = replace(config, **{room: replace(getattr(config, room), **{name: value})})
    return config
