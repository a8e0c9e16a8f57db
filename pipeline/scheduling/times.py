"""What ledgers and results tell of how long trials took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.planning.estimate import expected_engine
from pipeline.planning.machine import local_gpus
from pipeline.study.resources import Resources
from pipeline.trial.outcome import TrialResult
from pipeline.trial.provenance import processor_name
from pipeline.wording import elapsed
from pipeline.workspace.lifecycle import ENDED, TrialState


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under which trials take equally long, as provenance has them.

    Attributes:
        engine: a key of ``dsn.engines.ENGINES``.
        threads: of a trial on the CPU, as text; None on a GPU.
        device: name of the processor or GPU; None where this process cannot tell: on a GPU, in a cluster.
    """

    engine: str
    threads: str | None
    device: str | None

    @classmethod
    def here(cls, asked: str, resources: Resources) -> Conditions:
        """Of the trials of a study on this machine; on its CPU, where it has no GPU.

        Raises:
            InvalidInput: as ``expected_engine``.
        """
        given = resources if local_gpus() else resources.without_gpu()
        engine = expected_engine(asked, given)
        if given.gpus:
            return cls(engine=engine, threads=None, device=None)
        return cls(engine=engine, threads=str(resources.cpus), device=processor_name())

    @classmethod
    def elsewhere(cls, asked: str, resources: Resources) -> Conditions:
        """Of the trials of a study on a cluster, whose processors this process does not know.

        Raises:
            InvalidInput: as ``expected_engine``.
        """
        threads = None if resources.gpus else str(resources.cpus)
        return cls(engine=expected_engine(asked, resources), threads=threads, device=None)

    def hold(self, provenance: Mapping[str, Any]) -> bool:
        """Whether a trial was computed so, whose provenance that is."""
        alike = provenance.get("engine") == self.engine and provenance.get("threads") == self.threads
        return alike and "device" in provenance and self.device in (None, provenance["device"])


def seconds_taken(state: TrialState) -> float | None:
    """From the beginning to the end of a trial's last attempt; None while it has not ended, or where its line does not
    say."""
    if state.status not in ENDED or state.record is None or "started" not in state.record:
        return None
    return elapsed(state.record["started"], state.record["time"])


def seconds_of_whole(result: TrialResult, at: float) -> float | None:
    """What a trial took that has just ended, ``at`` in seconds since 1970; None if that was not all of its training."""
    whole = result.status == "done" and _not_resumed(result.provenance)
    return elapsed(result.started, at) if whole else None


def known_seconds(
    states: Mapping[str, TrialState], trial_ids: Iterable[str], conditions: Conditions
) -> dict[str, float]:
    """Of the trials that are done, trained in one go and under ``conditions``, what they took, by id.

    Where ``conditions`` name no device, it is that of the newest of them: times of different ones are never mixed.
    """
    found: dict[str, TrialState] = {}
    for trial_id in trial_ids:
        state = states.get(trial_id)
        provenance = _provenance(state)
        if state is not None and state.status == "done" and _not_resumed(provenance) and conditions.hold(provenance):
            found[trial_id] = state
    newest = max(found.values(), key=_when, default=None)
    device = _provenance(newest).get("device")
    taken = {key: seconds_taken(state) for key, state in found.items() if _provenance(state)["device"] == device}
    return {key: seconds for key, seconds in taken.items() if seconds is not None}


def _provenance(state: TrialState | None) -> Mapping[str, Any]:
    if state is None or state.record is None:
        return {}
    found: Mapping[str, Any] = state.record.get("provenance") or {}
    return found


def _not_resumed(provenance: Mapping[str, Any]) -> bool:
    """What went on from a checkpoint took longer than its last attempt."""
    return "resumed_from" not in provenance


def _when(state: TrialState) -> tuple[float, str]:
    record = state.record or {}
    return record["time"], record["trial"]
