"""What the trials of a study cost: the plan's estimates, corrected by those that are done. Pure.

The one place that knows. The order in which trials are begun, ``dsn plan``, ``dsn studies`` and the time left of a run
all ask it, and a run tells it of each trial that is done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from pipeline.planning.correction import Correction, Estimate, Measured, corrected_by, error_factor
from pipeline.planning.plan import TrialSpec
from pipeline.scheduling.times import Conditions, known_seconds
from pipeline.workspace.lifecycle import TrialState

GROWTH = 1.25
"""Estimates are corrected anew once so many times as many trials are measured: of a hundred thousand, fifty times."""


class Costs:
    """Seconds that trials take, by id.

    Args:
        estimates: what the plan says.
        measured: what those took whose time is known before.
    """

    def __init__(self, estimates: Mapping[str, Estimate], measured: Mapping[str, float] | None = None) -> None:
        self._estimates = estimates
        self._measured: dict[str, Measured] = {}
        self._correction = Correction()
        self._heard = 0
        self._due = 1
        self.corrections = 0
        """How often the estimates have been corrected: while this stays, ``seconds`` stay."""
        for trial_id, seconds in (measured or {}).items():
            self._note(trial_id, seconds)
        self._correct()

    @classmethod
    def of(
        cls,
        trials: Iterable[TrialSpec],
        states: Mapping[str, TrialState] | None = None,
        conditions: Conditions | None = None,
    ) -> Costs:
        """Of the trials of a plan, by what the ledgers say of those that were done under ``conditions``; without, by
        the plan alone."""
        estimates = {
            trial.trial_id: Estimate(arm=trial.arm, dataset=trial.config.data.name, seconds=trial.seconds)
            for trial in trials
        }
        known = known_seconds(states or {}, estimates, conditions) if conditions else {}
        return cls(estimates, known)

    def learn(self, trial_id: str, seconds: float) -> None:
        """A trial is done, and took that long from its beginning to its end."""
        self._note(trial_id, seconds)
        self._correct()

    def seconds(self, trial_id: str) -> float:
        """What a trial takes."""
        return self._correction.seconds(self._estimates[trial_id])

    @property
    def measured(self) -> int:
        """How many trials' times are known."""
        return len(self._measured)

    def error_factor(self) -> float | None:
        """How right ``seconds`` are (``pipeline.planning.correction``); None while too few are measured."""
        return error_factor([self._measured[key] for key in self._estimates if key in self._measured])

    def _note(self, trial_id: str, seconds: float) -> None:
        measured = Measured(estimate=self._estimates[trial_id], seconds=seconds)
        if measured.usable:
            self._measured[trial_id] = measured
            self._heard += 1  # of a trial that is trained again, too

    def _correct(self) -> None:
        if self._heard >= self._due:
            self._correction = corrected_by(self._measured.values())
            self._due = math.floor(self._heard * GROWTH) + 1
            self.corrections += 1


def shared_out(seconds: Iterable[float], slots: int) -> float:
    """What trials take of which ``slots`` run at a time: as long as all together, shared out, or as the longest, which
    cannot be. In no order do they take less, and in none longer than the longest on top (Graham 1966)."""
    longest = total = 0.0
    for each in seconds:
        longest, total = max(longest, each), total + each
    return max(total / slots, longest)
