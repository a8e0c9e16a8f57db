"""What comes of a trial is made durable before anyone is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace

from dsn.durable import write_folder
from pipeline.errors import WorkspaceFailed
from pipeline.planning.plan import TrialSpec
from pipeline.terminal.broadcast import Broadcast
from pipeline.trial.outcome import Checkpoint, EpochReport, TrialError, TrialResult
from pipeline.trial.provenance import code_provenance
from pipeline.wording import cause, counted, printable
from pipeline.workspace.checkpoints import Checkpoints
from pipeline.workspace.failure_log import write_failure_log
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.lifecycle import TrialState


class Recorder:
    """Artifacts first, then the ledger, then the terminal (``pipeline.scheduling.dispatch.Listener``).

    Args:
        workspace: of the run.
        study: its name.
        ledger: its ledger.
        broadcast: to whom it is shown.
        states: what the ledgers said of all trials when it began. Of those that had ended no checkpoint is kept.
    """

    def __init__(
        self,
        workspace: Workspace,
        study: str,
        ledger: Ledger,
        broadcast: Broadcast,
        states: Mapping[str, TrialState],
    ) -> None:
        self._workspace = workspace
        self._study = study
        self._ledger = ledger
        self._broadcast = broadcast
        self._states = states
        self._checkpoints = Checkpoints(workspace)
        self._checkpoints_fail = False
        self._provenance = code_provenance()
        with workspace_failures(workspace):
            self._checkpoints.keep_only(
                {key for key, state in states.items() if state.status in ("pending", "running")}
            )

    def attempts(self, trial: TrialSpec) -> int:
        """As of before this run; a line without the number is of a first attempt."""
        state = self._states.get(trial.trial_id)
        attempts: int = (state.record or {}).get("attempt", 1) if state and state.record else 0
        return attempts

    def newest_checkpoint(self, trial: TrialSpec) -> bytes | None:
        """From where the trial can go on."""
        with workspace_failures(self._workspace):
            return self._checkpoints.read(trial.trial_id)

    def started(self, trial: TrialSpec, attempt: int) -> None:
        assert trial.content_hash
        with workspace_failures(self._workspace):
            self._ledger.append("started", trial.trial_id, attempt=attempt)
        self._broadcast.started(trial)

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None:
        """Shown, not recorded: a trial that is cut off goes on from its checkpoint."""
        self._broadcast.progressed(trial, report)

    def checkpointed(self, trial: TrialSpec, checkpoint: Checkpoint) -> None:
        """Kept if there is room: without it a trial that is cut off begins anew, which is no reason to end one."""
        try:
            self._checkpoints.write(trial.trial_id, checkpoint.content)
        except OSError as error:
            if not self._checkpoints_fail:
                self._broadcast.say(f"dsn: checkpoints cannot be kept, trials that are cut off begin anew: {error}")
            self._checkpoints_fail = True

    def lost(self, trial: TrialSpec, attempt: int, error: TrialError, epoch: int) -> None:
        """The trial is pending again, for the reason in its log."""
        with workspace_failures(self._workspace):
            logged = self._logged(trial, attempt, error)
            self._ledger.append("lost", trial.trial_id, attempt=attempt, epoch=epoch, error=asdict(logged))
        self._broadcast.lost(trial)

    def finished(self, trial: TrialSpec, attempt: int, result: TrialResult) -> None:
        with workspace_failures(self._workspace):
            if result.artifacts:
                write_folder(self._workspace.trial(trial.trial_id), result.artifacts)
            error = self._logged(trial, attempt, result.error) if result.error else None
            self._ledger.append(
                result.status,
                trial.trial_id,
                started=result.started,
                attempt=attempt,
                config=trial.config.to_dict(),
                seed=trial.seed,
                metrics=result.metrics,
                artifacts=sorted(result.artifacts),
                provenance=result.provenance | self._provenance,
                error=asdict(error) if error else None,
            )
            self._checkpoints.remove(trial.trial_id)
        self._broadcast.finished(trial, result)

    def gave_up(self, error: TrialError, trials: int) -> None:
        """Said at once, while trials still run."""
        words = printable(cause(error.message))
        self._broadcast.say(
            f"dsn: {counted(trials, 'trial')} failed at the same place, so no more are begun: {words}; "
            "the same command runs the rest"
        )

    def _logged(self, trial: TrialSpec, attempt: int, error: TrialError) -> TrialError:
        generation = self._ledger.generation(trial.trial_id)
        log = write_failure_log(self._workspace, self._study, trial, error, generation=generation, attempt=attempt)
        return replace(error, log=log)


@contextmanager
def workspace_failures(workspace: Workspace) -> Iterator[None]:
    """Around what reads and writes the workspace, and nothing else: other failures must keep their own names."""
    try:
        yield
    except OSError as error:
        raise WorkspaceFailed(f"workspace {workspace.root}: {error}") from error
