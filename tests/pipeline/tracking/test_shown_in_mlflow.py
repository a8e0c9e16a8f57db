"""What a person finds in MLflow beside the numbers: data sets, descriptions, views of the runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from empty_store import put_empty_store
from made_workspace import LONG, SHORT, end, ended, planned
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from dsn.config import DataConfig
from dsn.data import DataInfo
from pipeline.driver.run import publish
from pipeline.planning.plan import DataUse
from pipeline.tracking.datasets import datasets_of
from pipeline.tracking.launch import sync
from pipeline.tracking.layout import LONGEST_TAG, VIEW
from pipeline.tracking.notes import error_note, report_note
from pipeline.tracking.views import views_of
from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import load_record

USE = DataUse(
    config=DataConfig(source="folder", name="GunPoint", path="/somewhere/ucr", split=2015),
    info=DataInfo(
        name="GunPoint",
        content_hash="0123456789abcdef" * 4,
        train_n=50,
        test_n=150,
        channels=1,
        length=150,
        classes=2,
        files=("/somewhere/ucr/GunPoint_TRAIN.tsv", "/somewhere/ucr/GunPoint_TEST.tsv"),
    ),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(root=tmp_path / "workspace")
    put_empty_store(made.root / "mlflow.db")
    ended(made)
    return made


def _experiment(client: MlflowClient, study: str) -> Experiment:
    found = client.get_experiment_by_name(study)
    assert found is not None
    return found


def _runs(client: MlflowClient, study: str, kind: str = "trial") -> dict[str, Run]:
    """By trial id; the study's own by an empty one."""
    runs = client.search_runs([_experiment(client, study).experiment_id], f"tags.kind = '{kind}'")
    return {run.data.tags.get("trial_id", ""): run for run in runs}


def _used(run: Run) -> set[tuple[str, str, str]]:
    """Name, digest and context of each data set of a run."""
    assert run.inputs is not None
    return {(each.dataset.name, each.dataset.digest, each.tags[0].value) for each in run.inputs.dataset_inputs}


# Data sets


def test_a_data_set_is_told_by_its_content_and_its_preparation_and_not_by_its_folder() -> None:
    found = datasets_of(USE)
    assert json.loads(found["train"]["profile"]) == {"series": 50, "channels": 1, "length": 150, "classes": 2}
    assert json.loads(found["test"]["profile"]) == {"series": 150, "channels": 1, "length": 150, "classes": 2}
    assert json.loads(found["train"]["source"])["files"] == ["GunPoint_TEST.tsv", "GunPoint_TRAIN.tsv"]
    assert "somewhere" not in json.dumps(found)
    moved = replace(USE, config=replace(USE.config, path="/elsewhere"))
    assert datasets_of(moved) == found
    others = [
        replace(USE, config=replace(USE.config, normalisation="global")),
        replace(USE, config=replace(USE.config, train_subset=10)),
        replace(USE, config=replace(USE.config, split=2018)),
        replace(USE, info=replace(USE.info, content_hash="f" * 64)),
    ]
    digests = [dataset["digest"] for use in (USE, *others) for dataset in datasets_of(use).values()]
    assert len(set(digests)) == 10
    assert sum(digest.startswith("0123456789ab-") for digest in digests) == 8


def test_mlflow_reads_the_schema_as_its_own() -> None:
    from mlflow.data.schema import TensorDatasetSchema

    schema = TensorDatasetSchema.from_dict(json.loads(datasets_of(USE)["train"]["schema"]))
    (feature,) = schema.features.inputs
    assert feature.shape == (-1, 1, 150)


def test_every_run_that_ended_has_its_two_data_sets_and_a_second_projection_adds_none(workspace: Workspace) -> None:
    client = MlflowClient(workspace.tracking_uri)
    names = {trial.trial_id: trial.config.data.name for trial in load_record(workspace, "first").trials}
    for _ in range(2):
        assert sync(workspace, "first") == 0
        runs = {name: run for name, run in _runs(client, "first").items() if run.info.status in ("FINISHED", "FAILED")}
        assert len(runs) == 7
        for trial_id, run in runs.items():
            used = _used(run)
            assert {(name, context) for name, _, context in used} == {
                (names[trial_id], "train"),
                (names[trial_id], "test"),
            }
    with closing(sqlite3.connect(workspace.root / "mlflow.db")) as store:
        assert store.execute("SELECT count(*) FROM datasets").fetchone() == (4,)


def test_runs_of_an_earlier_version_get_their_data_sets(workspace: Workspace) -> None:
    assert sync(workspace, "first") == 0
    with closing(sqlite3.connect(workspace.root / "mlflow.db")) as store, store:
        store.execute("DELETE FROM inputs")
    client = MlflowClient(workspace.tracking_uri)
    assert not any(_used(run) for run in _runs(client, "first").values())
    assert sync(workspace, "first") == 0
    assert all(len(_used(run)) == 2 for run in _runs(client, "first").values() if run.info.status == "FINISHED")


# Descriptions


def test_descriptions_say_what_is_asked_what_was_found_and_why_a_trial_failed(workspace: Workspace) -> None:
    assert sync(workspace, "first") == 0
    client = MlflowClient(workspace.tracking_uri)
    assert _experiment(client, "first").tags[MLFLOW_RUN_NOTE] == "Does anything get lost?"
    assert _runs(client, "first", "study")[""].data.tags[MLFLOW_RUN_NOTE] == "Does anything get lost?"
    notes = [run.data.tags.get(MLFLOW_RUN_NOTE, "") for run in _runs(client, "first").values()]
    assert sorted(filter(None, (note.partition("\n")[0] for note in notes))) == [
        "**diverged**: the training loss is not finite",
        "**exception**: é\\ud800",
    ]
    publish(workspace, "first")
    assert sync(workspace, "first") == 0
    note = _runs(client, "first", "study")[""].data.tags[MLFLOW_RUN_NOTE]
    assert note.startswith("5 of 12 trials are done (2 failed, 5 pending)")
    assert "### Test accuracy (%)\n\n| data set |" in note
    assert "**Question.** Does anything get lost?" in note


def test_a_trial_that_failed_and_is_then_done_is_not_said_to_have_failed(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    trial_id = planned(workspace, "first").trials[0].trial_id
    client = MlflowClient(workspace.tracking_uri)
    end(workspace, "first", trial_id, "failed", error=SHORT)
    assert sync(workspace, "first") == 0
    assert _runs(client, "first")[trial_id].data.tags[MLFLOW_RUN_NOTE]
    end(workspace, "first", trial_id, "done", metrics={"test_accuracy": 0.25})
    assert sync(workspace, "first") == 0
    assert not _runs(client, "first")[trial_id].data.tags.get(MLFLOW_RUN_NOTE)


def test_a_description_fits_where_it_goes(tmp_path: Path) -> None:
    assert report_note(tmp_path / "report.md") is None
    report = tmp_path / "report.md"
    table = "| data set | x |\n| --- | --- |\n" + "| A | 1 |\n" * 1000
    text = "# t\n\n**Question.** q\n\n## Answer\n\nAll is well.\n\n## Results\n\n### Accuracy\n\n{}\n\n## Figures\n"
    report.write_text(text.format("| A | 1 |"))
    assert report_note(report) == (
        "All is well.\n\n### Accuracy\n\n| A | 1 |\n\n**Question.** q\n\n"
        "The whole report: *Artifacts*, `report/report.html`."
    )
    report.write_text(text.format(table))
    assert (
        report_note(report) == "All is well.\n\n**Question.** q\n\nThe whole report: *Artifacts*, `report/report.html`."
    )
    report.write_text(text.format(table).replace("well", "w" * LONGEST_TAG))
    assert len(report_note(report) or "") == LONGEST_TAG
    assert len(error_note(LONG)) < LONGEST_TAG


# Views


def _state(tag: str) -> dict[str, object]:
    return dict(json.loads(json.loads(tag)["state"]))


def test_the_views_show_the_accuracy_first_and_the_groups_that_there_are(workspace: Workspace) -> None:
    views = views_of(load_record(workspace, "first"), 1.5)
    assert [json.loads(text)["name"] for text in views.values()] == ["Trials", "Means of the arms", "Means by data set"]
    assert [json.loads(text)["createdAt"] for text in views.values()] == [1500, 1499, 1498]
    states = {tag.removeprefix(VIEW): _state(text) for tag, text in views.items()}
    assert all(state["columnOrder"][2] == "metrics.`test_accuracy`" for state in states.values())  # type: ignore[index]
    assert set(states["arms"]["groupsExpanded"]) == {"tag.arm.x", "tag.arm.y; z"}  # type: ignore[call-overload]
    assert set(states["datasets"]["groupsExpanded"]) == {  # type: ignore[call-overload]
        f"tag.dataset.{dataset},tag.arm.{arm}" for dataset in "AB" for arm in ("x", "y; z")
    }
    assert {arm for run in _synced_arms(workspace) for arm in run} == {"x", "y; z"}


def _synced_arms(workspace: Workspace) -> list[list[str]]:
    assert sync(workspace, "first") == 0
    return [[run.data.tags["arm"]] for run in _runs(MlflowClient(workspace.tracking_uri), "first").values()]


@pytest.mark.parametrize(("seeds", "grouped"), [(25, True), (26, False)])
def test_means_are_offered_only_where_mlflow_takes_them_over_all_trials(
    tmp_path: Path, seeds: int, *, grouped: bool
) -> None:
    record = planned(Workspace(root=tmp_path), "first", seeds=seeds)
    assert len(record.trials) == 4 * seeds
    assert (f"{VIEW}arms" in views_of(record, 0.0)) is grouped


def test_what_somebody_saved_stays_and_what_no_longer_holds_goes(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    planned(workspace, "first")
    assert sync(workspace, "first") == 0
    client = MlflowClient(workspace.tracking_uri)
    place = _experiment(client, "first").experiment_id
    theirs = json.dumps({"name": "Trials", "createdAt": 1, "updatedAt": 2, "state": "{}"})
    client.set_experiment_tag(place, f"{VIEW}trials", theirs)
    client.set_experiment_tag(place, f"{VIEW}5f0c", "their own")
    planned(workspace, "first", seeds=26)
    assert sync(workspace, "first") == 0
    tags = {tag: text for tag, text in _experiment(client, "first").tags.items() if tag.startswith(VIEW)}
    assert tags == {f"{VIEW}trials": theirs, f"{VIEW}5f0c": "their own"}
