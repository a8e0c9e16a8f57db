"""From a study to its trials: pure, instant, and without torch, ray, mlflow or aeon.

A *cell* is what the study asks for: an arm, a data set, a seed. A *trial* is the training that answers it. Cells whose
configurations mean the same share one trial.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dsn.architecture import is_sparse
from dsn.config import DataConfig, RunConfig
from dsn.cost import Cost, count
from dsn.data import DataInfo
from dsn.data.catalogue import catalogue, expected
from dsn.errors import AbsentData, InvalidInput, nearest
from dsn.sparsity.schedule import require_steps
from pipeline.planning.estimate import estimated_seconds, expected_engine
from pipeline.planning.gpu_memory import gpu_bytes
from pipeline.planning.identity import trial_ids
from pipeline.study.document import KeyPath
from pipeline.study.exclusions import exclusions
from pipeline.study.resolution import Arm, data_entries, data_origins, expanded_arms, resolved, value_origin
from pipeline.study.resources import AUTO, Resources
from pipeline.study.spec import Study
from pipeline.study.validation import adapter
from pipeline.wording import trial_title

Describe = Callable[[DataConfig], DataInfo]

MOST_CELLS = 100_000
"""A larger grid is a mistake, and would take minutes to plan before anybody saw it."""


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """One training to be done; plain enough to travel to a worker.

    Attributes:
        trial_id: identity (``pipeline.planning.identity``).
        config: resolved.
        seed: of all its random streams.
        content_hash: of the data that it is to be trained on; empty if they are not there. Such a trial is counted and
            shown, but never run: its id is none that will be when they are.
        arm: label of the first arm that asked for it.
        engine: as the study asks for it; ``auto`` is resolved where the trial runs.
        resources: what it may use.
        cost: of its network.
        seconds: estimated.
    """

    trial_id: str
    config: RunConfig
    seed: int
    content_hash: str
    arm: str
    engine: str
    resources: Resources
    cost: Cost
    seconds: float

    @property
    def title(self) -> str:
        """How a person calls it."""
        return trial_title(self.arm, self.config.data.name, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; ``from_dict`` turns them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TrialSpec:
        return adapter(cls).validate_json(json.dumps(plain))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One place of the study's grid, and the trial that fills it.

    Attributes:
        arm: label, with the factors' values.
        factors: dotted key -> value.
        differs: settings that this cell's configuration does not share with the trial's, which came from another arm;
            they change nothing that is computed (``pipeline.planning.identity``), but a table over them needs them.
    """

    arm: str
    factors: dict[str, Any]
    dataset: str
    seed: int
    trial_id: str
    differs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DataUse:
    """A data set as some cell of the study uses it: how it is asked for, and what it then is."""

    config: DataConfig
    info: DataInfo


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All cells in the order of the file, and the distinct trials, the longest first.

    ``references`` says which arm's label each other one is compared with: the first arm's at equal factor values; the
    first label of all where one of the two takes no factors, and where no other arm does. ``data`` has a data set once
    for each way in which it is used. ``left_out`` are the data sets of the study that are in none of this: they are not
    there and were to be skipped.
    """

    study: str
    arms: tuple[str, ...]
    references: Mapping[str, str]
    datasets: tuple[str, ...]
    data: tuple[DataUse, ...]
    cells: tuple[Cell, ...]
    trials: tuple[TrialSpec, ...]
    left_out: tuple[str, ...] = ()

    @property
    def absent(self) -> tuple[DataConfig, ...]:
        """The data sets, each once, that are planned although their files are not there."""
        return tuple({use.config.name: use.config for use in self.data if not use.info.content_hash}.values())

    @property
    def resources(self) -> Resources:
        """Of one trial: those of the study, and of a GPU's memory what the longest is thought to take."""
        return self.trials[0].resources

    @property
    def engine(self) -> str:
        """As the study asks for it."""
        return self.trials[0].engine


def make_plan(study: Study, describe: Describe, *, skip_absent: bool = False) -> Plan:
    """Expand a study.

    Args:
        study: validated.
        describe: sizes and content hash of a data set, without loading it.
        skip_absent: whether data sets whose files are not there are left out. Otherwise they are planned with the sizes
            that are known of them.

    Raises:
        InvalidInput: a configuration that cannot be, with the line that is to blame; a data set that cannot be used, or
            is neither there nor known; nothing is left.
    """
    spec = study.spec
    entries = list(data_entries(study))
    _require_bounded(study, len(entries))
    seeds = spec.seed_list
    engine = expected_engine(spec.engine, spec.resources)
    arms = list(expanded_arms(study))
    excluded = exclusions(study)
    cells: list[Cell] = []
    trials: dict[str, TrialSpec] = {}
    kept: dict[str, Arm] = {}
    data: dict[DataConfig, DataInfo] = {}
    left_out: dict[str, None] = {}
    for arm in arms:
        for entry, written in entries:
            config = resolved(study, arm, entry, written)
            if excluded.hold(arm, config):
                continue
            if config.data not in data:
                data[config.data] = _described(study, config, data_origins(arm, written), describe)
            info = data[config.data]
            if skip_absent and not info.content_hash:
                left_out[config.data.name] = None
                continue
            kept[arm.label] = arm
            cost = _cost(study, arm, config, info)
            for seed, identity in zip(seeds, trial_ids(config, seeds, _content(info)), strict=True):
                trial = TrialSpec(
                    trial_id=identity,
                    config=config,
                    seed=seed,
                    content_hash=info.content_hash,
                    arm=arm.label,
                    engine=spec.engine,
                    resources=_resources(spec.resources, config, info),
                    cost=cost,
                    seconds=estimated_seconds(
                        config, cost, info.train_n, info.test_n, engine, cpus=spec.resources.cpus
                    ),
                )
                cells.append(_cell(arm, config, trials.setdefault(identity, trial), seed))
    if not cells and left_out:
        problem = f"leaves no data set: none of {len(left_out)} is there"
        raise InvalidInput(problem, key="--skip-absent", place=study.document.place(("data",)))
    if not cells:
        raise InvalidInput("leaves no trial", key="exclude", place=study.document.place(("exclude",)))
    return Plan(
        study=spec.name,
        arms=tuple(kept),
        references=_references(study, list(kept.values())),
        datasets=tuple(dict.fromkeys(cell.dataset for cell in cells)),
        data=tuple(DataUse(config=config, info=info) for config, info in data.items() if config.name not in left_out),
        cells=tuple(cells),
        trials=tuple(sorted(trials.values(), key=lambda trial: -trial.seconds)),
        left_out=tuple(left_out),
    )


def _resources(wanted: Resources, config: RunConfig, info: DataInfo) -> Resources:
    """Of a trial: those of the study, and of a GPU's memory what it is thought to take."""
    return wanted if wanted.gpu_memory != AUTO else replace(wanted, gpu_memory=f"{gpu_bytes(config, info)}B")


def _content(info: DataInfo) -> str:
    """What tells the data of a trial from those of all others: their hash, or the name where there is no content."""
    return info.content_hash or f"absent: {info.name}"


def _cell(arm: Arm, config: RunConfig, trial: TrialSpec, seed: int) -> Cell:
    differs = {} if trial.config == config else _differing(config.settings(), trial.config.settings())
    return Cell(
        arm=arm.label,
        factors=dict(arm.factors),
        dataset=config.data.name,
        seed=seed,
        trial_id=trial.trial_id,
        differs=differs,
    )


def _differing(own: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in own.items() if trained[key] != value}


def _references(study: Study, arms: Sequence[Arm]) -> dict[str, str]:
    first, factors = arms[0], study.spec.factors
    varied = {arm.name for arm in arms if factors is None or factors.crosses(arm.name)}
    if varied <= {first.name}:
        return {arm.label: first.label for arm in arms[1:]}
    labels = {str(arm.factors): arm.label for arm in arms if arm.name == first.name}
    references = {}
    for arm in (arm for arm in arms if arm.name != first.name):
        paired = factors is None or (factors.crosses(first.name) and factors.crosses(arm.name))
        reference = labels.get(str(arm.factors)) if paired else first.label
        if reference is not None:
            references[arm.label] = reference
    return references


def _require_bounded(study: Study, datasets: int) -> None:
    spec = study.spec
    # Counted no further than it matters: a grid may have more combinations than there is time to count.
    labels = itertools.chain.from_iterable(map(spec.combinations, spec.arms))
    arms = sum(1 for _ in itertools.islice(labels, MOST_CELLS + 1))
    if datasets * arms * len(spec.seed_list) > MOST_CELLS:
        raise InvalidInput(
            f"asks for more than the {MOST_CELLS} trainings that can be planned",
            key="factors",
            place=study.document.place(("factors",)),
        )


def _described(study: Study, config: RunConfig, written: Mapping[str, KeyPath], describe: Describe) -> DataInfo:
    try:
        return _sizes(config.data, describe)
    except InvalidInput as error:
        raise blamed_on_data(study, config.data, written, error) from error


def _sizes(data: DataConfig, describe: Describe) -> DataInfo:
    """As the files have them or, where they are not there, as they are known."""
    try:
        return describe(data)
    except AbsentData as error:
        known = expected(data)
        if known is None:
            raise _unknown(error, data) from error
        return known


def _unknown(error: AbsentData, data: DataConfig) -> InvalidInput:
    """The error for a set that is neither there nor known: it may be a slip in the name of one that is."""
    near = nearest(data.name, list(catalogue()))
    if error.key != "path":
        choices = sorted({*error.choices, *near})
        return InvalidInput(error.problem, key=error.key, value=error.value, place=error.place, choices=choices)
    if not near:
        return error
    problem = f"is neither known nor in {data.path}, where nothing is; did you mean {' or '.join(map(repr, near))}?"
    return InvalidInput(problem, key="name", value=data.name)


def blamed_on_data(study: Study, data: DataConfig, written: Mapping[str, KeyPath], error: InvalidInput) -> InvalidInput:
    """``error`` with the line of the key at fault, or of the name of the data set whose file is."""
    place = study.document.place(written.get(error.key or "name", written["name"]))
    if error.place:
        return InvalidInput(str(error), key=f"data set {data.name}", place=place)
    return InvalidInput(error.problem, key=error.key, value=error.value, place=place, choices=error.choices)


_SHAPE = ("model.kernel_size", "model.channels", "sparsity.groups", "sparsity.level")
"""What decides together whether a topology exists."""


def _cost(study: Study, arm: Arm, config: RunConfig, info: DataInfo) -> Cost:
    try:
        if is_sparse(config.model, config.sparsity):
            require_steps(config.sparsity, config.training.steps_per_epoch(info.train_n))
        return count(config.model, config.sparsity, channels=info.channels, length=info.length, classes=info.classes)
    except InvalidInput as error:
        # What is at fault may be a default that does not fit what was written.
        suspects = (error.key, *_SHAPE)
        written = (value_origin(study, arm, key) for key in suspects if key in arm.origins)
        blamed = next(written, ("arms", arm.name))
        raise InvalidInput(
            f"arm {arm.label!r} on {config.data.name}: {error.problem}",
            key=error.key,
            value=error.value,
            place=study.document.place(blamed),
        ) from error
