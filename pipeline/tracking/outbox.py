"""What MLflow has yet to be told, and when it is tried again; pure: of a store it knows what ``Store`` says.

Of each trial the last line of the ledger is enough to bring its run up to date. So what waits is bounded by the number
of trials, however long a store is away, and once it is back it is told of all trials again: it may be another one, or
have lost its last seconds. What a store has already costs it little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pipeline.workspace.lifecycle import counts_after

Line = Mapping[str, Any]

_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_IN_A_HURRY = 1.0, 30.0, 4.0
"""Seconds between two tries to reach a store: doubled each time."""

_PAUSES_OF_A_LINE = (1.0, 5.0)
"""Seconds before a line is tried again that the store refuses while it takes others; then it is given up."""

_COUNT_EVERY = 1.0
"""Seconds between two updates of the study's counts."""


class StoreAway(Exception):
    """The store does not work at the moment; why, in a clause."""


class LineRefused(Exception):
    """The store works, and does not take this line; why, in a clause."""


class Store(Protocol):
    """Where lines go. Every method may raise StoreAway."""

    def apply(self, line: Line) -> None:
        """Show what a line says, once or again. Raises LineRefused."""

    def count(self, lines: Mapping[str, Line]) -> None:
        """Show how many trials are in which state, by the last line of each."""

    def settle(self) -> None:
        """Close what is open, as nothing runs any more."""


class Outbox:
    """The last line of each trial, until a store has confirmed it.

    Args:
        connect: a store that works; raises StoreAway.
        say: takes a line when a store goes away or comes back.
        clock: seconds, never going back.
    """

    def __init__(
        self, connect: Callable[[], Store], say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._say = say
        self._clock = clock
        self._store: Store | None = None
        self._lines: dict[str, Line] = {}
        self._confirmed: dict[str, Line] = {}
        self._unsent: dict[str, None] = {}
        self._tries: dict[str, int] = {}
        self._line_not_before: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        self._pause, self._longest_pause = _FIRST_PAUSE, _LONGEST_PAUSE
        self._not_before = self._progressed = clock()
        self._counted: float | None = None
        self._uncounted = True
        self._why_away = ""

    def put(self, lines: Iterable[Line]) -> None:
        """Lines of the ledger in their order; one that changes nothing is passed over."""
        for line in lines:
            trial_id = line["trial"]
            if counts_after(self._lines.get(trial_id), line):
                self._lines[trial_id] = line
                self._retry(trial_id)
                self._uncounted = True

    def send(self) -> bool:
        """Tell the store what it takes now; whether nothing is left but what it has refused for good."""
        self._guarded(self._deliver)
        return self._store is not None and not self._unsent

    def settle(self) -> bool:
        """After the last ``send``; whether it is done."""
        return self._guarded(lambda store: store.settle())

    def hurry(self) -> None:
        """No more lines come, and somebody waits: try now, and more often."""
        self._pause, self._longest_pause = _FIRST_PAUSE, _LONGEST_IN_A_HURRY
        self._not_before = self._progressed = self._clock()

    def stuck_for(self) -> float:
        """Seconds since the store was last told anything new."""
        return self._clock() - self._progressed

    def missing(self) -> dict[str, str]:
        """Trial -> why the store does not show its last line."""
        return dict.fromkeys(self._unsent, self.why_away or "not told yet") | self._refused

    @property
    def why_away(self) -> str:
        """Empty while the store works."""
        return self._why_away

    def _guarded(self, action: Callable[[Store], None]) -> bool:
        if self._store is None and self._clock() < self._not_before:
            return False
        try:
            if self._store is None:
                self._store = self._connect()
                self._welcome()
            action(self._store)
        except StoreAway as away:
            self._leave(str(away))
            return False
        self._pause = _FIRST_PAUSE
        return True

    def _welcome(self) -> None:
        if self._why_away:
            self._say("MLflow's store is back")
        self._why_away = ""
        for trial_id in self._lines:
            self._retry(trial_id)
        self._uncounted = True

    def _leave(self, why: str) -> None:
        if why != self._why_away:
            self._say(f"MLflow's store is away, and will be told later: {why}")
        self._store, self._why_away = None, why
        self._not_before = self._clock() + self._pause
        self._pause = min(2 * self._pause, self._longest_pause)

    def _retry(self, trial_id: str) -> None:
        self._unsent[trial_id] = None
        for notes in (self._tries, self._line_not_before, self._refused):
            notes.pop(trial_id, None)

    def _deliver(self, store: Store) -> None:
        for trial_id in list(self._unsent):
            if self._clock() >= self._line_not_before.get(trial_id, 0.0):
                self._deliver_one(store, trial_id)
                self._count(store)
        self._count(store)

    def _deliver_one(self, store: Store, trial_id: str) -> None:
        line = self._lines[trial_id]
        try:
            store.apply(line)
        except LineRefused as refusal:
            self._put_off(trial_id, str(refusal))
            return
        del self._unsent[trial_id]
        if self._confirmed.get(trial_id) is not line:
            self._confirmed[trial_id] = line
            self._progressed = self._clock()

    def _put_off(self, trial_id: str, why: str) -> None:
        tried = self._tries.get(trial_id, 0)
        if tried < len(_PAUSES_OF_A_LINE):
            self._tries[trial_id] = tried + 1
            self._line_not_before[trial_id] = self._clock() + _PAUSES_OF_A_LINE[tried]
            return
        del self._unsent[trial_id]
        self._refused[trial_id] = why
        self._say(f"MLflow refuses trial {trial_id}: {why}")

    def _count(self, store: Store) -> None:
        if not self._uncounted or (self._counted is not None and self._clock() < self._counted + _COUNT_EVERY):
            return
        store.count(self._lines)
        self._uncounted, self._counted = False, self._clock()
