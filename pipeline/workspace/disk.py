"""How much disk a study's results take, guessed before anything has run; and what there is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dsn.architecture import is_sparse
from dsn.config import RunConfig
from dsn.cost import Cost
from dsn.sparsity.schedule import update_period
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.study.spec import Tracking

SCARCE = 0.1
"""Part of a disk that should stay free: file systems slow down, and Ray objects to one that is 95 % full."""

BYTES_A_WEIGHT = 4
"""Of ``network.npz``, for each active weight: float32s of a trained network hardly compress (3.7 were measured)."""

BYTES_A_PLACE = 0.5
"""Of ``network.npz``, for each place where there is no weight: a zero and a bit of the mask, compressed. Measured: 0.15
after 30 epochs, 0.4 after 1000, when regrowth has scattered the weights."""

BYTES_AN_EPOCH = 48
"""Of ``history.parquet``; 36 were measured, 42 with a test in every epoch, and a number more."""

BYTES_AN_UPDATE = 10
"""Of ``mask_updates.parquet``, for a kernel group; 8 were measured over 200 updates."""

BYTES_A_TAP = 1
"""Of ``active_weights.parquet``, for an output channel and tap of a layer, whether or not weights are there."""

BYTES_A_POSITION = 24
"""Of a checkpoint, for each position of the network with or without a weight, stored as they are: weight, mask, two
moments and a count of Adam's, the network selected so far with its mask, the present mask and what has been covered."""

BYTES_A_RECORD = 48
"""Of a checkpoint, for an epoch; half as much again for a kernel group of a mask update."""

BYTES_A_CHECKPOINT = 32 * 1024
"""Of a checkpoint, whatever the trial: names, settings, generators."""

BYTES_A_METRIC = 330
"""Of MLflow's database, for a point of a learning curve, with its indexes."""

BYTES_A_TRIAL = 60 * 1024
"""Of all files and tables together, whatever the trial: headers, parts of blocks, the ledger, parameters and tags."""

BYTES_A_STUDY = 4 * 2**20
"""MLflow's empty database, and the report with its copy in MLflow."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Bytes of a disk: all of them, and those that may still be written."""

    total: int
    free: int


def estimated_bytes(plan: Plan, tracking: Tracking) -> int:
    """Bytes of the workspace that the results of the plan's trials will take, rather too many than too few.

    MLflow keeps a copy of each artifact beside its own store; with ``tracking.uri`` that is elsewhere.
    """
    kept = tracking.keep_models != "none"
    train_n = {use.config: use.info.train_n for use in plan.data}
    total = 0.0
    for trial in plan.trials:
        training, masks = trial.config.training, sparsity_bytes(trial.config, train_n[trial.config.data])
        network = network_bytes(trial.cost) if kept else 0.0
        artifacts = BYTES_AN_EPOCH * training.epochs + masks + network
        metrics = 2 * min(training.epochs, tracking.curve_points) + min(training.tests, tracking.curve_points)
        total += BYTES_A_TRIAL + (artifacts if tracking.uri else 2 * artifacts + BYTES_A_METRIC * metrics)
    return BYTES_A_STUDY + round(total)


def sparsity_bytes(config: RunConfig, train_n: int) -> int:
    """Of ``mask_updates.parquet`` and ``active_weights.parquet`` of a training on ``train_n`` series; a dense network
    has rows in neither."""
    model, sparsity = config.model, config.sparsity
    if not is_sparse(model, sparsity):
        return 0
    places = model.depth * model.channels * model.kernel_size
    return BYTES_AN_UPDATE * _group_updates(config, train_n) + BYTES_A_TAP * places


def _group_updates(config: RunConfig, train_n: int) -> int:
    """Mask updates of a training, times the kernel groups of which each has a record."""
    model, sparsity = config.model, config.sparsity
    if not is_sparse(model, sparsity) or not sparsity.explore:
        return 0
    steps = config.training.steps_per_epoch(train_n)
    return config.training.epochs * steps // update_period(sparsity, steps) * model.depth * sparsity.groups


def network_bytes(cost: Cost) -> float:
    """Of ``network.npz``."""
    return BYTES_A_WEIGHT * cost.parameters + BYTES_A_PLACE * _places(cost)


def _places(cost: Cost) -> float:
    """Where there is no weight: how many follows from the operations that they would cost."""
    return cost.parameters * (cost.flops_masked / cost.flops - 1)


def checkpoints_bytes(plan: Plan, slots: int) -> int:
    """Of the largest checkpoints that ``slots`` trials have at the same time, and of one that is being written."""
    train_n = {use.config: use.info.train_n for use in plan.data}
    each = max((checkpoint_bytes(trial, train_n[trial.config.data]) for trial in plan.trials), default=0.0)
    return round(each * (min(slots, len(plan.trials)) + 1))


def checkpoint_bytes(trial: TrialSpec, train_n: int) -> float:
    """Of a trial's last checkpoint, the largest one."""
    positions = trial.cost.parameters + _places(trial.cost)
    records = trial.config.training.epochs + 1.5 * _group_updates(trial.config, train_n)
    return BYTES_A_CHECKPOINT + BYTES_A_POSITION * positions + BYTES_A_RECORD * records


def disk_space(path: Path) -> Space:
    """Of the disk on which ``path`` lies, or will lie once it is made."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    return Space(total=usage.total, free=usage.free)


def shown_size(count: float) -> str:
    """``3.2 GB``, ``45 MB``: bytes as people read them, a kilobyte being 1000."""
    for unit, step in (("GB", 1e9), ("MB", 1e6)):
        if count >= step:
            return f"{count / step:.1f} {unit}" if count < 10 * step else f"{count / step:.0f} {unit}"
    return f"{count / 1e3:.0f} kB"
