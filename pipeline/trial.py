"""One trial: the only place that reaches into the science beyond its configuration and costs.

Nothing here knows of Ray, MLflow or the ledger; the same code runs in a worker and under a debugger.
"""

from __future__ import annotations

import io
import math
import platform
import socket
import time
import traceback
from collections.abc import Generator, Iterable
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dsn.active_weights import TapCount, tap_counts
from dsn.architecture import LayerPlan, layer_plans
from dsn.artifact import NetworkHeader, network_bytes
from dsn.config import DataConfig
from dsn.data import load
from dsn.data.dataset import TimeSeriesData
from dsn.engine_choice import ChosenEngine, choose_engine
from dsn.errors import Diverged, InvalidData, InvalidInput
from dsn.peak_memory import PeakMemory
from dsn.receptive_field import SizeCount, mean_stacked_size, size_counts
from dsn.sparsity.exploration import GroupUpdate
from dsn.sparsity.exploration_space import log10_topologies
from dsn.training import EpochRecord, FitResult, Training
from pipeline.outcome import (
    ACTIVE_WEIGHTS,
    HISTORY,
    MASK_UPDATES,
    NETWORK,
    RECEPTIVE_FIELDS,
    Checkpoint,
    ErrorKind,
    TrialError,
    TrialResult,
)
from pipeline.planning import TrialSpec
from pipeline.provenance import processor_name


def trial_epochs(
    trial: TrialSpec,
    *,
    keep_model: bool,
    checkpoint: bytes | None = None,  # noqa: ARG001
    checkpoint_every: float = 60.0,  # noqa: ARG001
) -> Generator[EpochRecord | Checkpoint, None, TrialResult]:
    """Train: yields a record an epoch, returns the result. Whatever goes wrong inside is returned, not raised."""
    started = time.time()
    provenance: dict[str, str] = {}
    try:
        engine = choose_engine(trial.engine, device_for(trial))
        provenance = _provenance(trial, engine)
        data = _prepared(trial.config.data)
        if data.content_hash != trial.content_hash:
            raise InvalidData("has changed since the study was planned", key="data set", value=data.name)
        with PeakMemory(device_for(trial)) as peak:
            training = Training(
                trial.config,
                data,
                seed=trial.seed,
                engine=engine.name,
                device=device_for(trial),
                threads=trial.resources.cpus,
            )
            yield from training.epochs()
            result = training.result()
        return TrialResult(
            trial_id=trial.trial_id,
            status="done",
            started=started,
            metrics=result.metrics | _cost_metrics(trial, peak) | _topology_metrics(trial, data, result),
            artifacts=_artifacts(trial, data, result, keep_model),
            provenance=provenance,
        )
    except Exception as error:  # noqa: BLE001
        # Errors are data: the study goes on, the ledger says what happened.
        cause = TrialError(kind=_kind(error), message=_message(error), traceback=traceback.format_exc())
        return TrialResult(
            trial_id=trial.trial_id, status="failed", started=started, provenance=provenance, error=cause
        )


def run_trial(trial: TrialSpec, *, keep_model: bool = True) -> TrialResult:
    """Train to the end."""
    epochs = trial_epochs(trial, keep_model=keep_model)
    while True:
        try:
            next(epochs)
        except StopIteration as finished:
            result: TrialResult = finished.value
            return result


@lru_cache(maxsize=4)
def _prepared(config: DataConfig) -> TimeSeriesData:
    """Trials of one data set follow each other in a worker; its arrays are read-only, so they can share them."""
    return load(config)


def device_for(trial: TrialSpec) -> str:
    """Where it is computed in this process: on a GPU if it may use one and there is one."""
    return "cuda" if trial.resources.gpus > 0 and torch.cuda.is_available() else "cpu"


def _kind(error: Exception) -> ErrorKind:
    if isinstance(error, Diverged):
        return "diverged"
    return "invalid-data" if isinstance(error, InvalidInput) else "exception"


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, Diverged | InvalidInput) else f"{type(error).__name__}: {error}"


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
    kept = list(rows)
    types = get_type_hints(kind)
    columns = {name: np.array([getattr(row, name) for row in kept], dtype=types[name]) for name in types}
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, index=False, compression="zstd")
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
        "torch": torch.__version__,
        "numpy": version("numpy"),
    }
