"""What a workspace remembers of a study beside its trials' results: the file's text and the plan made from it.

With it, ``status``, ``report`` and MLflow need the study's name alone, and an edited file changes nothing until the
next ``dsn run``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from pydantic import ValidationError

from dsn.config import RunConfig
from dsn.cost import Cost
from dsn.durable import write_atomic
from dsn.errors import InvalidInput
from pipeline.errors import UnknownStudy
from pipeline.planning.correction import Estimate
from pipeline.planning.plan import Cell, DataUse, Plan, TrialSpec
from pipeline.redaction import redacted
from pipeline.study.resources import Resources
from pipeline.study.spec import Study, Tracking
from pipeline.study.validation import adapter
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lifecycle import TrialState, accounted

RECORD_FILE = "study.json"

_UNREADABLE = "is damaged, or of another version of this program; `dsn run` on the study's file writes it anew"


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
        return accounted((trial.trial_id for trial in self.trials), states)


@dataclass(frozen=True, kw_only=True)
class _Seeds:
    """Trials that differ in their seed alone; the other fields are those of ``TrialSpec``."""

    trial_ids: dict[int, str]
    config: RunConfig
    content_hash: str
    arm: str
    engine: str
    resources: Resources
    cost: Cost
    seconds: float

    def trials(self) -> Iterator[TrialSpec]:
        shared = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "trial_ids"}
        for seed, trial_id in self.trial_ids.items():
            yield TrialSpec(trial_id=trial_id, seed=seed, **shared)


@dataclass(frozen=True, kw_only=True)
class _Stored(StudyRecord):
    """A record as it is written: of thousands of trials, what most have in common stands once. An earlier version wrote
    ``trials``."""

    trials: list[TrialSpec] = field(default_factory=list)
    seeds: list[_Seeds] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _DataOutline:
    name: str


@dataclass(frozen=True, kw_only=True)
class _ConfigOutline:
    data: _DataOutline


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What trials have in common that differ in their seed alone, as far as an outline needs it."""

    config: _ConfigOutline
    arm: str
    engine: str
    resources: Resources
    seconds: float

    @property
    def estimate(self) -> Estimate:
        return Estimate(arm=self.arm, dataset=self.config.data.name, seconds=self.seconds)


@dataclass(frozen=True, kw_only=True)
class _SeedsOutline(_Kind):
    trial_ids: dict[int, str]


@dataclass(frozen=True, kw_only=True)
class _TrialOutline(_Kind):
    trial_id: str


@dataclass(frozen=True, kw_only=True)
class StudyOutline:
    """What a list of studies says of one: a small part of its record, and quickly read.

    Attributes:
        name, question, tracking: from the study file.
        estimates: of the plan, by the trials' ids.
        engine: as the study asks for it.
        resources: of one trial.
    """

    name: str
    question: str
    tracking: Tracking
    estimates: dict[str, Estimate]
    engine: str
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class _StoredOutline:
    name: str
    question: str
    tracking: Tracking
    trials: list[_TrialOutline] = field(default_factory=list)
    seeds: list[_SeedsOutline] = field(default_factory=list)


def make_record(study: Study, plan: Plan) -> StudyRecord:
    """What to remember of a study that is about to run."""
    assert not plan.absent, "trials without content have no identity that could be recorded"
    spec = study.spec
    return StudyRecord(
        name=spec.name,
        question=redacted(spec.question),
        reproduces=redacted(spec.reproduces),
        source=redacted(study.document.text),
        file=redacted(study.document.file),
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
    write_atomic(folder / RECORD_FILE, record_text(record))


def record_text(record: StudyRecord) -> str:
    """A record as it is written."""
    plain = asdict(replace(record, trials=[]))
    del plain["trials"]
    return json.dumps(plain | {"seeds": [asdict(each) for each in _by_seed(record.trials)]})


def parse_record(text: bytes, place: str) -> StudyRecord:
    """What ``record_text`` wrote, of this version or an earlier one.

    Raises:
        InvalidInput: it did not; with ``place``.
    """
    try:
        stored = adapter(_Stored).validate_json(text)
    except ValidationError as error:
        raise InvalidInput(_UNREADABLE, place=place) from error
    trials = stored.trials + [trial for each in stored.seeds for trial in each.trials()]
    if not _consistent(stored, trials):
        raise InvalidInput(_UNREADABLE, place=place)
    kept = {each.name: getattr(stored, each.name) for each in fields(StudyRecord)}
    return StudyRecord(**(kept | {"trials": trials}))


def _consistent(stored: StudyRecord, trials: Iterable[TrialSpec]) -> bool:
    """Whether every name in it is of something that it has."""
    return (
        {cell.trial_id for cell in stored.cells} <= {trial.trial_id for trial in trials}
        and {cell.arm for cell in stored.cells} == set(stored.arms)
        and {cell.dataset for cell in stored.cells} == set(stored.datasets)
        and stored.references.keys() | set(stored.references.values()) <= set(stored.arms)
        and stored.references.keys().isdisjoint(stored.references.values())
    )


def _by_seed(trials: Iterable[TrialSpec]) -> Iterator[_Seeds]:
    """Neighbours of one kind together: a plan has them beside each other."""
    for shared, group in itertools.groupby(trials, key=lambda trial: replace(trial, trial_id="", seed=0)):
        kept = {each.name: getattr(shared, each.name) for each in fields(_Seeds) if each.name != "trial_ids"}
        yield _Seeds(trial_ids={trial.seed: trial.trial_id for trial in group}, **kept)


def load_record(workspace: Workspace, name: str) -> StudyRecord:
    """The record of ``name``.

    Raises:
        UnknownStudy: the workspace has none.
        InvalidInput: another version of this program wrote it.
    """
    known = recorded_studies(workspace)
    if name not in known:
        raise UnknownStudy(f"not in workspace {workspace.root}", key="study", value=name, choices=known)
    path = record_file(workspace, name)
    return parse_record(path.read_bytes(), str(path))


def load_outline(workspace: Workspace, name: str) -> StudyOutline:
    """The outline of a study that the workspace has a record of.

    Raises:
        InvalidInput: another version of this program wrote it.
    """
    path = record_file(workspace, name)
    try:
        stored = adapter(_StoredOutline).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidInput(_UNREADABLE, place=str(path)) from error
    kinds: list[tuple[_Kind, Iterable[str]]] = [(each, (each.trial_id,)) for each in stored.trials]
    kinds += [(each, each.trial_ids.values()) for each in stored.seeds]
    return StudyOutline(
        name=stored.name,
        question=stored.question,
        tracking=stored.tracking,
        estimates={trial_id: estimate for each, ids in kinds for estimate in (each.estimate,) for trial_id in ids},
        engine=kinds[0][0].engine if kinds else "auto",
        resources=kinds[0][0].resources if kinds else Resources(),
    )


def recorded_studies(workspace: Workspace) -> list[str]:
    """Names of the studies that the workspace has a record of."""
    return sorted(path.parent.name for path in workspace.ledgers.glob(f"*/{RECORD_FILE}"))


def record_file(workspace: Workspace, name: str) -> Path:
    """Where the record of ``name`` lies."""
    return workspace.study(name) / RECORD_FILE


def find_trial(workspace: Workspace, trial_id: str) -> TrialSpec:
    """The trial whose id starts with ``trial_id``, in any study of the workspace.

    Studies that another version of this program wrote are passed over: they say nothing about the others.

    Raises:
        UnknownStudy: there is none, or more than one.
    """
    found: dict[str, TrialSpec] = {}
    unread: list[str] = []
    for name in recorded_studies(workspace):
        try:
            trials = load_record(workspace, name).trials
        except InvalidInput:
            unread.append(name)
            continue
        found |= {trial.trial_id: trial for trial in trials if trial.trial_id.startswith(trial_id)}
    if not found:
        where = f" of those that can be read; another version wrote {', '.join(unread)}" if unread else ""
        raise UnknownStudy(f"matches no trial{where}", key="trial", value=trial_id)
    if len(found) > 1:
        raise UnknownStudy("matches several trials", key="trial", value=trial_id, choices=sorted(found))
    return next(iter(found.values()))
