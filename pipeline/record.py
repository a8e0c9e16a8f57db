"""What a workspace remembers of a study beside its trials' results: the file's text and the plan made from it.

With it, ``status``, ``report`` and MLflow need the study's name alone, and an edited file changes nothing until the
next ``dsn run``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pydantic import ValidationError

from dsn.durable import write_atomic
from dsn.errors import InvalidInput
from pipeline.errors import UnknownStudy
from pipeline.ledger import STATUSES, TrialState
from pipeline.planning import Cell, DataUse, Plan, TrialSpec
from pipeline.study.spec import Study, Tracking
from pipeline.study.validation import adapter
from pipeline.workspace import Workspace

_FILE = "study.json"


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """The study as of its last run; the fields are those of ``StudySpec`` and ``Plan``.

    Fields that came later have a neutral default, so that what an earlier version wrote is still read.
    """

    name: str
    question: str
    reproduces: str
    source: str
    file: str
    tracking: Tracking
    arms: list[str]
    references: dict[str, str]
    datasets: list[str]
    cells: list[Cell]
    trials: list[TrialSpec]
    data: list[DataUse] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def counts(self, states: Mapping[str, TrialState]) -> dict[str, int]:
        """Trials by status; the values add up to ``len(self.trials)``."""
        found = [states[trial.trial_id].status if trial.trial_id in states else "pending" for trial in self.trials]
        return {status: found.count(status) for status in STATUSES}


def make_record(study: Study, plan: Plan) -> StudyRecord:
    """What to remember of a study that is about to run."""
    assert not plan.absent, "trials without content have no identity that could be recorded"
    spec = study.spec
    return StudyRecord(
        name=spec.name,
        question=spec.question,
        reproduces=spec.reproduces,
        source=study.document.text,
        file=study.document.file,
        tracking=spec.tracking,
        arms=list(plan.arms),
        references=dict(plan.references),
        datasets=list(plan.datasets),
        cells=list(plan.cells),
        trials=list(plan.trials),
        data=list(plan.data),
        left_out=list(plan.left_out),
    )


def save_record(workspace: Workspace, record: StudyRecord) -> None:
    """Durable before anything runs; the previous plan is replaced, results never are."""
    folder = workspace.study(record.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / _FILE, json.dumps(asdict(record)))


def load_record(workspace: Workspace, name: str) -> StudyRecord:
    """The record of ``name``.

    Raises:
        UnknownStudy: the workspace has none.
        InvalidInput: another version of this program wrote it.
    """
    path = workspace.study(name) / _FILE
    known = sorted(found.parent.name for found in workspace.ledgers.glob(f"*/{_FILE}"))
    if name not in known:
        raise UnknownStudy(f"not in workspace {workspace.root}", key="study", value=name, choices=known)
    try:
        return adapter(StudyRecord).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidInput(
            "is damaged, or of another version of this program; `dsn run` on the study's file writes it anew",
            place=str(path),
        ) from error


def find_trial(workspace: Workspace, trial_id: str) -> TrialSpec:
    """The trial whose id starts with ``trial_id``, in any study of the workspace.

    Studies that another version of this program wrote are passed over: they say nothing about the others.

    Raises:
        UnknownStudy: there is none, or more than one.
    """
    found: dict[str, TrialSpec] = {}
    unread: list[str] = []
    for path in sorted(workspace.ledgers.glob(f"*/{_FILE}")):
        try:
            trials = load_record(workspace, path.parent.name).trials
        except InvalidInput:
            unread.append(path.parent.name)
            continue
        found |= {trial.trial_id: trial for trial in trials if trial.trial_id.startswith(trial_id)}
    if not found:
        where = f" of those that can be read; another version wrote {', '.join(unread)}" if unread else ""
        raise UnknownStudy(f"matches no trial{where}", key="trial", value=trial_id)
    if len(found) > 1:
        raise UnknownStudy("matches several trials", key="trial", value=trial_id, choices=sorted(found))
    return next(iter(found.values()))
