"""``dsn studies``: what a workspace has studied, what it has cost, and what will come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_workspace import ended, here, planned

from dsn.errors import InvalidInput
from pipeline.scheduling.costs import Costs
from pipeline.terminal.progress import Phase, Progress
from pipeline.terminal.progress_file import ProgressFile
from pipeline.terminal.studies import Known, Unreadable, read_studies, studies_summary, studies_text
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import TIMED_BY, Ledger, as_lines, ledger_file, read_states, read_times
from pipeline.workspace.lifecycle import TrialState
from pipeline.workspace.record import load_outline

Dsn = Callable[..., tuple[object, str, str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


def _end(workspace: Workspace, study: str, trial_id: str, event: str, took: float) -> None:
    """On a machine like this one."""
    with Ledger(workspace, study) as ledger:
        ledger.append(event, trial_id)
    path = ledger_file(workspace, study)
    *before, line = path.read_bytes().splitlines(keepends=True)
    plain = json.loads(line)
    error = {"kind": "diverged", "message": "m", "traceback": ""} if event == "failed" else None
    head = {"event": event, "trial": trial_id, "time": plain["time"], "started": plain["time"] - took}
    path.write_bytes(b"".join(before) + as_lines([head | {"provenance": here(), "error": error}]))


def test_times_are_the_states_without_the_rest_of_what_is_no_failure(workspace: Workspace) -> None:
    ended(workspace)
    with Ledger(workspace, "second") as ledger:
        ledger.reopen({next(iter(read_states(workspace))): "all"})
    states = read_states(workspace)
    assert read_times(workspace) == {
        trial_id: replace(state, record=_timed(state)) for trial_id, state in states.items()
    }


def _timed(state: TrialState) -> dict[str, Any]:
    """What is kept of its line."""
    record = dict(state.record or {})
    if state.status == "failed":
        return record
    if "provenance" in record:
        record["provenance"] = {key: each for key, each in record["provenance"].items() if key in TIMED_BY}
    kept = ("event", "trial", "generation", "time", "started", "provenance")
    return {key: each for key, each in record.items() if key in kept}


def test_provenance_with_braces_and_quotes_is_read_as_it_is(workspace: Workspace) -> None:
    planned(workspace, "s")
    odd = {"device": 'a "{odd}" \\ device }', "engine": "native", "began_anew": '"provenance":{"engine":"torch"}'}
    head = {"event": "done", "trial": "a1", "time": 5.0, "started": 4.0}
    lines = as_lines([head | {"note": '"provenance":{}', "provenance": odd}])
    ledger_file(workspace, "s").write_bytes(lines)
    told = {key: odd[key] for key in ("device", "engine")}
    assert read_times(workspace) == {"a1": TrialState(status="done", record=head | {"provenance": told})}


def test_provenance_that_is_no_json_is_a_damaged_line(workspace: Workspace) -> None:
    planned(workspace, "s")
    line = b'{"event":"done","trial":"a1","time":5.0,"provenance":{"device":"\\q"}}\n'
    ledger_file(workspace, "s").write_bytes(line)
    with pytest.raises(InvalidInput, match="holds a line that is no record"):
        read_times(workspace)


def test_times_of_a_line_in_another_form_are_read_too(workspace: Workspace) -> None:
    planned(workspace, "s")
    line = {"trial": "a1", "time": 5, "note": '"event":"started"', "event": "done", "started": 4}
    ledger_file(workspace, "s").write_text(f"{json.dumps(line)}\n", encoding="utf-8")
    assert read_times(workspace) == {"a1": TrialState(status="done", record=line)}


def test_hours_spent_and_left(workspace: Workspace) -> None:
    record = planned(workspace, "s", seeds=2)
    first, second, third, *others = record.trials
    _end(workspace, "s", first.trial_id, "done", 2 * first.seconds)
    _end(workspace, "s", second.trial_id, "done", 4 * second.seconds)
    _end(workspace, "s", third.trial_id, "failed", 1.0)
    (found,) = read_studies(workspace)
    assert isinstance(found, Known)
    assert found.condition == "unfinished"
    assert found.counts == {"done": 2, "pruned": 0, "failed": 1, "running": 0, "pending": len(others)}
    # Times are written as seconds since 1970, to 2^-22 s.
    assert found.spent == pytest.approx(2 * first.seconds + 4 * second.seconds + 1.0, abs=1e-5)
    took = {first.trial_id: 2 * first.seconds, second.trial_id: 4 * second.seconds}
    costs = Costs(load_outline(workspace, "s").estimates, took)
    assert costs.measured == 2
    assert found.left == pytest.approx(sum(costs.seconds(trial.trial_id) for trial in others), rel=1e-4)


def test_a_trial_that_ended_before_it_began_took_no_time(workspace: Workspace) -> None:
    first, second, *_ = planned(workspace, "s").trials
    _end(workspace, "s", first.trial_id, "done", -7200.0)
    _end(workspace, "s", second.trial_id, "done", 2.0)
    (found,) = read_studies(workspace)
    assert isinstance(found, Known)
    assert found.spent == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize(
    ("events", "condition"),
    [
        ([], "not begun"),
        (["done"], "unfinished"),
        (["done"] * 4, "done"),
        (["done", "failed", "done", "done"], "failed"),
    ],
)
def test_conditions(workspace: Workspace, events: list[str], condition: str) -> None:
    record = planned(workspace, "s", seeds=1)
    assert len(record.trials) == 4
    for trial, event in zip(record.trials, events, strict=False):
        _end(workspace, "s", trial.trial_id, event, 1.0)
    (found,) = read_studies(workspace)
    assert isinstance(found, Known)
    assert found.condition == condition


def test_a_study_that_runs_says_so(workspace: Workspace, driving: Callable[..., Any]) -> None:
    planned(workspace, "s")
    with driving(workspace, "s"):
        (found,) = read_studies(workspace)
    assert isinstance(found, Known)
    assert found.condition == "running"


@pytest.mark.parametrize(
    ("phase", "condition"),
    [("training", "running"), ("finishing", "finishing"), ("stopping", "stopping"), ("tracking", "running")],
)
def test_a_study_whose_run_is_asked_to_stop_says_so(
    workspace: Workspace, driving: Callable[..., Any], phase: Phase, condition: str
) -> None:
    record, _ = planned(workspace, "s"), planned(workspace, "another")
    progress = Progress(
        study="s", question="", trials=record.trials, cells=record.cells, states={}, todo=(), began=time.time()
    )
    progress.enter(phase)
    file = ProgressFile(workspace, "s", pytest.fail)
    with driving(workspace, "s"):
        file.write(progress.snapshot(time.time()))
        found = read_studies(workspace)
        assert [each["condition"] for each in studies_summary(found)] == ["not begun", condition]
        assert f"\ns        {condition}  " in studies_text(found, workspace, 80)
    assert [each["condition"] for each in studies_summary(read_studies(workspace))] == ["not begun", "not begun"]


def test_a_study_of_another_version_hides_no_other(workspace: Workspace) -> None:
    planned(workspace, "a")
    planned(workspace, "b")
    (workspace.study("a") / "study.json").write_text("{}", encoding="utf-8")
    unreadable, known = read_studies(workspace)
    assert isinstance(unreadable, Unreadable)
    assert isinstance(known, Known)
    assert (unreadable.study, known.study) == ("a", "b")
    text = studies_text([unreadable, known], workspace, 80)
    assert "a is damaged, or of another version of this program; `dsn run`" in text


def test_the_command_for_people_and_for_scripts(workspace: Workspace, dsn: Dsn) -> None:
    assert dsn("studies") == (0, f"0 studies in {workspace.root}\n", "")
    ended(workspace)
    code, out, _ = dsn("studies")
    assert code == 0
    head, _, first, question, *_ = out.splitlines()
    assert head == f"2 studies in {workspace.root}"
    assert first.startswith("first   unfinished  5 of 12 done, 2 failed  ")
    assert question == "  Does anything get lost?"
    found = json.loads(dsn("studies", "--json")[1])
    assert [each["study"] for each in found] == ["first", "second"]
    assert found[0] | {"last": 0, "seconds_spent": 0, "seconds_left": 0} == {
        "study": "first",
        "question": "Does anything get lost?",
        "condition": "unfinished",
        "last": 0,
        "planned": 12,
        "done": 5,
        "pruned": 0,
        "failed": 2,
        "running": 0,
        "pending": 5,
        "seconds_spent": 0,
        "seconds_left": 0,
    }


def test_it_imports_no_heavy_library(workspace: Workspace, tmp_path: Path) -> None:
    ended(workspace)
    code = "import sys; sys.argv = ['dsn', 'studies']\nfrom pipeline.cli import main\ntry:\n    main()\nfinally:\n"
    code += "    print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "DSN_WORKSPACE": str(workspace.root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "first" in answer.stdout
    heavy = {"torch", "ray", "mlflow", "pandas", "matplotlib", "pyarrow", "scipy", "aeon"}
    assert heavy.isdisjoint(answer.stderr.split())
