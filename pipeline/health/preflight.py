"""What can be known before a run: that the results fit on the disk, that every data set loads, that MLflow answers.

Found out in seconds, by the driver, before anything is written or trained; otherwise a trial would tell after hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dsn.config import DataConfig
from dsn.data import load
from dsn.errors import InvalidData, InvalidInput
from pipeline.errors import BrokenDataSets, WorkspaceFailed
from pipeline.planning.capacity import Capacity, local_cpus
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.study.resolution import data_entries, data_origins, expanded_arms, resolved
from pipeline.study.spec import Study
from pipeline.study.tracking_uri import shown
from pipeline.tracking.store import unreachable
from pipeline.workspace.disk import SCARCE, Space, checkpoints_bytes, estimated_bytes, shown_size
from pipeline.workspace.layout import Workspace

Say = Callable[[str], None]

_SAY_AFTER = 2.0


@dataclass(frozen=True, kw_only=True)
class BrokenData:
    """A data set that no trial could load, and why; ``key`` of its configuration is at fault, if that is known."""

    config: DataConfig
    problem: str
    key: str


def check_before_run(study: Study, plan: Plan, workspace: Workspace, space: Space, say: Say) -> None:
    """Refuse a run that could not be finished.

    Args:
        study: what is to be run.
        plan: with those of its trials that are to be trained.
        workspace: where the results go.
        space: of its disk.
        say: takes warnings.

    Raises:
        WorkspaceFailed: the results would not fit; nothing is lost, and with more space the same command goes on.
        InvalidInput: data sets that cannot be loaded, all of them, each with its line in the study.
    """
    if not plan.trials:
        return
    _require_space(study, plan, workspace, space, say)
    _require_data(study, plan.trials, say)
    uri = study.spec.tracking.uri
    problem = unreachable(uri) if uri else None
    if uri and problem:
        say(
            f"warning: MLflow at {shown(uri)} {problem}; the trials run all the same, "
            f"and `dsn sync {study.spec.name}` sends it what it lacks"
        )


def _require_space(study: Study, plan: Plan, workspace: Workspace, there: Space, say: Say) -> None:
    wanted = study.spec.resources.without_gpu()
    slots = Capacity.of_one(cpus=local_cpus()).slots(wanted)
    needed = estimated_bytes(plan, study.spec.tracking) + checkpoints_bytes(plan, slots)
    if needed > there.free:
        raise WorkspaceFailed(
            f"workspace {workspace.root}: results and checkpoints need about {shown_size(needed)}, "
            f"and its disk has {shown_size(there.free)} free; make room, choose another place (--workspace), "
            "or keep no networks (--set tracking.keep_models=none)"
        )
    if there.free - needed < SCARCE * there.total:
        left = 100 * (there.free - needed) / there.total
        say(
            f"warning: results and checkpoints need about {shown_size(needed)} of the {shown_size(there.free)} that "
            f"are free; that leaves {left:.0f} % of the disk of {workspace.root}"
        )


def _require_data(study: Study, trials: Sequence[TrialSpec], say: Say) -> None:
    broken = list(broken_data(trials, say))
    if not broken:
        return
    causes = [
        InvalidData(each.problem, key=f"data set {each.config.name}", place=place_of(study, each)) for each in broken
    ]
    if len(causes) == 1:
        raise causes[0]
    raise BrokenDataSets(causes, total=len({trial.config.data for trial in trials}))


def broken_data(
    trials: Iterable[TrialSpec], say: Say | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[BrokenData]:
    """Load each data set of ``trials`` once, in their order, and keep nothing but what is wrong."""
    expected = {trial.config.data: trial.content_hash for trial in trials}
    began, told = clock(), False
    for number, (config, content_hash) in enumerate(expected.items()):
        if say and not told and clock() - began > _SAY_AFTER:
            say(f"loading every data set once before training: {number} of {len(expected)}")
            told = True
        try:
            found = load(config).content_hash
        except InvalidInput as error:
            yield BrokenData(config=config, problem=str(error), key=error.key)
            continue
        if found != content_hash:
            # Of the same size and time as those that the cache of descriptions remembers.
            yield BrokenData(config=config, problem="its files are not those that were planned with", key="")


def place_of(study: Study, broken: BrokenData) -> str:
    """Where in the study the setting stands that is at fault, or else the data set's name."""
    for arm in expanded_arms(study):
        for entry, written in data_entries(study):
            if entry["name"] == broken.config.name and resolved(study, arm, entry, written).data == broken.config:
                return study.document.place(data_origins(arm, written).get(broken.key or "name", written["name"]))
    raise AssertionError(f"{broken.config.name} is of no arm")
