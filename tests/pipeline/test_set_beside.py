"""What a report was set beside stays with it: through the next run, in a bundle, in MLflow, until it is dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_workspace import ended, listing
from mlflow import MlflowClient

from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results, results_of
from pipeline.analysis.published import published_csv, read_published
from pipeline.bundle.packing import write_bundle
from pipeline.bundle.unpacking import read_bundle
from pipeline.driver.run import publish, run_study
from pipeline.planning.plan import Plan
from pipeline.study.spec import Study
from pipeline.terminal.choice import make_display
from pipeline.tracking.launch import sync
from pipeline.tracking.reader import TrackedSource
from pipeline.workspace.layout import AGAINST, Workspace
from pipeline.workspace.source import WorkspaceSource

Dsn = Callable[..., tuple[object, str, str]]

PUBLISHED = (
    "source,system,dataset,arm,accuracy,std\n"
    '"Table 8, ""theirs""",ROCKET,A,,91.234567890123456,0.1\n'
    "Table 8,DSN,A,x,90,\n"
)
"""Columns in another order than ours, and a number with more digits than are shown."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(root=tmp_path / "here")
    ended(made)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "published.csv"
    path.write_text(PUBLISHED, encoding="utf-8")
    return path


def page(workspace: Workspace) -> str:
    return (workspace.report("first") / "report.html").read_text(encoding="utf-8")


def test_it_survives_the_next_report_until_it_is_dropped(workspace: Workspace, file: Path, dsn: Dsn) -> None:
    place = ("--workspace", str(workspace.root))
    assert dsn("report", "first", "--against", str(file), *place)[0] == 0
    first = listing(workspace.report("first"))
    assert "ROCKET" in page(workspace)
    publish(workspace, "first")  # what ends a run
    assert listing(workspace.report("first")) == first
    assert "ROCKET" in dsn("tables", "first", "accuracy", *place)[1]
    assert "ROCKET" not in dsn("tables", "first", "accuracy", "--against", "none", *place)[1]
    assert listing(workspace.report("first")) == first, "tables change nothing"
    assert dsn("report", "first", "--against", "none", *place)[0] == 0
    assert "ROCKET" not in page(workspace)
    assert not (workspace.report("first") / AGAINST).exists()


def test_what_is_kept_says_the_same_to_the_last_digit(workspace: Workspace, file: Path) -> None:
    given = read_published(file)
    publish(workspace, "first", given)
    assert published_csv(load_results(workspace, "first").published) == published_csv(given)
    assert ",91.23456789012346,0.1," in published_csv(given)


def test_a_bundle_carries_it(workspace: Workspace, file: Path, tmp_path: Path) -> None:
    _, paths = publish(workspace, "first", read_published(file))
    write_bundle(WorkspaceSource(workspace, "first"), tmp_path / "first.zip", networks=False)
    there = Workspace(root=tmp_path / "there")
    found = read_bundle(tmp_path / "first.zip", there)
    publish(there, "first")
    assert found.differing(there.report("first")) == []
    assert listing(there.report("first")) == listing(paths.html.parent)


def test_a_bundle_without_it_takes_none_that_lies_there(workspace: Workspace, file: Path, tmp_path: Path) -> None:
    write_bundle(WorkspaceSource(workspace, "first"), tmp_path / "first.zip", networks=False)
    there = Workspace(root=tmp_path / "there")
    there.report("first").mkdir(parents=True)
    (there.report("first") / AGAINST).write_bytes(file.read_bytes())
    found = read_bundle(tmp_path / "first.zip", there)
    publish(there, "first")
    assert found.differing(there.report("first")) == []


def test_mlflow_has_it_until_it_is_dropped(tmp_path: Path, file: Path) -> None:
    workspace, uri = Workspace(root=tmp_path / "here"), f"sqlite:///{tmp_path}/elsewhere.db"
    ended(workspace, uri)
    publish(workspace, "first", read_published(file))
    assert sync(workspace, "first") == 0
    found = results_of(TrackedSource(uri, "first", tmp_path / "one"))
    assert published_csv(found.published) == published_csv(read_published(file))
    publish(workspace, "first", ())
    assert sync(workspace, "first") == 0
    assert results_of(TrackedSource(uri, "first", tmp_path / "two")).published == ()
    publish(workspace, "second")
    assert sync(workspace, "second") == 0
    client = MlflowClient(uri)
    (parent,) = client.search_runs([client.get_experiment_by_name("second").experiment_id], "tags.kind = 'study'")
    assert "report/against.csv" not in {each.path for each in client.list_artifacts(parent.info.run_id, "report")}


def test_a_folder_of_its_own_keeps_its_own(workspace: Workspace, file: Path, tmp_path: Path, dsn: Dsn) -> None:
    arguments = ("report", "first", "--out", str(tmp_path / "mine"), "--workspace", str(workspace.root))
    dsn(*arguments, "--against", str(file))
    dsn(*arguments)
    assert "ROCKET" in (tmp_path / "mine" / "report.html").read_text(encoding="utf-8")
    assert load_results(workspace, "first").published == (), "nothing was said of the workspace's own report"


def test_an_edited_study_leaves_out_what_is_of_no_arm_any_more(workspace: Workspace, file: Path) -> None:
    folder = workspace.report("first")
    folder.mkdir(parents=True)
    text = PUBLISHED + "Table 8,DSN,A,gone,80,\n"
    (folder / AGAINST).write_text(text, encoding="utf-8")
    publish(workspace, "first")
    assert "1 published accuracy of arms or data sets that the study does not have." in page(workspace)
    assert "gone" in (folder / AGAINST).read_text(encoding="utf-8"), "nothing is lost"


def test_a_run_is_refused_before_it_trains_where_its_report_could_not_be_written(
    tmp_path: Path, make_plan_of: Callable[[], tuple[Study, Plan]]
) -> None:
    workspace = Workspace(root=tmp_path / "here")
    workspace.report("s").mkdir(parents=True)
    (workspace.report("s") / AGAINST).write_text("damaged", encoding="utf-8")
    with pytest.raises(InvalidInput, match="must have the columns") as raised:
        run_study(*make_plan_of(), workspace, make_display(None, plain=True))
    assert str(workspace.report("s") / AGAINST) in str(raised.value)
    assert not workspace.ledgers.exists()
