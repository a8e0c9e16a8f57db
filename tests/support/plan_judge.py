"""What every answer of ``dsn plan`` must be, whatever the file: refused in a line, or a plan that holds together."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from pipeline.cli import app, main

COMMAND = typer.main.get_command(app)
"""What ``dsn`` makes of its ``app`` each time that it starts, made once."""

LONGEST_MESSAGE = 1500
"""Characters that still read as one message; the folder's path is the larger part of some."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended, and what it said."""

    code: object
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with two data sets, a study file that changes all the time, and a workspace."""

    folder: Path

    @property
    def study(self) -> Path:
        return self.folder / "study.yaml"

    def plan(self, content: bytes, *options: str) -> Answer:
        self.study.write_bytes(content)
        return dsn("plan", str(self.study), *options)

    def listing(self) -> dict[str, tuple[int, int]]:
        """Everything but the study file and the folder that it stands in."""
        found = {str(path): path.lstat() for path in self.folder.rglob("*") if path != self.study}
        return {path: (status.st_mtime_ns, status.st_size) for path, status in found.items()}


def dsn(*arguments: str) -> Answer:
    """The command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["dsn", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main(COMMAND)
    return Answer(code=stopped.value.code, out=out.getvalue(), err=err.getvalue())


def judge(bench: Bench, content: bytes, *options: str) -> None:
    """Plan ``content``, and hold the answer to what every answer must be."""
    before = bench.listing()
    answer = bench.plan(content, *options)
    if answer.code == 0:
        _require_sound_plan(bench, content, answer, options)
    else:
        require_refusal(answer)
        assert bench.listing() == before


def require_refusal(answer: Answer) -> None:
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("dsn: ")
    message = answer.err.removesuffix("\n")
    assert message.isprintable(), "a message is one line, and cannot steer the terminal"
    assert len(message) <= LONGEST_MESSAGE


def _require_sound_plan(bench: Bench, content: bytes, answer: Answer, options: tuple[str, ...]) -> None:
    assert answer.err == ""
    first, again = (bench.plan(content, *options, "--json") for _ in range(2))
    assert first == again
    plan = json.loads(first.out, parse_constant=_no_such_number)
    # Over data sets that are not there, trials have no id yet.
    ids = [trial["trial"] for trial in plan["trial_list"] if trial["dataset"] not in plan["absent"]]
    assert None not in ids
    assert len(ids) == len(set(ids))
    assert len(ids) == plan["trials"] or plan["absent"]
    assert 1 <= len(plan["trial_list"]) == plan["trials"] <= plan["cells"]
    for key in ("arms", "datasets"):
        assert 1 <= len(plan[key]) == len(set(plan[key])) <= plan["cells"]
    assert {trial["arm"] for trial in plan["trial_list"]} <= set(plan["arms"])
    assert {trial["dataset"] for trial in plan["trial_list"]} <= set(plan["datasets"])
    assert len({(trial["arm"], trial["dataset"], trial["seed"]) for trial in plan["trial_list"]}) == plan["trials"]
    assert plan["estimated_core_seconds"] >= 0
    assert answer.out.startswith(f"{plan['study']}: {plan['trials']} trial")


def _no_such_number(constant: str) -> None:
    raise AssertionError(constant)


def process(folder: Path, *arguments: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(code=done.returncode, out=done.stdout, err=done.stderr)
