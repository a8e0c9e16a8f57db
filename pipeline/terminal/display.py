"""What a run is told through: lines that follow each other, or a picture that is drawn again in place."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, TextIO

from pipeline.terminal.progress import Finished, Phase, Snapshot
from pipeline.wording import counted, duration, listed, percent

HEARTBEAT = 300.0
"""Seconds of silence after which plain lines say that the run goes on: services that see no output may end a job."""

DOING: Mapping[Phase, str] = {
    "starting": "starting the workers",
    "finishing": "finishing what runs",
    "stopping": "stopping the workers",
    "reporting": "writing the report",
    "tracking": "updating MLflow",
}
"""What a run does in a phase that says more than that it runs, or has ended."""


class Display(Protocol):
    """Shows a run from entering to leaving."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def update(self, snapshot: Snapshot) -> None:
        """How the run stands now."""

    def finished(self, ended: Finished, snapshot: Snapshot) -> None:
        """A trial ended, which leaves the run as in ``snapshot``."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainDisplay:
    """A line a finished trial, and a sign of life now and then. For logs: nothing but text and line ends.

    ``stream`` is None for a process that was started without one.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._gone = stream is None
        self._said = float("inf")

    def say(self, line: str) -> None:
        if self._gone:
            return
        try:
            print(line, file=self._stream, flush=True)
        except OSError:
            # Whoever read it is gone: a closed window, a pipe to a program that ended. The run goes on without.
            self._gone = True

    def update(self, snapshot: Snapshot) -> None:
        self._said = min(self._said, snapshot.time)
        if snapshot.running and snapshot.time - self._said >= HEARTBEAT:
            self._said = snapshot.time
            self.say(f"[{_settled(snapshot)}] {_doing(snapshot)}{time_left(snapshot, '; ')}")

    def finished(self, ended: Finished, snapshot: Snapshot) -> None:
        self._said = snapshot.time
        self.say(f"[{_settled(snapshot)}] {ended.name.title}: {outcome(ended)}{time_left(snapshot, '; ')}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class ChangesDisplay(PlainDisplay):
    """A line whenever the counts have changed or the run is ending before its time, for who looks on and does not hear
    of every trial."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._shown = ""

    def update(self, snapshot: Snapshot) -> None:
        ending = f"; {DOING[snapshot.phase]}" if snapshot.phase in ("finishing", "stopping") else ""
        shown = f"{counts(snapshot)}{ending}"
        if shown != self._shown:
            self._shown = shown
            self.say(f"[{_settled(snapshot)}] {shown}{time_left(snapshot, '; ')}")


def outcome(ended: Finished) -> str:
    """What came out of a trial."""
    if ended.failure:
        return f"failed ({ended.failure}): {ended.cause}"
    assert ended.accuracy is not None
    assert ended.seconds is not None
    return f"test accuracy {percent(ended.accuracy)} %, {ended.seconds:.1f} s"


def tally(snapshot: Snapshot) -> dict[str, int]:
    """What the trials of a run add up from, in reading order, without what there is none of."""
    named = {
        "done": snapshot.done,
        "pruned": snapshot.pruned,
        "failed": snapshot.failed,
        "running": len(snapshot.running),
        "to go": snapshot.to_go,
        "stale": snapshot.stale,
    }
    return {name: number for name, number in named.items() if number or name == "done"}


def counts(snapshot: Snapshot) -> str:
    """``17 done, 1 failed, 2 running, 25 to go``."""
    return ", ".join(f"{number} {name}" for name, number in tally(snapshot).items())


def time_left(snapshot: Snapshot, before: str = "", now: float | None = None) -> str:
    """``about 5.0 min left``, after ``before``; nothing when nothing can be said or nothing is left to do."""
    if snapshot.left is None or not (snapshot.running or snapshot.to_go):
        return ""
    left = max(snapshot.left - max((now or snapshot.time) - snapshot.time, 0), 1)
    return f"{before}about {duration(left)} left{'' if snapshot.measured else ' (planned)'}"


def _settled(snapshot: Snapshot) -> str:
    return f"{snapshot.done + snapshot.pruned + snapshot.failed}/{snapshot.planned}"


def _doing(snapshot: Snapshot) -> str:
    each = [f"{one.name.title} (epoch {one.epoch} of {one.epochs})" for one in snapshot.running]
    return f"{counted(len(each), 'trial')} running: {listed(each, 4)}"
