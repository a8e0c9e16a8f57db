"""How a run stands: fed with what happens and when, asked for a picture of any moment.

Pure: it draws nothing, writes nothing and asks no clock. A ``Snapshot`` is plain values, so that it can travel to
another terminal (``progress_file``); ``screen`` and ``display`` turn it into lines.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.planning.plan import Cell, TrialSpec
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.times import seconds_of_whole
from pipeline.terminal.time_left import TimeLeft
from pipeline.trial.outcome import EpochReport, ErrorKind, TrialResult
from pipeline.wording import cause, printable, rounded_percent, trial_title
from pipeline.workspace.lifecycle import TrialState

Phase = Literal["starting", "training", "finishing", "stopping", "reporting", "tracking", "finished", "stopped"]
"""Workers are started, trials run, the report is written, MLflow is waited for. Before the time: ``finishing``, trials
run and none is begun; ``stopping``, workers are ended."""

LATEST = 5
"""Finished trials that a snapshot holds, whatever the size of the study."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """Which trial: its id, and what a person calls it by."""

    trial: str
    arm: str
    dataset: str
    seed: int

    @property
    def title(self) -> str:
        return trial_title(self.arm, self.dataset, self.seed)


@dataclass(frozen=True, kw_only=True)
class Running:
    """What a worker does now.

    Attributes:
        worker: from 0; a trial takes the lowest that is free, so that what a worker does stays in its place.
        since: when the trial started.
        epoch: the last one reported; 0 before the first.
        epochs: of the whole trial.
        train_loss: of that epoch; None before the first.
        reported: when that was; None before the first.
    """

    name: Name
    worker: int
    since: float
    epoch: int = 0
    epochs: int
    train_loss: float | None = None
    reported: float | None = None

    def silence(self, now: float) -> float:
        """Seconds for which nothing has been heard of it."""
        return max(now - (self.since if self.reported is None else self.reported), 0)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A trial that ended: test ``accuracy`` and ``seconds`` of training, or ``failure`` and its ``cause`` in a line."""

    name: Name
    accuracy: float | None = None
    seconds: float | None = None
    failure: ErrorKind | None = None
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """The best so far on a data set.

    Attributes:
        arms: those of the highest mean test accuracy over the seeds that are done.
        accuracy: that mean; None while nothing is done.
        seeds: how many it is over (of the first of ``arms``).
        done: trials of the data set that are done.
        planned: all of them.
    """

    dataset: str
    arms: tuple[str, ...]
    accuracy: float | None
    seeds: int
    done: int
    planned: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at a moment. ``planned = done + pruned + failed + len(running) + pending``, and
    ``pending = stale + to_go``.

    Attributes:
        time: the moment, in seconds since 1970, as all times here.
        began: when this run did.
        stale: pending trials that this run leaves alone (``pipeline.scheduling.todo``).
        workers: how many trials run at a time; 0 while that is not known.
        left: seconds that it will still take; None while nothing can be said.
        measured: whether ``left`` rests on anything but the plan's estimates.
        running: by worker.
        latest: the last trials that ended, the newest first.
        leaders: a data set each, in the plan's order.
        failures: trials by kind of failure.
    """

    study: str
    question: str
    phase: Phase
    time: float
    began: float
    planned: int
    done: int
    pruned: int
    failed: int
    stale: int
    workers: int
    left: float | None
    measured: bool
    running: tuple[Running, ...]
    latest: tuple[Finished, ...]
    leaders: tuple[Leader, ...]
    failures: Mapping[str, int]

    @property
    def pending(self) -> int:
        return self.planned - self.done - self.pruned - self.failed - len(self.running)

    @property
    def to_go(self) -> int:
        """Trials that this run has yet to begin, and that another one would."""
        return self.pending - self.stale


class Progress:
    """The state of one ``dsn run``.

    Args:
        study: its name.
        question: what it asks.
        trials: all of the plan.
        cells: all of the plan; a trial's accuracy counts for every arm that it serves.
        states: what the ledgers say of them.
        todo: ids of those that this run is to train.
        began: when.
        costs: what the trials take; without, what the plan says.
    """

    def __init__(
        self,
        *,
        study: str,
        question: str,
        trials: Sequence[TrialSpec],
        cells: Sequence[Cell],
        states: Mapping[str, TrialState],
        todo: Collection[str],
        began: float,
        costs: Costs | None = None,
    ) -> None:
        self._study = study
        self._question = printable(question)
        self._began = began
        self._phase: Phase = "starting"
        self._workers = 0
        self._trials = {trial.trial_id: trial for trial in trials}
        self._counts = Counter[str]()
        self._failures = Counter[str]()
        self._served: dict[str, dict[str, list[str]]] = {}
        """Trial -> data set -> the arms that it serves there."""
        for cell in cells:
            self._served.setdefault(cell.trial_id, {}).setdefault(cell.dataset, []).append(cell.arm)
        datasets = dict.fromkeys(cell.dataset for cell in cells)
        planned = Counter(dataset for served in self._served.values() for dataset in served)
        self._boards = {dataset: _Board(dataset, planned[dataset]) for dataset in datasets}
        self._running: dict[str, Running] = {}
        self._latest = deque[Finished](maxlen=LATEST)
        waiting = set(todo)
        known = Costs.of(trials) if costs is None else costs
        self._time_left = TimeLeft(known, [trial.trial_id for trial in trials if trial.trial_id in waiting])
        self._stale = 0
        for trial in trials:
            if trial.trial_id in waiting:
                continue
            if trial.trial_id in states:
                self._settled(trial, states[trial.trial_id])
            else:  # as ``scheduling.todo`` has it: what is neither to be trained nor known has a result of former times
                self._stale += 1

    def _settled(self, trial: TrialSpec, state: TrialState) -> None:
        """What was known of a trial before this run."""
        record = state.record or {}
        self._counts[state.status] += 1
        if state.status == "done":
            self._reached(trial.trial_id, record["metrics"]["test_accuracy"])
        elif state.status == "failed":
            self._failures[record["error"]["kind"]] += 1

    def _reached(self, trial_id: str, accuracy: float) -> None:
        for dataset, arms in self._served[trial_id].items():
            self._boards[dataset].add(arms, accuracy)

    def enter(self, phase: Phase) -> None:
        """Go on to the next phase. When the training stops, what still ran is pending again."""
        self._phase = phase
        if phase == "finishing":
            self._time_left.begin_no_more()
        if phase not in ("starting", "training", "finishing"):
            self._running.clear()

    def have_workers(self, workers: int) -> None:
        """So many trials run at a time."""
        self._workers = workers

    def started(self, trial_id: str, at: float) -> None:
        if self._phase == "starting":
            self._phase = "training"
        taken = {running.worker for running in self._running.values()}
        worker = next(number for number in range(len(taken) + 1) if number not in taken)
        trial = self._trials[trial_id]
        self._running[trial_id] = Running(
            name=name_of(trial), worker=worker, since=at, epochs=trial.config.training.epochs
        )
        self._time_left.started(trial_id, at)

    def progressed(self, trial_id: str, report: EpochReport, at: float) -> None:
        running = self._running[trial_id]
        self._running[trial_id] = replace(running, epoch=report.epoch, train_loss=report.train_loss, reported=at)
        self._time_left.progressed(trial_id, report.epoch / running.epochs, at)

    def lost(self, trial_id: str, at: float) -> None:
        """Its worker is gone, and it is pending again."""
        if self._running.pop(trial_id, None):
            self._time_left.lost(trial_id, at)

    def finished(self, trial_id: str, result: TrialResult, at: float) -> Finished:
        """Count it, and say what came out."""
        if trial_id not in self._running:
            # Its worker was lost before it could start.
            self.started(trial_id, at)
        name = self._running.pop(trial_id).name
        self._time_left.finished(trial_id, at, whole=seconds_of_whole(result, at) is not None)
        self._counts[result.status] += 1
        if result.error:
            self._failures[result.error.kind] += 1
            ended = Finished(name=name, failure=result.error.kind, cause=one_line(result.error.message))
        else:
            accuracy = result.metrics["test_accuracy"]
            self._reached(trial_id, accuracy)
            ended = Finished(name=name, accuracy=accuracy, seconds=result.metrics["train_seconds"])
        self._latest.appendleft(ended)
        return ended

    @property
    def running(self) -> int:
        """How many trials do."""
        return len(self._running)

    def snapshot(self, now: float) -> Snapshot:
        left, measured = None, False
        if self._workers and self._phase in ("starting", "training", "finishing"):
            left, measured = self._time_left.estimate(now, self._workers)
        return Snapshot(
            study=self._study,
            question=self._question,
            phase=self._phase,
            time=now,
            began=self._began,
            planned=len(self._trials),
            done=self._counts["done"],
            pruned=self._counts["pruned"],
            failed=self._counts["failed"],
            stale=self._stale,
            workers=self._workers,
            left=left,
            measured=measured,
            running=tuple(sorted(self._running.values(), key=lambda running: running.worker)),
            latest=tuple(self._latest),
            leaders=tuple(board.leader for board in self._boards.values()),
            failures=dict(self._failures),
        )


class _Board:
    """The test accuracies of one data set, as sums: bounded by the arms, not by the trials."""

    def __init__(self, dataset: str, planned: int) -> None:
        self._sums: dict[str, tuple[float, int]] = {}
        self.leader = Leader(dataset=printable(dataset), arms=(), accuracy=None, seeds=0, done=0, planned=planned)

    def add(self, arms: Sequence[str], accuracy: float) -> None:
        """A trial is done that serves ``arms``."""
        for arm in arms:
            total, count = self._sums.get(arm, (0.0, 0))
            self._sums[arm] = (total + accuracy, count + 1)
        means = {each: total / count for each, (total, count) in self._sums.items()}
        best = max(means.values())
        # As they are shown: the order in which sums were made must not decide a tie.
        first = tuple(each for each, mean in means.items() if rounded_percent(mean) == rounded_percent(best))
        self.leader = replace(
            self.leader, arms=first, accuracy=best, seeds=self._sums[first[0]][1], done=self.leader.done + 1
        )


def name_of(trial: TrialSpec) -> Name:
    """The trial's name, fit for a terminal."""
    return Name(trial=trial.trial_id, arm=trial.arm, dataset=printable(_dataset(trial)), seed=trial.seed)


def one_line(message: str) -> str:
    """The line of a message or traceback that says what went wrong, fit for a terminal."""
    return printable(cause(message))


def _dataset(trial: TrialSpec) -> str:
    return trial.config.data.name
