"""Where a study's results are read from. Whoever analyses them need not know whether that is a workspace or MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.workspace.layout import AGAINST, Workspace
from pipeline.workspace.ledger import decisive_lines, read_states
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import StudyRecord, load_record


class StudySource(Protocol):
    """What is known of one study at the moment when it was opened.

    Attributes:
        record: of the study.
        states: of its trials; one that is not in it is pending.
    """

    @property
    def record(self) -> StudyRecord: ...

    @property
    def states(self) -> Mapping[str, TrialState]: ...

    def lines(self) -> list[dict[str, Any]]:
        """Lines of a ledger that says the same of the study's trials."""
        ...

    def holds(self, trial_id: str, artifact: str) -> bool:
        """Whether a trial has left a file of that name."""
        ...

    def file(self, trial_id: str, artifact: str) -> Path:
        """A file that it ``holds``, for reading; fetched now where it lies elsewhere.

        Raises:
            InvalidInput: it cannot be fetched.
        """
        ...

    def against(self) -> Path | None:
        """The published accuracies that the study's report was last set beside, if it was.

        Raises:
            InvalidInput: they cannot be fetched.
        """
        ...


class WorkspaceSource:
    """A study as a workspace has it."""

    def __init__(self, workspace: Workspace, study: str) -> None:
        """
        Raises:
            UnknownStudy: the workspace has no record of it.
        """
        self._workspace = workspace
        self._trials = workspace.trials
        self.record = load_record(workspace, study)
        self.states: Mapping[str, TrialState] = read_states(workspace)

    def lines(self) -> list[dict[str, Any]]:
        return decisive_lines(self._workspace, {trial.trial_id for trial in self.record.trials})

    def holds(self, trial_id: str, artifact: str) -> bool:
        """Not what an earlier attempt left in its folder, nor what somebody removed."""
        state = self.states.get(trial_id)
        recorded = state is not None and artifact in (state.record or {}).get("artifacts", ())
        return recorded and self.file(trial_id, artifact).exists()

    def file(self, trial_id: str, artifact: str) -> Path:
        return self._trials.joinpath(trial_id, artifact)  # one path object: there are tens of thousands

    def against(self) -> Path | None:
        return kept_against(self._workspace, self.record.name)


def kept_against(workspace: Workspace, study: str) -> Path | None:
    """The published accuracies that the workspace's report of ``study`` is set beside, if it is."""
    path = workspace.report(study) / AGAINST
    return path if path.exists() else None
