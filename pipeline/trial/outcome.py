"""What comes back from a trial, apart from its training: the driver need not import torch to read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline.redaction import redacted

ACTIVE_WEIGHTS = "active_weights.parquet"
HISTORY = "history.parquet"
MASK_UPDATES = "mask_updates.parquet"
NETWORK = "network.npz"
RECEPTIVE_FIELDS = "receptive_fields.parquet"

TABLES = (ACTIVE_WEIGHTS, HISTORY, MASK_UPDATES, RECEPTIVE_FIELDS)
ARTIFACTS = (*TABLES, NETWORK)
"""Names of all files that a trial may leave behind."""

ErrorKind = Literal[
    "diverged",
    "invalid-data",
    "exception",
    "exited",
    "no-result",
    "out-of-memory",
    "time-limit",
    "worker-lost",
    "host-lost",
]
"""What can become of a trial; ``pipeline.scheduling.retry`` says what is then done."""


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """How far a running trial is: its last epoch (from 1), and that epoch's mean training loss."""

    epoch: int
    train_loss: float


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A running trial's whole state after ``epoch``, from which it can go on."""

    epoch: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TrialError:
    """Why a trial failed; ``kind`` is for counting and sorting causes.

    The texts are others', and so they are redacted, here: the process that makes the error knows the secrets in it.

    Attributes:
        log: the file with all that is known of it (``pipeline.workspace.failure_log``), from the workspace's root.
    """

    kind: ErrorKind
    message: str
    traceback: str = ""
    log: str = ""

    def __post_init__(self) -> None:
        for name in ("message", "traceback"):
            object.__setattr__(self, name, redacted(getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What a trial leaves behind.

    Attributes:
        metrics: numbers by name (``pipeline.analysis.results.METRICS``); empty when it failed.
        artifacts: file name -> content.
        provenance: where and with what it was computed.
        error: set exactly when it failed.
    """

    trial_id: str
    status: Literal["done", "failed"]
    started: float
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict, repr=False)
    provenance: dict[str, str] = field(default_factory=dict)
    error: TrialError | None = None
