"""A workspace with a finished study of any size: made up, but written by the program's own writers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dsn.config import DataConfig
from dsn.data import DataInfo
from pipeline.analysis.results import METRICS
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.record import StudyRecord, make_record, save_record

NAME = "made-up"

RECORDED = 30
"""Metrics of a trial: more than this version has, so that there is room for those to come."""

_SEEDS = 5
_STUDY = """name: {name}
question: How long does it take to read all of it?
data: [{{source: npz, path: {path}, names: {datasets}}}]
base: {base}
arms: {{dsn: {{}}, gradient: {{sparsity.grow: gradient}}}}
factors: {{values: {factors}}}
seeds: {seeds}
"""
_FACTORS: dict[str, list[str | int]] = {
    "sparsity.moments": ["fresh", "warm"],
    "sparsity.update_every": [1, 5, 20],
    "sparsity.drop": ["set", "snip"],
}
"""They leave every network the same shape, that of the one whose artifacts all trials may have."""

_MANY = 1000
"""Trials of a study that crosses all of them: 24 arms. One of fewer has the first, and 4."""

_PROVENANCE = {
    "engine": "native",
    "instruction_set": "avx512",
    "device": "A processor with a long name @ 2.00GHz",
    "host": "somewhere",
    "python": "3.11.9",
    "torch": "2.13.0",
    "numpy": "2.4.1",
    "version": "0.1.0",
    "revision": "0123456789abcdef0123456789abcdef01234567",
}


def made_up_study(workspace: Workspace, trials: int, artifacts: Mapping[str, bytes] | None = None) -> StudyRecord:
    """A study of at least ``trials`` trials, all done, in a workspace that has none of that name.

    Each trial leaves ``artifacts`` behind, file name -> content, the same ones.
    """
    left = artifacts or {}
    file = workspace.root / "made-up.yaml"
    workspace.root.mkdir(parents=True, exist_ok=True)
    text, _, _ = study_text(trials, "/data")
    file.write_text(text, encoding="utf-8")
    study = read_study(file)
    record = make_record(study, make_plan(study, _described))
    save_record(workspace, record)
    rng = np.random.default_rng(0)
    with Ledger(workspace, NAME) as ledger:
        for trial in record.trials:
            ledger.append("started", trial.trial_id)
            _leave(workspace.trial(trial.trial_id), workspace.root, left)
            ledger.append(
                "done",
                trial.trial_id,
                started=time.time() - 100 * float(rng.random()),
                config=trial.config.to_dict(),
                seed=trial.seed,
                metrics=_metrics(rng),
                artifacts=list(left),
                provenance=_PROVENANCE,
                error=None,
            )
    return record


def study_text(trials: int, path: str, base: str = "{}") -> tuple[str, list[str], int]:
    """A study file of at least ``trials`` trials with the settings ``base``; the names of its data sets, ``.npz`` files
    in ``path``; and how many trials it has."""
    factors = dict(list(_FACTORS.items())[: None if trials >= _MANY else 1])
    arms = 2 * math.prod(map(len, factors.values()))
    datasets = [f"Set{number:03d}" for number in range(math.ceil(trials / (arms * _SEEDS)))]
    text = _STUDY.format(name=NAME, path=path, datasets=datasets, factors=factors, seeds=_SEEDS, base=base)
    return text, datasets, arms * _SEEDS * len(datasets)


def _leave(folder: Path, originals: Path, artifacts: Mapping[str, bytes]) -> None:
    """As links to one file each: they are read like files of their own, and take the room of one."""
    for name, content in artifacts.items():
        folder.mkdir(parents=True, exist_ok=True)
        original = originals / name
        if not original.exists():
            original.write_bytes(content)
        (folder / name).hardlink_to(original)


def _metrics(rng: np.random.Generator) -> dict[str, float]:
    names = [*METRICS, *(f"to_come_{number}" for number in range(RECORDED - len(METRICS)))]
    return dict(zip(names, rng.random(RECORDED).tolist(), strict=True))


def _described(config: DataConfig) -> DataInfo:
    return DataInfo(
        name=config.name,
        content_hash=config.name,
        train_n=100,
        test_n=100,
        channels=1,
        length=100,
        classes=2,
        files=(str(Path("/data") / f"{config.name}.npz"),),
    )
