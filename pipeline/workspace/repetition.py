"""With which engine a trial is repeated, so that its recorded numbers come out again where they can."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dsn.engine_choice import INSTRUCTION_SETS, choose_engine
from dsn.errors import InvalidInput
from pipeline.planning.plan import TrialSpec
from pipeline.workspace.lifecycle import TrialState


def engine_of_repetition(trial: TrialSpec, state: TrialState | None, device: str) -> tuple[str, str]:
    """The engine that computes ``trial`` again on ``device``, and a line that says so to a person.

    ``engine: auto`` is here the engine of the trial's record, where that can be used, and else the fastest; an engine
    that the study names is taken as it is. The line tells when it is not what the record was computed with.

    Raises:
        InvalidInput: the engine that the study names cannot be used here.
    """
    chosen, recorded = choose_engine(trial.engine, device), _recorded(state)
    if recorded is None:
        return chosen.name, f"engine: {chosen}"
    name, instruction_set = recorded
    if trial.engine == "auto":
        # Where the record's cannot be used, ``chosen`` says why, and the line that it is another.
        with suppress(InvalidInput):
            chosen = choose_engine(name, device)
    if (chosen.name, chosen.instruction_set) == recorded:
        return chosen.name, f"engine: {chosen}, as in its record"
    other = _in_words(name, instruction_set)
    return chosen.name, f"engine: {chosen}; its record is of {other}, which rounds differently: expect other numbers"


def _recorded(state: TrialState | None) -> tuple[str, str | None] | None:
    """Engine and instruction set that a result, or a failure, was computed with; None where none is recorded."""
    provenance: Mapping[str, Any] = (state and state.record and state.record.get("provenance")) or {}
    return (provenance["engine"], provenance.get("instruction_set")) if "engine" in provenance else None


def _in_words(engine: str, instruction_set: str | None) -> str:
    return f"{engine} ({INSTRUCTION_SETS.get(instruction_set, instruction_set)})" if instruction_set else engine
