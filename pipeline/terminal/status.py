"""How a study stands, for ``dsn status``: what the ledgers say, and how far running trials are."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.scheduling.todo import is_stale
from pipeline.terminal.display import DOING, time_left
from pipeline.terminal.progress import Name, Running, Snapshot, name_of, one_line
from pipeline.terminal.progress_file import read_progress
from pipeline.wording import counted, duration, elapsed
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import read_times
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import StudyRecord

MOST_CAUSES = 10

SILENT_AFTER = 60.0
"""Seconds without a word of a trial before that is said: its worker may hang, or its epochs are long."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trial that failed; ``message`` is one line, ``log`` the file that has more, from the workspace's root."""

    name: Name
    kind: str
    message: str
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class Status:
    """A study at a moment.

    Attributes:
        workspace: where everything lies.
        study: its name.
        counts: trials by status; they add up to all that are planned.
        failures: those that failed, in the plan's order.
        stale: those whose results are of earlier semantics (``pipeline.scheduling.todo``): done, by a plan of that
            time, or pending.
        running: those that run, as far as they are known to be.
        run: the run that goes on, if one does and has told of itself; its phase says whether it was asked to stop.
    """

    workspace: Workspace
    study: str
    counts: Mapping[str, int]
    failures: tuple[Failure, ...]
    stale: tuple[Name, ...]
    running: tuple[Running, ...]
    run: Snapshot | None

    @property
    def planned(self) -> int:
        return sum(self.counts.values())

    def causes(self) -> Counter[tuple[str, str]]:
        """How many trials failed for each kind and message."""
        return Counter((failure.kind, failure.message) for failure in self.failures)


def read_status(workspace: Workspace, record: StudyRecord) -> Status:
    """The ledgers say what runs; the run's own word only how far that is."""
    states = read_times(workspace)
    run = read_progress(workspace, record.name)
    known = {each.name.trial: each for each in run.running} if run else {}
    failures: list[Failure] = []
    running: list[Running] = []
    for trial in record.trials:
        state = states.get(trial.trial_id, TrialState(status="pending"))
        event = state.record or {}
        if state.status == "failed":
            kind, message = event["error"]["kind"], one_line(event["error"]["message"])
            log = event["error"].get("log", "")
            failures.append(Failure(name=name_of(trial), kind=kind, message=message, log=log))
        if state.status == "running":
            epochs = trial.config.training.epochs
            new = Running(name=name_of(trial), worker=len(running), since=event["time"], epochs=epochs)
            running.append(known.get(trial.trial_id, new))
    return Status(
        workspace=workspace,
        study=record.name,
        counts=record.counts(states),
        failures=tuple(failures),
        stale=tuple(name_of(trial) for trial in record.trials if is_stale(trial, states)),
        running=tuple(running),
        run=run,
    )


def status_summary(status: Status, now: float) -> dict[str, Any]:
    """For scripts."""
    running = [
        {
            **asdict(each.name),
            "epoch": each.epoch,
            "epochs": each.epochs,
            "train_loss": each.train_loss,
            "seconds": round(elapsed(each.since, now), 1),
            "silent_seconds": round(each.silence(now), 1),
        }
        for each in status.running
    ]
    failures = [
        {**asdict(each.name), "kind": each.kind, "message": each.message, "log": each.log} for each in status.failures
    ]
    return {
        "study": status.study,
        "phase": status.run.phase if status.run else None,
        "planned": status.planned,
        **status.counts,
        "running_trials": running,
        "failed_trials": failures,
        "stale_trials": [asdict(name) for name in status.stale],
    }


def status_text(status: Status, now: float, *, every_failure: bool = False, width: int | None = None) -> str:
    """For people: the sum, what runs, and why trials failed; of a terminal of ``width`` columns, if there is one."""
    sums = " + ".join(f"{number} {state}" for state, number in status.counts.items())
    lines = [f"{status.study}: {status.planned} planned = {sums}"]
    if status.run:
        doing = f", {DOING[status.run.phase]}" if status.run.phase in DOING else ""
        took = duration(elapsed(status.run.began, now))
        lines.append(f"running for {took}{doing}{time_left(status.run, ', ', now)}")
    for each in status.running:
        loss = "" if each.train_loss is None else f", training loss {each.train_loss:.4f}"
        took = duration(elapsed(each.since, now))
        lines.append(f"  {each.name.title}: epoch {each.epoch} of {each.epochs}{loss}, {took}{_silence(each, now)}")
    if every_failure:
        for failure in status.failures:
            lines += _folded(f"  {failure.name.trial} {failure.name.title}: {failure.kind}: {failure.message}", width)
            lines += [f"    {status.workspace.root / failure.log}"] if failure.log else []
    elif status.failures:
        causes = status.causes().most_common()
        for (kind, message), number in causes[:MOST_CAUSES]:
            lines += _folded(f"  {number} x {kind}: {message}", width)
        if len(causes) > MOST_CAUSES:
            lines.append(f"  and {counted(len(causes) - MOST_CAUSES, 'other cause')}")
        lines.append("(--failed lists each; `dsn run FILE --rerun failed` tries again)")
    if status.stale:
        found = counted(len(status.stale), "stale result")
        lines.append(f"  {found}: of an earlier version of the program, which computed otherwise")
        lines.append("(`dsn run` leaves them alone; `dsn run FILE --rerun stale` trains them again)")
    return "\n".join(lines)


def _folded(line: str, width: int | None) -> list[str]:
    """At spaces, what follows deeper than the beginning. A longer word, such as a path, stays whole, to be copied."""
    if width is None:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False)


def _silence(running: Running, now: float) -> str:
    """``, nothing heard for 4.0 min``, if that is worth saying."""
    silent = running.silence(now)
    return f", nothing heard for {duration(silent)}" if silent > SILENT_AFTER else ""
