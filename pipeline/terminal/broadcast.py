"""What happens in a run, passed on: to its state, and from there to this terminal and to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pipeline.planning.plan import TrialSpec
from pipeline.terminal.display import Display, time_left
from pipeline.terminal.progress import Phase, Progress, Snapshot
from pipeline.terminal.progress_file import ProgressFile
from pipeline.trial.outcome import EpochReport, TrialResult
from pipeline.wording import counted


class Broadcast:
    """Goes along with a run from entering to leaving. It knows the time, which ``progress`` does not.

    Args:
        progress: the run's state.
        display: this terminal.
        file: for other terminals.
        clock: seconds since 1970.
    """

    def __init__(
        self, progress: Progress, display: Display, file: ProgressFile, clock: Callable[[], float] = time.time
    ) -> None:
        self._progress = progress
        self._display = display
        self._file = file
        self._clock = clock
        # That the run was asked to stop is told by another thread than the rest.
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.enter("finished" if kind is None else "stopped")

    def enter(self, phase: Phase) -> None:
        with self._lock:
            self._progress.enter(phase)
            self._show()

    def finish(self) -> None:
        """No trial is begun any more; say which end is waited for, and how not to."""
        with self._lock:
            self._progress.enter("finishing")
            snapshot = self._show()
            running = counted(len(snapshot.running), "running trial")
            self._display.say(f"finishing {running}{time_left(snapshot, ', ')}; once more stops now")

    def have_workers(self, workers: int) -> None:
        with self._lock:
            self._progress.have_workers(workers)
            self._show()

    def started(self, trial: TrialSpec) -> None:
        with self._lock:
            self._progress.started(trial.trial_id, self._clock())
            self._show()

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None:
        with self._lock:
            self._progress.progressed(trial.trial_id, report, self._clock())
            self._show()

    def lost(self, trial: TrialSpec) -> None:
        with self._lock:
            self._progress.lost(trial.trial_id, self._clock())
            self._show()

    def finished(self, trial: TrialSpec, result: TrialResult) -> None:
        with self._lock:
            ended = self._progress.finished(trial.trial_id, result, self._clock())
            self._display.finished(ended, self._show())

    def trains(self) -> bool:
        """Whether any trial runs. Waits for nothing, so that a signal's handler may ask."""
        return self._progress.running > 0

    def say(self, line: str) -> None:
        self._display.say(line)

    def snapshot(self) -> Snapshot:
        with self._lock:
            return self._progress.snapshot(self._clock())

    def _show(self) -> Snapshot:
        snapshot = self.snapshot()
        self._display.update(snapshot)
        self._file.write(snapshot)
        return snapshot
