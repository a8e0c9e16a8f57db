"""Checks of what runs as processes of its own, with real databases and real processes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from lifeline import LONGER, lifeline

from pipeline.health import services
from pipeline.health.datasets import check_data
from pipeline.health.finding import Subject
from pipeline.health.process import asked
from pipeline.workspace.layout import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path)


def _store(workspace: Workspace, schema: str, runs: int = 3) -> Path:
    """A database of which the check reads as much as of MLflow's."""
    file = workspace.root / "mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema,))
        connection.execute("CREATE TABLE runs (run_uuid TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO runs VALUES (?)", [(str(run) * 1000,) for run in range(runs)])
    connection.close()
    return file


def test_the_newest_revision_is_the_one_that_mlflow_itself_names() -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    revisions = services.mlflow_revisions()
    assert set(revisions) - set(revisions.values()) == {_get_latest_schema_revision()}


@pytest.mark.parametrize(
    ("schema", "state", "words"),
    [("c", "ok", "3 runs"), ("b", "problem", "an older MLflow made"), ("z", "problem", "a newer MLflow made")],
)
def test_a_store_must_be_of_the_installed_mlflows_schema(
    workspace: Workspace, schema: str, state: str, words: str
) -> None:
    file = _store(workspace, schema)
    before = file.read_bytes()
    finding = services.check_store(Subject(workspace=workspace), revisions={"a": None, "b": "a", "c": "b"})
    assert finding.state == state
    assert words in finding.found
    assert "mlflow db upgrade sqlite:///" in finding.advice or schema != "b"
    assert file.read_bytes() == before


def test_a_store_that_is_not_there_yet_is_well_and_not_made(workspace: Workspace) -> None:
    assert services.check_store(Subject(workspace=workspace)).state == "ok"
    assert list(workspace.root.iterdir()) == []


@pytest.mark.parametrize("damage", ["text", "cut", "scrambled", "empty", "folder"])
def test_a_damaged_store_is_a_problem_with_the_way_to_rebuild_it(workspace: Workspace, damage: str) -> None:
    file = _store(workspace, "c", runs=200)
    content = file.read_bytes()
    page = 4096
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        scrambled = content[:page] + b"\xff" * 3 * page + content[4 * page :]
        damaged = {"text": b"no database", "cut": content[: 2 * page], "scrambled": scrambled, "empty": b""}
        file.write_bytes(damaged[damage])
    finding = services.check_store(Subject(workspace=workspace), revisions={"c": None})
    assert finding.state == "problem"
    assert "dsn sync NAME" in finding.advice


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('no socket')", "RuntimeError: no socket"),
        ("import sys; sys.exit(3)", "ended with code 3"),
        ("import time; time.sleep(60)", "no answer after 0.5 s"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    ],
)
def test_a_library_that_fails_or_hangs_is_told_with_its_own_words(workspace: Workspace, code: str, words: str) -> None:
    subject = Subject(workspace=workspace)
    # Long enough for Python to start and fail; short for the one that sleeps.
    seconds = 0.5 if "sleep" in code else 60
    for finding in (
        services.check_ray(subject, code=code, seconds=seconds),
        services.check_mlflow(subject, code=code, seconds=seconds),
        services.check_cuda(subject, code=code, seconds=seconds, cuda="13.0"),
    ):
        assert finding.state == ("warning" if finding.name == "cuda" else "problem")
        assert words in finding.found


def test_cuda_is_not_tried_with_a_torch_for_the_cpu(workspace: Workspace) -> None:
    finding = services.check_cuda(Subject(workspace=workspace), code="raise RuntimeError", cuda="")
    assert (finding.state, "nothing to try" in finding.found) == ("ok", True)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    with lifeline(tmp_path) as line:
        # The child holds the output open.
        code = f"exec 3> {line.path}; sleep 1000 & echo begun; sleep 1000"
        answers = (asked(["sh", "-c", code], seconds) for seconds in LONGER)
        answer = next(answer for answer in answers if answer.text)
        assert (answer.code, answer.text) == (None, "begun\n")
        line.wait()


STUDY = """\
name: s
data:
  - {{source: npz, path: "{path}", names: [Two, Flat], normalisation: {normalisation}}}
tracking: {{uri: {uri}}}
"""


def _study(folder: Path, *, path: str = "sets", normalisation: str = "none", uri: str = "null") -> Path:
    (folder / "sets").mkdir(exist_ok=True)
    x, y = np.arange(32.0).reshape(4, 8), [0, 1, 0, 1]
    np.savez(folder / "sets" / "Two.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    np.savez(folder / "sets" / "Flat.npz", X_train=x * 0, y_train=y, X_test=x, y_test=y)
    file = folder / "study.yaml"
    file.write_text(STUDY.format(path=path, normalisation=normalisation, uri=uri), encoding="utf-8")
    return file


def test_the_data_of_a_study_is_loaded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN_TEST_SETS", str(workspace.root / "sets"))
    monkeypatch.setenv("DSN_TEST_TOKEN", "hunter2")
    file = _study(workspace.root, path="${DSN_TEST_SETS}")
    file.write_text("# ${DSN_TEST_TOKEN}\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    finding = check_data(Subject(workspace=workspace, studies=(file,)))
    assert finding.state == "ok"
    assert "study.yaml (2 data sets)" in finding.found
    assert "hunter2" not in finding.found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "${DSN_TEST_UNSET}"}, "study.yaml:3:19: path: environment variable DSN_TEST_UNSET is not set"),
        ({"path": "elsewhere"}, "no such folder or file"),
        ({"normalisation": "global"}, "study.yaml:3:53: Flat: "),
        ({"normalisation": "globl"}, "did you mean 'global'?"),
    ],
)
def test_data_that_is_not_there_or_does_not_load_is_a_problem(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], words: str
) -> None:
    monkeypatch.delenv("DSN_TEST_UNSET", raising=False)
    file = _study(workspace.root, **change)
    finding = check_data(Subject(workspace=workspace, studies=(file, workspace.root / "none.yaml")))
    assert finding.state == "problem"
    assert words in finding.found
    assert "none.yaml: cannot be read" in finding.found


def test_the_stores_that_were_named_must_answer(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN_TEST_HOST", "127.0.0.1:9")
    file = _study(workspace.root, uri="'http://${DSN_TEST_HOST}'")
    subject = Subject(workspace=workspace, studies=(file,), tracking_uri=f"sqlite:///{workspace.root}/none/x.db")
    finding = services.check_tracking(subject, environment={})
    assert finding.state == "problem"
    assert "http://${DSN_TEST_HOST} does not answer" in finding.found
    assert "x.db is in a folder that is not there" in finding.found


def test_a_store_on_this_machines_disk_is_well(workspace: Workspace) -> None:
    subject = Subject(workspace=workspace, tracking_uri=f"sqlite:///{workspace.root}/x.db")
    assert services.check_tracking(subject, environment={}).state == "ok"
    assert list(workspace.root.iterdir()) == []


def test_a_variable_of_mlflows_that_dsn_does_not_read_is_a_warning(workspace: Workspace) -> None:
    environment = {"MLFLOW_TRACKING_URI": "http://me:secret@host:5000"}
    finding = services.check_tracking(Subject(workspace=workspace), environment=environment)
    assert (finding.state, "http://***@host:5000" in finding.found) == ("warning", True)
    named = Subject(workspace=workspace, tracking_uri="sqlite:///x.db")
    assert services.check_tracking(named, environment={"MLFLOW_TRACKING_URI": "sqlite:///x.db"}).state == "ok"
