"""All that is known of an attempt that failed, as a file for people: the ledger's line names it."""

from __future__ import annotations

import time

from dsn.durable import write_folder
from pipeline.planning.plan import TrialSpec
from pipeline.trial.outcome import TrialError
from pipeline.workspace.layout import Workspace

_FOLDER = "failures"


def write_failure_log(
    workspace: Workspace, study: str, trial: TrialSpec, error: TrialError, *, generation: int, attempt: int
) -> str:
    """Write it, beside the study's ledger; returns where it is, from the workspace's root.

    A trial that is asked for again may count its attempts anew; its ``generation`` keeps the log of the former failure.

    Raises:
        OSError: the disk is full, say.
    """
    folder = workspace.study(study) / _FOLDER
    name = f"{trial.trial_id}.{generation}.{attempt}.log"
    text = failure_text(trial, attempt, error, time.strftime("%Y-%m-%d %H:%M:%S %Z"))
    write_folder(folder, {name: text.encode("utf-8", "backslashreplace")})
    return str((folder / name).relative_to(workspace.root))


def failure_text(trial: TrialSpec, attempt: int, error: TrialError, when: str) -> str:
    """What the file says."""
    head = [f"trial    {trial.trial_id}", f"         {trial.title}", f"attempt  {attempt}", f"ended    {when}"]
    said = [f"{error.kind}: {error.message}", *([error.traceback.rstrip()] if error.traceback else [])]
    return "\n".join([*head, "", "\n\n".join(said)]) + "\n"
