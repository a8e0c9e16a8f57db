"""One trial: the only place that reaches into the science beyond its configuration and costs.

Nothing here knows of Ray, MLflow or the ledger; the same code runs in a worker and under a debugger.
"""

from __future__ import annotations

import io
import math
import platform
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dsn.active_weights import TapCount, tap_counts
from dsn.architecture import LayerPlan, layer_plans
from dsn.artifact import NetworkHeader, network_bytes
from dsn.checkpoint import require_same_training
from dsn.checkpoint_file import checkpoint_bytes, read_checkpoint
from dsn.columns import as_columns
from dsn.config import DataConfig
from dsn.data import load
from dsn.data.dataset import TimeSeriesData
from dsn.engine_choice import ChosenEngine, choose_engine
from dsn.errors import InvalidData, InvalidInput
from dsn.native.fingerprint import fingerprint
from dsn.native.library import FOLDER
from dsn.peak_memory import PeakMemory
from dsn.receptive_field import SizeCount, mean_stacked_size, size_counts
from dsn.sparsity.exploration import GroupUpdate
from dsn.sparsity.exploration_space import log10_topologies
from dsn.training import EpochRecord, FitResult, Training
from pipeline.planning.gpu_memory import left_for_tensors
from pipeline.planning.plan import TrialSpec
from pipeline.trial.cause import cause_of
from pipeline.trial.outcome import (
    ACTIVE_WEIGHTS,
    HISTORY,
    MASK_UPDATES,
    NETWORK,
    RECEPTIVE_FIELDS,
    Checkpoint,
    TrialResult,
)
from pipeline.trial.provenance import processor_name


def trial_epochs(
    trial: TrialSpec, *, keep_model: bool, checkpoint: bytes | None = None, checkpoint_every: float = 60.0
) -> Generator[EpochRecord | Checkpoint, None, TrialResult]:
    """Train: yields a record an epoch, and now and then a checkpoint; returns the result.

    Whatever goes wrong inside is returned, not raised: exits too, which would end the worker that the trial is in.

    Args:
        trial: what to train.
        keep_model: whether the network is among the artifacts.
        checkpoint: what an earlier attempt yielded, on whatever machine. It is gone on from if that leads to what an
            undisturbed training here would come to, to the bit; else the trial begins anew. Provenance says which:
            ``resumed_from``, an epoch, or ``began_anew``, why.
        checkpoint_every: seconds, after which an epoch's end is worth a checkpoint; infinity makes none.
    """
    attempt = _Attempt(trial=trial, keep_model=keep_model, checkpoint=checkpoint, checkpoint_every=checkpoint_every)
    return attempt.epochs((Exception, SystemExit, KeyboardInterrupt))


def run_trial(trial: TrialSpec, *, keep_model: bool = True) -> TrialResult:
    """Train to the end. A KeyboardInterrupt is raised: in this process it is a person's."""
    epochs = _Attempt(trial=trial, keep_model=keep_model).epochs((Exception, SystemExit))
    while True:
        try:
            next(epochs)
        except StopIteration as finished:
            result: TrialResult = finished.value
            return result


@dataclass(kw_only=True)
class _Attempt:
    """One try at a trial: what was asked for, as in ``trial_epochs``, and what a failure can tell of it too."""

    trial: TrialSpec
    keep_model: bool
    checkpoint: bytes | None = None
    checkpoint_every: float = math.inf
    started: float = field(default_factory=time.time)
    provenance: dict[str, str] = field(default_factory=dict)

    def epochs(self, caught: tuple[type[BaseException], ...]) -> Generator[EpochRecord | Checkpoint, None, TrialResult]:
        """To the end, or to what of ``caught`` is raised."""
        try:
            return (yield from self._trained())
        except caught as error:
            # Errors are data: the study goes on, the ledger says what happened.
            return TrialResult(
                trial_id=self.trial.trial_id,
                status="failed",
                started=self.started,
                provenance=self.provenance,
                error=cause_of(error),
            )

    def _trained(self) -> Generator[EpochRecord | Checkpoint, None, TrialResult]:
        trial = self.trial
        device = device_for(trial)
        if device == "cuda":
            _keep_to_share(trial.resources.gpus)
        engine = choose_engine(trial.engine, device)
        self.provenance |= _provenance(trial, engine)
        data = _prepared(trial.config.data)
        if data.content_hash != trial.content_hash:
            raise InvalidData("has changed since the study was planned", key="data set", value=data.name)
        threads = trial.resources.cpus
        with PeakMemory(device) as peak:
            training = Training(trial.config, data, seed=trial.seed, engine=engine.name, device=device, threads=threads)
            header = _header(trial, engine)
            if self.checkpoint is not None:
                self.provenance |= _resumed(training, self.checkpoint, header)
                self.checkpoint = None  # as large as the training itself
            yield from _epochs(training, header, self.checkpoint_every)
            result = training.result()
        return TrialResult(
            trial_id=trial.trial_id,
            status="done",
            started=self.started,
            metrics=result.metrics | _cost_metrics(trial, peak) | _topology_metrics(trial, data, result),
            artifacts=_artifacts(trial, data, result, self.keep_model),
            provenance=self.provenance,
        )


def _resumed(training: Training, checkpoint: bytes, header: Mapping[str, str]) -> dict[str, str]:
    """Let a new training go on from a checkpoint, if it is one of its own; how it then begins, for its provenance."""
    try:
        found, state = read_checkpoint(checkpoint)
        require_same_training(found, header)
        training.load_state_dict(state)
    except InvalidInput as error:
        return {"began_anew": str(error)}
    return {"resumed_from": str(training.epoch)}


def _epochs(training: Training, header: Mapping[str, str], every: float) -> Iterator[EpochRecord | Checkpoint]:
    """The rest of a training; no checkpoint after its last epoch, from which only the result is missing."""
    due = time.monotonic() + every
    for record in training.epochs():
        yield record
        if time.monotonic() >= due and not training.ended:
            yield Checkpoint(epoch=training.epoch, content=checkpoint_bytes(training.state_dict(), header))
            due = time.monotonic() + every


@lru_cache(maxsize=4)
def _prepared(config: DataConfig) -> TimeSeriesData:
    """Trials of one data set follow each other in a worker; its arrays are read-only, so they can share them."""
    return load(config)


def device_for(trial: TrialSpec) -> str:
    """Where it is computed in this process: on a GPU if it may use one and there is one."""
    return "cuda" if trial.resources.gpus > 0 and torch.cuda.is_available() else "cpu"


def _keep_to_share(share: float) -> None:
    """Ray's parts of a GPU are on paper: without a limit a trial could take the memory of those beside it. The one
    before in this process may have had another."""
    there = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(1.0 if share >= 1 else left_for_tensors(share, there))


def _cost_metrics(trial: TrialSpec, peak: PeakMemory) -> dict[str, float]:
    cost = asdict(trial.cost)
    counts = {name: cost[name] for name in ("parameters", "active_weights", "flops", "flops_published")}
    # The ledger holds numbers only: what a system does not tell is left out.
    return counts if math.isnan(peak.bytes) else counts | {"peak_memory_bytes": peak.bytes}


def _topology_metrics(trial: TrialSpec, data: TimeSeriesData, result: FitResult) -> dict[str, float]:
    model, layers = trial.config.model, _layers(trial, data)
    return {
        "log10_topologies": log10_topologies(layers, model),
        "log10_topologies_groups": log10_topologies(layers, model, within="groups"),
        "log10_topologies_layers": log10_topologies(layers, model, within="layers"),
        "mean_receptive_field": mean_stacked_size(size_counts(model, layers, _masks(result))),
    }


def _layers(trial: TrialSpec, data: TimeSeriesData) -> tuple[LayerPlan, ...]:
    return layer_plans(trial.config.model, trial.config.sparsity, data.x_train.shape[1])


def _masks(result: FitResult) -> list[NDArray[np.bool_]]:
    """Of the selected network, one a sparse layer."""
    return [array for name, array in result.network.items() if name.endswith(".mask")]


def _artifacts(trial: TrialSpec, data: TimeSeriesData, result: FitResult, keep_model: bool) -> dict[str, bytes]:
    layers, masks = _layers(trial, data), _masks(result)
    artifacts = {
        HISTORY: _parquet(EpochRecord, result.history),
        RECEPTIVE_FIELDS: _parquet(SizeCount, size_counts(trial.config.model, layers, masks)),
        MASK_UPDATES: _parquet(GroupUpdate, result.mask_updates),
        ACTIVE_WEIGHTS: _parquet(TapCount, tap_counts(layers, masks)),
    }
    if keep_model:
        artifacts[NETWORK] = network_bytes(result.network, NetworkHeader.of(trial.config, data))
    return artifacts


def _parquet(kind: type, rows: Iterable[Any]) -> bytes:
    """Instances of the dataclass ``kind`` as a table, a column a field; the columns are there without any row too."""
    buffer = io.BytesIO()
    pd.DataFrame(as_columns(kind, rows)).to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _provenance(trial: TrialSpec, engine: ChosenEngine) -> dict[str, str]:
    """Of the computing process; the driver adds what it alone knows, such as the code's revision."""
    device = device_for(trial)
    return {
        "engine": engine.name,
        **({"instruction_set": engine.instruction_set} if engine.instruction_set else {}),
        **({"threads": str(trial.resources.cpus)} if device == "cpu" else {}),
        "device": torch.cuda.get_device_name() if device == "cuda" else processor_name(),
        "host": socket.gethostname(),
        "python": platform.python_version(),
        # A plain string: to read torch's own, the driver would have to import torch.
        "torch": str(torch.__version__),
        "numpy": version("numpy"),
    }


def _header(trial: TrialSpec, engine: ChosenEngine) -> dict[str, str]:
    """Of a checkpoint: whose it is, and on what the last bits of its rest depend beside the training itself.

    The native engine's on its instruction set, whatever the processor is called; PyTorch's on the processor, from which
    it chooses its kernels.
    """
    known = _provenance(trial, engine)
    where = ("instruction_set",) if engine.instruction_set else ("device",)
    told = {name: known[name] for name in ("engine", "threads", "torch", "numpy", *where) if name in known}
    sources = fingerprint(FOLDER) if engine.instruction_set else torch.backends.cpu.get_cpu_capability()
    return {"trial": trial.trial_id, **told, "kernels": sources}
