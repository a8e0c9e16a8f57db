"""The command that is started when a run ends: really started, in every way that a run can end."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lifeline import LONGER, lifeline

from dsn.errors import InvalidInput
from pipeline.driver.on_finish import Ending
from pipeline.errors import Interrupted, Locked, WorkspaceFailed
from pipeline.terminal.progress import Progress
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lifecycle import TrialState

MakePlan = Callable[..., Any]

TELL = "import json, os; json.dump({k: v for k, v in os.environ.items() if k[:4] == 'DSN_'}, open('told.json', 'w'))"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the study, in which the command is started."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DSN_")]:
        monkeypatch.delenv(name)
    return tmp_path


def _end(
    make_plan_of: MakePlan,
    command: list[str],
    error: BaseException | None = None,
    *,
    failed: int = 0,
    begun: bool = True,
    report: str = "",
    time_limit: float = 60.0,
) -> list[str]:
    """End a run with ``error``; what was said."""
    study, plan = make_plan_of(f"seeds: 3\non_finish: {json.dumps(command)}\n")
    said: list[str] = []
    ending = Ending(study, Workspace(root=Path("workspace")), said.append, time_limit)
    states = {trial.trial_id: _state(number < failed) for number, trial in enumerate(plan.trials)}
    progress = Progress(study="s", question="", trials=plan.trials, cells=plan.cells, states=states, todo=(), began=0.0)

    def run() -> None:
        with ending.watched():
            if begun:
                ending.snapshot = lambda: progress.snapshot(0.0)
            ending.report = report
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            run()
    else:
        run()
    return said


def _state(failed: bool) -> TrialState:
    if failed:
        return TrialState(status="failed", record={"error": {"kind": "exception", "message": "m"}})
    return TrialState(status="done", record={"metrics": {"test_accuracy": 0.5}})


@pytest.mark.parametrize(
    ("error", "failed", "outcome"),
    [
        (None, 0, "done"),
        (None, 1, "failed"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (Interrupted("one trial to go"), 1, "interrupted"),
        (WorkspaceFailed("disk full"), 0, "workspace-failed"),
        (RuntimeError("a bug"), 0, "error"),
    ],
    ids=["done", "failed", "stopped now", "stopped", "workspace failed", "bug"],
)
def test_it_is_told_how_the_run_ended(
    make_plan_of: MakePlan, place: Path, error: BaseException | None, failed: int, outcome: str
) -> None:
    report = "" if isinstance(error, KeyboardInterrupt) else "workspace/reports/s/report.html"
    assert _end(make_plan_of, [sys.executable, "-c", TELL], error, failed=failed, report=report) == []
    assert json.loads((place / "told.json").read_text()) == {
        "DSN_STUDY": "s",
        "DSN_OUTCOME": outcome,
        "DSN_PLANNED": "3",
        "DSN_DONE": str(3 - failed),
        "DSN_FAILED": str(failed),
        "DSN_REPORT": report,
        "DSN_WORKSPACE": "workspace",
    }


def test_a_run_that_was_refused_is_not_told_of(make_plan_of: MakePlan, place: Path) -> None:
    _end(make_plan_of, [sys.executable, "-c", TELL], Locked("s", "another process"), begun=False)
    assert not (place / "told.json").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('no'); raise SystemExit(3)", "ended with code 3: no"),
        ("raise SystemExit(3)", "ended with code 3"),
        ("import sys; sys.exit('first\\n\\x1b[31mlast\\n\\n')", "ended with code 1:  [31mlast"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with code -9"),
        (
            "print('https://me:my-password@host/ said no'); raise SystemExit(1)",
            "ended with code 1: https://***@host/ said no",
        ),
        ("print('x' * 100_000); raise SystemExit(1)", f"ended with code 1: {'x' * 199}…"),
        ("print('fine')", None),
    ],
    ids=["code", "no words", "escape codes", "signal", "credentials", "much", "fine"],
)
def test_a_command_that_fails_is_told_in_a_line(
    make_plan_of: MakePlan, place: Path, code: str, said: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = _end(make_plan_of, [sys.executable, "-c", code])
    assert lines == ([f"dsn: on_finish: {sys.executable} {said}"] if said else [])
    assert capfd.readouterr() == ("", "")


def test_a_command_that_hangs_is_ended_with_all_that_it_started(make_plan_of: MakePlan, place: Path) -> None:
    script, begun = place / "hang.sh", place / "begun"
    with lifeline(place) as line:
        script.write_text(f"#!/bin/sh\nexec 3> {line.path}\nsleep 1000 &\ntouch {begun}\nwait\n")
        script.chmod(0o755)
        for seconds in LONGER:
            (said,) = _end(make_plan_of, ["./hang.sh"], time_limit=seconds)
            assert said.endswith(f"hang.sh took more than {seconds:g} s and was stopped")
            if begun.exists():
                break
        assert begun.exists()
        line.wait()


def test_a_process_that_it_leaves_behind_is_not_waited_for(make_plan_of: MakePlan, place: Path) -> None:
    release = place / "release"
    os.mkfifo(release)
    with lifeline(place) as line:
        assert _end(make_plan_of, ["sh", "-c", f"exec 3> {line.path}; cat {release} &"]) == []
        assert line.held()
        release.write_bytes(b"")
        line.wait()


def test_nothing_is_expanded_and_no_shell_is_asked(make_plan_of: MakePlan, place: Path) -> None:
    words = ["$HOME", "; touch broken", "a b", "$(touch broken)", ""]
    code = "import json, sys; json.dump(sys.argv[1:], open('words.json', 'w'))"
    assert _end(make_plan_of, [sys.executable, "-c", code, *words]) == []
    assert json.loads((place / "words.json").read_text()) == words
    assert not (place / "broken").exists()


def test_a_program_that_cannot_be_started_after_all_is_told(make_plan_of: MakePlan, place: Path) -> None:
    script = place / "no-format"
    script.write_bytes(b"\x00\x01")
    script.chmod(0o755)
    (line,) = _end(make_plan_of, ["./no-format"])
    assert line.endswith("no-format could not be started: Exec format error")


def test_a_disk_without_room_for_its_words_does_not_hide_how_the_run_ended(
    make_plan_of: MakePlan, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place / "none"))
    (line,) = _end(make_plan_of, [sys.executable, "-c", TELL], WorkspaceFailed("disk full"))
    assert line == f"dsn: on_finish: {sys.executable} could not be started: No such file or directory"


@pytest.mark.parametrize("program", ["no-such-program", "./none.sh", "./study.yaml", "", "."])
def test_a_program_that_is_not_there_is_refused_with_its_line(
    make_plan_of: MakePlan, place: Path, program: str
) -> None:
    study, _ = make_plan_of(f"seeds: 1\non_finish:\n  - {json.dumps(program)}\n  - x\n")
    with pytest.raises(InvalidInput, match="names no program that can be run") as caught:
        Ending(study, Workspace(root=place), print)
    assert caught.value.place == f"{place}/study.yaml:5:5"
    assert caught.value.value == program


@pytest.mark.parametrize("written", ["on_finish: mail me", "on_finish: [1]", 'on_finish: ["a\\0b"]'])
def test_what_is_no_list_of_words_is_refused(make_plan_of: MakePlan, written: str) -> None:
    with pytest.raises(InvalidInput, match="on_finish") as caught:
        make_plan_of(f"seeds: 1\n{written}\n")
    assert ":4:" in caught.value.place


def test_it_is_no_part_of_a_trials_identity(make_plan_of: MakePlan) -> None:
    ids = [
        [trial.trial_id for trial in make_plan_of(more)[1].trials] for more in ("seeds: 2", "seeds: 2\non_finish: [a]")
    ]
    assert ids[0] == ids[1]
