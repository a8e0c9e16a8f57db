"""What the command line answers to bad input: a message and an exit code, no traceback, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from data_info import made_info

from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import driver_lock
from pipeline.workspace.record import make_record, save_record

STUDY = """\
name: s
data:
  - {source: npz, path: sets, names: [Two]}
base:
  training: {epochs: 2}
seeds: 1
profiles: {tiny: {seeds: [7]}}
"""


@dataclass(frozen=True)
class Place:
    """A folder with a study, its data, and a workspace that knows the study ``known``."""

    folder: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(root=self.folder / "workspace")

    def listing(self) -> dict[str, tuple[int, int]]:
        return {
            str(path.relative_to(self.folder)): (path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in sorted(self.folder.rglob("*"))
        }

    def dsn(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipeline", *arguments]
        environment = {**os.environ, "DSN_WORKSPACE": str(self.workspace.root), "NO_COLOR": "1"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "sets").mkdir()
    x = np.arange(32.0).reshape(4, 8)
    for name, labels in (("Two", [0, 1, 0, 1]), ("One", [1, 1, 1, 1])):
        np.savez(tmp_path / "sets" / f"{name}.npz", X_train=x, y_train=labels, X_test=x, y_test=labels)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    known = tmp_path / "known.yaml"
    known.write_text(STUDY.replace("name: s", "name: known"), encoding="utf-8")
    made = Place(tmp_path)
    study = read_study(known)
    save_record(made.workspace, make_record(study, make_plan(study, made_info)))
    return made


def _change(old: str, new: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        file = place.folder / "study.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    return change


def _nothing(place: Place) -> None:
    pass


FILE_ERRORS = {
    "unknown key": (_change("epochs", "epoch"), (), ["study.yaml:5:14", "training.epoch", "did you mean 'epochs'?"]),
    "wrong type": (_change("2}", "few}"), (), ["study.yaml:5:14", "training.epochs", "a whole number", "'few'"]),
    "impossible value": (
        _change("epochs: 2}", "epochs: 2}\n  sparsity.level: 0.9999"),
        (),
        ["study.yaml:6:3", "sparsity.level", "no active weight", "0.9999"],
    ),
    "unknown data set": (_change("Two", "Tow"), (), ["study.yaml:3:39", "'Tow'", "did you mean 'Two'?"]),
    "data set of one class": (_change("Two", "One"), (), ["study.yaml:3:39", "One.npz", "only the class '1'"]),
    "missing folder": (_change("sets", "nowhere"), (), ["study.yaml:3:19", "path", "nowhere"]),
    "not YAML": (_change("seeds: 1", "seeds: [1"), (), ["study.yaml:7:9", "is not valid YAML"]),
    "unknown profile": (_nothing, ("--profile", "tny"), ["'tny'", "did you mean 'tiny'?"]),
}


@pytest.mark.parametrize(
    ("command", "case"),
    [*(("plan", case) for case in FILE_ERRORS), ("run", "wrong type"), ("run", "data set of one class")],
)
def test_a_study_that_cannot_be_is_answered_with_exit_code_2(place: Place, command: str, case: str) -> None:
    change, options, words = FILE_ERRORS[case]
    change(place)
    _refused(place, [command, "study.yaml", *options], words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "none.yaml"], ["none.yaml", "cannot be read: No such file or directory"]),
        (["run", "none.yaml"], ["none.yaml", "cannot be read: No such file or directory"]),
        (["plan", "."], ["cannot be read: Is a directory"]),
        (["status", "knwon"], ["'knwon'", "did you mean 'known'?"]),
        (["status", "known", "--profile", "tiny"], ["'known@tiny'", "did you mean 'known'?"]),
        (["status", "study.yaml"], ["'s'", "valid: known"]),
        (["status", "none.yaml"], ["none.yaml", "cannot be read: No such file or directory"]),
        (["report", "knwon"], ["'knwon'", "did you mean 'known'?"]),
        (["sync", "knwon"], ["'knwon'", "did you mean 'known'?"]),
        (["run", "study.yaml", "--rerun", "fialed"], ["--rerun", "'fialed'", "did you mean 'failed'?"]),
        (["trial", "xyz"], ["trial: matches no trial (got 'xyz')"]),
    ],
    ids=" ".join,
)
def test_a_name_that_nothing_has_is_answered_with_exit_code_2(
    place: Place, arguments: list[str], words: list[str]
) -> None:
    _refused(place, arguments, words)


def _refused(place: Place, arguments: list[str], words: list[str]) -> None:
    before = place.listing()
    answer = place.dsn(*arguments)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.startswith("dsn: ")
    assert answer.stderr.count("\n") == 1, answer.stderr
    for word in words:
        assert word in answer.stderr
    assert place.listing() == before


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "study.yaml", "--unknown"], ["nosuch"]], ids=" ".join)
def test_a_wrong_usage_is_answered_with_exit_code_2(place: Place, arguments: list[str]) -> None:
    before = place.listing()
    answer = place.dsn(*arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Usage" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert place.listing() == before


@pytest.mark.parametrize("arguments", [["run", "study.yaml"], ["sync", "known"]], ids=" ".join)
def test_a_study_that_another_driver_has_is_answered_with_exit_code_5(place: Place, arguments: list[str]) -> None:
    study = {"run": "s", "sync": "known"}[arguments[0]]
    assert place.dsn("plan", "study.yaml").returncode == 0
    with driver_lock(place.workspace, study):
        before = place.listing()
        answer = place.dsn(*arguments)
        assert (answer.returncode, answer.stdout) == (5, ""), answer.stderr
        assert answer.stderr.startswith(f"dsn: study '{study}' is being run by ")
        assert answer.stderr.count("\n") == 1
        if arguments[0] == "run":
            assert f"process {os.getpid()} on " in answer.stderr
        assert place.listing() == before


def test_a_good_study_is_planned_with_exit_code_0(place: Place) -> None:
    answer = place.dsn("plan", "study.yaml")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("s: 1 trial = 1 arm x 1 data set x 1 seed\n")


def test_a_workspace_that_cannot_be_written_does_not_keep_from_planning(place: Place) -> None:
    (place.folder / "elsewhere").mkdir()
    (place.folder / "elsewhere" / "cache").touch()
    answer = place.dsn("plan", "study.yaml", "--workspace", "elsewhere")
    assert answer.returncode == 0
    assert answer.stderr.startswith("dsn: what was found out about the data sets is not kept: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("workspace", ["~nobody-of-this-name/x", "x" * 300, "loop/x"], ids=["user", "length", "loop"])
def test_a_workspace_that_cannot_be_is_bad_input(place: Place, workspace: str) -> None:
    (place.folder / "loop").symlink_to("loop")
    _refused(
        place, ["plan", "study.yaml", "--workspace", workspace], ["workspace: cannot be a folder: ", workspace[:39]]
    )


@pytest.mark.parametrize("command", [["plan", "study.yaml"], ["run", "study.yaml"], ["status", "s"]], ids=" ".join)
def test_a_workspace_that_is_a_file_is_bad_input(place: Place, command: list[str]) -> None:
    (place.folder / "file").touch()
    answer = place.dsn(*command, "--workspace", "file")
    assert answer.returncode == 2
    assert "workspace: is not a folder" in answer.stderr
    assert answer.stderr.count("\n") == 1
