"""What is found out before a run: too little disk, data sets that do not load, an MLflow server that is away."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsn.data import describe
from dsn.errors import InvalidData
from pipeline.errors import WorkspaceFailed
from pipeline.health.preflight import broken_data, check_before_run
from pipeline.planning.capacity import local_cpus
from pipeline.planning.plan import Plan, make_plan
from pipeline.study.spec import Study, read_study
from pipeline.workspace.disk import Space, checkpoints_bytes, estimated_bytes
from pipeline.workspace.layout import Workspace
from pipeline.workspace.lock import driver_lock

STUDY = """\
name: s
data:
  - {source: npz, path: sets, names: [Good, Flat]}
  - {source: npz, path: sets, names: [Far, Also]}
base:
  training: {epochs: 2}
seeds: 2
"""
PLENTY = Space(total=10**12, free=10**12)


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., tuple[Study, Plan]]:
    """Reads and plans a study over four sets, of which Flat and Far pass planning but cannot be normalised."""
    (tmp_path / "sets").mkdir()
    x = np.arange(64, dtype=np.float32).reshape(4, 16)
    y = np.array([0, 1, 0, 1])
    for name, train, test in (
        ("Good", x, x),
        ("Also", x, -x),
        ("Flat", np.ones_like(x), x),
        ("Far", x * 1e-30, x + np.float32(1e30)),
    ):
        np.savez(tmp_path / "sets" / f"{name}.npz", X_train=train, y_train=y, X_test=test, y_test=y)

    def make(text: str = STUDY) -> tuple[Study, Plan]:
        (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
        study = read_study(tmp_path / "study.yaml")
        return study, make_plan(study, describe)

    return make


def _check(study: Study, plan: Plan, tmp_path: Path, space: Space = PLENTY) -> list[str]:
    """What is said when nothing is refused."""
    said: list[str] = []
    check_before_run(study, plan, Workspace(root=tmp_path / "workspace"), space, said.append)
    assert not (tmp_path / "workspace").exists()
    return said


def test_a_run_that_can_be_finished_is_let_through_in_silence(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    assert _check(*prepared(), tmp_path) == []


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (("base:\n", "base:\n  data.normalisation: global\n"), "6:3"),
        (("names: [Good, Flat]}", "names: [Good, Flat], normalisation: global}"), "3:52"),
        (("seeds: 2", "arms: {a: {data: {normalisation: global}}}"), "7:19"),
        (("seeds: 2", "factors: {values: {data.normalisation: [none, global]}}"), "7:20"),
    ],
    ids=["base", "data entry", "arm", "factor"],
)
def test_a_set_that_does_not_load_is_blamed_on_the_line_that_asks_for_it(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]], edit: tuple[str, str], line: str
) -> None:
    text = STUDY.replace("Far, Also", "Also").replace(*edit)
    with pytest.raises(InvalidData) as caught:
        _check(*prepared(text), tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/study.yaml:{line}: data set Flat: ")
    assert "the training set is constant and cannot be normalised" in message
    assert "\n" not in message


def test_all_broken_sets_are_named_at_once(tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]) -> None:
    study, plan = prepared(STUDY.replace("base:\n", "base:\n  data.normalisation: global\n"))
    with pytest.raises(InvalidData) as caught:
        _check(study, plan, tmp_path)
    first, *each = str(caught.value).splitlines()
    assert first == "2 of 4 data sets cannot be used:"
    assert sorted(line.partition(": data set ")[0] for line in each) == [f"  {tmp_path}/study.yaml:6:3"] * 2
    assert {line.partition(": data set ")[2].partition(":")[0] for line in each} == {"Flat", "Far"}


def test_sets_whose_content_is_not_what_was_planned_with_are_refused(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    study, plan = prepared()
    stale = replace(plan, trials=tuple(replace(trial, content_hash="0" * 64) for trial in plan.trials))
    with pytest.raises(InvalidData, match="4 of 4 data sets cannot be used"):
        _check(study, stale, tmp_path)


def test_each_set_is_loaded_once_in_the_order_of_the_plan(prepared: Callable[..., tuple[Study, Plan]]) -> None:
    _, plan = prepared(STUDY.replace("base:\n", "base:\n  data.normalisation: global\n"))
    order = dict.fromkeys(trial.config.data.name for trial in plan.trials)
    broken = [each.config.name for each in broken_data(plan.trials, print)]
    assert broken == [name for name in order if name in ("Flat", "Far")]


@pytest.mark.parametrize(("seconds", "lines"), [(0.4, 0), (0.9, 1)])
def test_loading_is_told_once_and_only_when_it_takes_long(
    prepared: Callable[..., tuple[Study, Plan]], seconds: float, lines: int
) -> None:
    said: list[str] = []
    clock = itertools.count(step=seconds)
    assert list(broken_data(prepared()[1].trials, said.append, lambda: next(clock))) == []
    assert len(said) == lines


def _needed(study: Study, plan: Plan) -> int:
    """With a checkpoint of every trial that runs at a time."""
    return estimated_bytes(plan, study.spec.tracking) + checkpoints_bytes(plan, local_cpus())


def test_results_that_do_not_fit_are_refused_with_both_numbers(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    study, plan = prepared()
    needed = _needed(study, plan)
    assert 10e6 < needed < 100e6
    with pytest.raises(WorkspaceFailed, match=rf"need about {needed / 1e6:.0f} MB, and its disk has 2\.5 MB free"):
        _check(study, plan, tmp_path, Space(total=10**9, free=2_500_000))
    _check(study, plan, tmp_path, Space(total=needed, free=needed))


@pytest.mark.parametrize(("free", "warned"), [(9, True), (11, False)])
def test_a_disk_that_would_be_nearly_full_is_a_warning(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]], free: int, warned: bool
) -> None:
    study, plan = prepared()
    needed = _needed(study, plan)
    total = 10**12
    said = _check(study, plan, tmp_path, Space(total=total, free=needed + total * free // 100))
    assert [line.partition(":")[0] for line in said] == ["warning"] * warned


def test_nothing_is_checked_when_nothing_is_to_be_run(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    study, plan = prepared(STUDY.replace("base:\n", "base:\n  data.normalisation: global\n"))
    assert _check(study, replace(plan, trials=()), tmp_path, Space(total=1, free=0)) == []


def test_a_server_that_is_away_is_a_warning_without_its_password(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "http://${DSN_TEST_NAME}:${DSN_TEST_WORD}@127.0.0.1:9"
    tracked = prepared(STUDY + f"tracking: {{uri: '{uri}'}}\n")
    (said,) = _check(*tracked, tmp_path)
    assert "cannot be asked: environment variable DSN_TEST_NAME is not set" in said
    monkeypatch.setenv("DSN_TEST_NAME", "me")
    monkeypatch.setenv("DSN_TEST_WORD", "hunter2")
    (said,) = _check(*tracked, tmp_path)
    assert said.startswith(f"warning: MLflow at {uri} does not answer: [Errno 111] Connection refused; ")
    assert "dsn sync s" in said


def _dsn_run(folder: Path, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "pipeline", "run", "study.yaml"]
    environment = {**os.environ, "DSN_WORKSPACE": str(folder / "workspace"), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_dsn_run_refuses_broken_sets_with_exit_code_2_and_starts_nothing(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    prepared(STUDY.replace("base:\n", "base:\n  data.normalisation: global\n"))
    answer = _dsn_run(tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("dsn: 2 of 4 data sets cannot be used:\n")
    # What planning found out about the sets is all that is kept.
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["cache"]


def test_dsn_run_examines_nothing_while_another_run_has_the_workspace(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    prepared(STUDY.replace("base:\n", "base:\n  data.normalisation: global\n"))
    with driver_lock(Workspace(root=tmp_path / "workspace"), "other"):
        answer = _dsn_run(tmp_path)
    assert (answer.returncode, answer.stdout) == (5, "")
    assert answer.stderr.startswith("dsn: study 'other' is being run by ")


def _may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="mounting a small file system needs root")
def test_dsn_run_refuses_a_disk_that_is_too_small_with_exit_code_4(
    tmp_path: Path, prepared: Callable[..., tuple[Study, Plan]]
) -> None:
    prepared()
    (tmp_path / "workspace").mkdir()
    # Mounted for this process alone, and gone with it.
    mount = 'mount -t tmpfs -o size=1m none workspace && exec "$@"'
    answer = _dsn_run(tmp_path, ("unshare", "-m", "sh", "-c", mount, "sh"))
    assert (answer.returncode, answer.stdout) == (4, "")
    assert answer.stderr.startswith(f"dsn: workspace {tmp_path}/workspace: results and checkpoints need about ")
    assert "and its disk has 1.0 MB free" in answer.stderr
    assert answer.stderr.count("\n") == 1
