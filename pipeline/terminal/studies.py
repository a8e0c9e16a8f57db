"""``dsn studies``: what a workspace has studied, how far each study is, and what it has cost. Without pandas."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dsn.errors import InvalidInput
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.times import Conditions, known_seconds, seconds_taken
from pipeline.terminal.progress_file import read_progress
from pipeline.wording import duration, printable
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import read_times
from pipeline.workspace.lifecycle import ENDED, TrialState, accounted
from pipeline.workspace.lock import driven_study
from pipeline.workspace.record import StudyOutline, load_outline, recorded_studies

Condition = Literal["running", "finishing", "stopping", "done", "failed", "unfinished", "not begun"]

_PENDING = TrialState(status="pending")


@dataclass(frozen=True, kw_only=True)
class Known:
    """A study at this moment.

    Attributes:
        study, question: from its file.
        condition: ``finishing`` and ``stopping`` while it runs and has been asked to stop; ``failed`` once nothing is
            missing and something has failed; ``unfinished`` when something is missing and nothing runs.
        counts: trials by status; they add up to all that are planned.
        last: when a trial of it last began or ended, in seconds since 1970; None if none has.
        spent: seconds that its trials took that have ended, wherever they were run.
        left: seconds that the missing ones will take, one after the other, by what trials of the study cost here.
    """

    study: str
    question: str
    condition: Condition
    counts: Mapping[str, int]
    last: float | None
    spent: float
    left: float


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A study of which another version of this program wrote the record."""

    study: str
    problem: str


def read_studies(workspace: Workspace) -> list[Known | Unreadable]:
    """All studies of a workspace, by name.

    Raises:
        InvalidInput: a ledger is damaged; the environment asks for an instruction set that does not exist.
    """
    names = recorded_studies(workspace)
    states, driven = read_times(workspace), driven_study(workspace)
    goes_on = _going_on(workspace, driven) if driven else None
    found: list[Known | Unreadable] = []
    for name in names:
        try:
            outline = load_outline(workspace, name)
        except InvalidInput as error:
            found.append(Unreadable(study=name, problem=error.problem))
            continue
        found.append(_known(outline, states, goes_on if name == driven else None))
    return found


def _known(outline: StudyOutline, states: Mapping[str, TrialState], goes_on: Condition | None) -> Known:
    own = {trial_id: states.get(trial_id, _PENDING) for trial_id in outline.estimates}
    counts = accounted(own, own)
    took = [taken for state in own.values() if (taken := seconds_taken(state)) is not None]
    conditions = Conditions.here(outline.engine, outline.resources)
    costs = Costs(outline.estimates, known_seconds(own, own, conditions))
    return Known(
        study=outline.name,
        question=outline.question,
        condition=goes_on or _condition(counts),
        counts=counts,
        last=max((state.record["time"] for state in own.values() if state.record is not None), default=None),
        spent=sum(took),
        left=sum(costs.seconds(trial_id) for trial_id, state in own.items() if state.status not in ENDED),
    )


def _going_on(workspace: Workspace, study: str) -> Condition:
    """Of a study that is being run, as far as its run has told of itself."""
    run = read_progress(workspace, study)
    match run.phase if run else None:
        case "finishing" | "stopping" as ending:
            return ending
        case _:
            return "running"


def _condition(counts: Mapping[str, int]) -> Condition:
    """Of one that nobody runs."""
    if counts["pending"] + counts["running"]:
        return "unfinished" if any(counts[status] for status in ENDED) else "not begun"
    return "failed" if counts["failed"] else "done"


def studies_summary(found: Sequence[Known | Unreadable]) -> list[dict[str, Any]]:
    """For scripts; times in seconds."""
    return [asdict(each) if isinstance(each, Unreadable) else _summary(each) for each in found]


def _summary(known: Known) -> dict[str, Any]:
    plain = asdict(known)
    counts = plain.pop("counts")
    rounded = {key: round(plain.pop(key), 1) for key in ("spent", "left")}
    return (
        plain | {"planned": sum(counts.values()), **counts} | {f"seconds_{key}": each for key, each in rounded.items()}
    )


def studies_text(found: Sequence[Known | Unreadable], workspace: Workspace, width: int) -> str:
    """A line a study, its question below; then what cannot be read."""
    known = [each for each in found if isinstance(each, Known)]
    lines = [f"{len(found)} {'study' if len(found) == 1 else 'studies'} in {workspace.root}"]
    rows = [_cells(each) for each in known]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for each, row in zip(known, rows, strict=True):
        lines.append("")
        lines.append("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())
        if each.question:
            lines.append(f"  {_cut(printable(each.question), width - 2)}")
    others = [each for each in found if isinstance(each, Unreadable)]
    lines += ["", *(f"{printable(each.study)} {each.problem}" for each in others)] if others else []
    return "\n".join(lines)


def _cells(known: Known) -> tuple[str, ...]:
    counts = known.counts
    done = f"{counts['done']} of {sum(counts.values())} done"
    left = f"about {duration(known.left)} left" if known.left else ""
    return (
        printable(known.study),
        known.condition,
        done + (f", {counts['failed']} failed" if counts["failed"] else ""),
        f"{duration(known.spent)} spent",
        left,
        "" if known.last is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(known.last)),
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
