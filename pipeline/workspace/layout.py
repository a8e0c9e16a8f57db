"""Where everything lies that a run writes: one folder, on the driver's local disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dsn.errors import InvalidInput

ARTIFACTS = "mlflow-artifacts"
"""Folder of MLflow's artifacts, beside its database."""

PAGE = "report.html"
"""In a report's folder: what is opened first."""

AGAINST = "against.csv"
"""In a report's folder: the published accuracies that the report was set beside (``dsn report --against``)."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Paths under ``root``; nothing is created by asking for one.

    lock    ledger/<study>/ledger.jsonl, study.json, progress.json, tracking.log
    trials/<trial id>/history.parquet, mask_updates.parquet, receptive_fields.parquet, active_weights.parquet,
        network.npz
    checkpoints/<trial id>, while a trial has not ended
    mlflow.db, mlflow-artifacts/    reports/<study>/    cache/data.json
    """

    root: Path

    @classmethod
    def locate(cls, given: Path | None = None) -> Workspace:
        """``given``, or the environment's DSN_WORKSPACE, or ./workspace.

        Raises:
            InvalidInput: something else than a folder is there, or nothing could be: no such user, a loop of links.
        """
        root = given if given is not None else Path(os.environ.get("DSN_WORKSPACE") or "workspace")
        try:
            resolved = root.expanduser().resolve()
            taken = resolved.exists() and not resolved.is_dir()
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidInput(f"cannot be a folder: {reason}", key="workspace", value=str(root)) from error
        if taken:
            raise InvalidInput("is not a folder", key="workspace", value=str(resolved))
        return cls(root=resolved)

    @property
    def ledgers(self) -> Path:
        return self.root / "ledger"

    def study(self, name: str) -> Path:
        return self.ledgers / name

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def report(self, study: str) -> Path:
        return self.root / "reports" / study

    @property
    def data_cache(self) -> Path:
        return self.root / "cache" / "data.json"

    @property
    def tracking_uri(self) -> str:
        """The workspace's own MLflow store."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def tracking_artifacts(self) -> Path:
        return self.root / ARTIFACTS
