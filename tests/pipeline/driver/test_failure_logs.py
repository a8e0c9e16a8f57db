"""The logs of a trial that fails, is asked for again, and fails again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_info import made_info

from pipeline.driver.recorder import Recorder
from pipeline.planning.plan import Plan, make_plan
from pipeline.scheduling.todo import Rerun, begin
from pipeline.study.spec import read_study
from pipeline.trial.outcome import TrialError, TrialResult
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, read_states


class Nowhere:
    """What a run is shown on, and is not here."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    file = tmp_path / "s.yaml"
    file.write_text("name: s\ndata: [{source: npz, path: /d, names: [A]}]\nseeds: 1\n", encoding="utf-8")
    return make_plan(read_study(file), made_info)


def _run(workspace: Workspace, plan: Plan, rerun: Rerun | None, errors: list[str]) -> None:
    """A run in which the trial is lost with each of these messages, and has failed with the last; without any, a run
    that ends before it begins a trial."""
    with Ledger(workspace, "s") as ledger:
        todo, states = begin(workspace, ledger, plan, rerun)
        recorder = Recorder(workspace, "s", ledger, Nowhere(), states)  # type: ignore[arg-type]
        (trial,) = todo.trials
        for attempt, message in enumerate(errors, start=recorder.attempts(trial) + 1):
            recorder.started(trial, attempt)
            error = TrialError(kind="diverged", message=message)
            if message != errors[-1]:
                recorder.lost(trial, attempt, error, 0)
            else:
                result = TrialResult(trial_id=trial.trial_id, status="failed", started=1.0, error=error)
                recorder.finished(trial, attempt, result)


def test_no_log_of_a_failure_is_overwritten_by_those_of_a_later_life(tmp_path: Path, plan: Plan) -> None:
    workspace = Workspace(root=tmp_path / "workspace")
    _run(workspace, plan, None, ["a", "b", "c"])
    _run(workspace, plan, "failed", [])
    _run(workspace, plan, None, ["d", "e", "f"])
    logs = sorted((workspace.study("s") / "failures").iterdir())
    assert [path.read_text(encoding="utf-8").split()[-1] for path in logs] == list("abcdef")
    (state,) = read_states(workspace).values()
    assert state.record is not None
    assert state.record["error"]["log"] == str(logs[-1].relative_to(workspace.root))
