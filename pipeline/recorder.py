"""What comes of a trial is made durable before anyone is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from dsn.durable import write_folder
from pipeline.errors import WorkspaceFailed
from pipeline.ledger import Ledger
from pipeline.outcome import EpochReport, TrialResult
from pipeline.planning import TrialSpec
from pipeline.provenance import code_provenance
from pipeline.terminal.broadcast import Broadcast
from pipeline.workspace import Workspace


class Recorder:
    """Artifacts first, then the ledger, then the terminal."""

    def __init__(self, workspace: Workspace, ledger: Ledger, broadcast: Broadcast) -> None:
        self._workspace = workspace
        self._ledger = ledger
        self._broadcast = broadcast
        self._provenance = code_provenance()

    def started(self, trial: TrialSpec) -> None:
        assert trial.content_hash
        with workspace_failures(self._workspace):
            self._ledger.append("started", trial.trial_id)
        self._broadcast.started(trial)

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None:
        """Shown, not recorded: a trial that is cut off starts again."""
        self._broadcast.progressed(trial, report)

    def finished(self, trial: TrialSpec, result: TrialResult) -> None:
        with workspace_failures(self._workspace):
            if result.artifacts:
                write_folder(self._workspace.trial(trial.trial_id), result.artifacts)
            self._ledger.append(
                result.status,
                trial.trial_id,
                started=result.started,
                config=trial.config.to_dict(),
                seed=trial.seed,
                metrics=result.metrics,
                artifacts=sorted(result.artifacts),
                provenance=result.provenance | self._provenance,
                error=asdict(result.error) if result.error else None,
            )
        self._broadcast.finished(trial, result)


@contextmanager
def workspace_failures(workspace: Workspace) -> Iterator[None]:
    """Around what reads and writes the workspace, and nothing else: other failures must keep their own names."""
    try:
        yield
    except OSError as error:
        raise WorkspaceFailed(f"workspace {workspace.root}: {error}") from error
