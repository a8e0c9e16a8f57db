"""What a workspace remembers of a study: written and read, counted, and found by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from data_info import made_info

from dsn.errors import InvalidInput
from pipeline.errors import UnknownStudy
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, read_states
from pipeline.workspace.lifecycle import STATUSES, TrialState
from pipeline.workspace.record import StudyRecord, find_trial, load_record, make_record, save_record

STUDY = """# why
name: s
question: Does it help?
reproduces: Figure 7
data: [{source: aeon, names: [A]}]
arms: {x: {}, y: {sparsity.level: dense}, z: {sparsity: {level: dense, groups: 1}}}
seeds: 2
resources: {gpus: 0.5}
tracking: {keep_models: none}
profiles: {p: {seeds: [7]}}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


def _record(tmp_path: Path, text: str = STUDY, profile: str | None = None) -> StudyRecord:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    study = read_study(file, profile)
    return make_record(study, make_plan(study, made_info))


def test_a_record_is_read_as_it_was_written(tmp_path: Path, workspace: Workspace) -> None:
    record = _record(tmp_path)
    save_record(workspace, record)
    assert load_record(workspace, "s") == record
    assert record.source == STUDY
    assert (record.question, record.reproduces, record.tracking.keep_models) == ("Does it help?", "Figure 7", "none")
    assert (record.arms, record.datasets) == (["x", "y", "z"], ["A"])
    assert (len(record.cells), len(record.trials)) == (6, 4)
    assert record.trials[0].resources.gpus == 0.5


def test_a_profile_has_a_record_of_its_own(tmp_path: Path, workspace: Workspace) -> None:
    save_record(workspace, _record(tmp_path))
    save_record(workspace, _record(tmp_path, profile="p"))
    assert [cell.seed for cell in load_record(workspace, "s@p").cells] == [7, 7, 7]
    assert [cell.seed for cell in load_record(workspace, "s").cells] == [0, 1, 0, 1, 0, 1]


def test_an_edited_study_replaces_its_plan_and_no_result(tmp_path: Path, workspace: Workspace) -> None:
    before = _record(tmp_path)
    save_record(workspace, before)
    with Ledger(workspace, "s") as ledger:
        for trial in before.trials:
            ledger.append("done", trial.trial_id)
    save_record(workspace, _record(tmp_path, STUDY.replace("seeds: 2", "seeds: 1")))
    after = load_record(workspace, "s")
    assert after.counts(read_states(workspace)) == {"done": 2, "pruned": 0, "failed": 0, "running": 0, "pending": 0}
    assert len(read_states(workspace)) == 4


def test_counts_are_of_this_studys_trials_and_add_up(tmp_path: Path) -> None:
    record = _record(tmp_path)
    first, second, *_ = (trial.trial_id for trial in record.trials)
    states = {first: TrialState(status="done"), second: TrialState(status="failed"), "f0": TrialState(status="running")}
    counts = record.counts(states)
    assert counts == {"done": 1, "pruned": 0, "failed": 1, "running": 0, "pending": 2}
    assert tuple(counts) == STATUSES
    assert sum(counts.values()) == len(record.trials)


def test_an_unknown_study_is_answered_with_those_that_there_are(tmp_path: Path, workspace: Workspace) -> None:
    with pytest.raises(UnknownStudy) as caught:
        load_record(workspace, "s")
    assert caught.value.choices == ()
    save_record(workspace, _record(tmp_path))
    for name in ("t", "", ".", "../ledger/s", "s/"):
        with pytest.raises(UnknownStudy) as caught:
            load_record(workspace, name)
        assert (caught.value.value, caught.value.choices) == (name, ("s",))


@pytest.mark.parametrize("content", ["", "{}", '{"name": "s"', "[]"])
def test_a_record_of_another_version_is_refused_with_what_to_do(
    tmp_path: Path, workspace: Workspace, content: str
) -> None:
    save_record(workspace, _record(tmp_path))
    path = workspace.study("s") / "study.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_record(workspace, "s")
    assert caught.value.place == str(path)
    assert "`dsn run` on the study's file writes it anew" in caught.value.problem


def test_a_trial_is_found_by_the_first_digits_of_its_id_in_any_study(tmp_path: Path, workspace: Workspace) -> None:
    record = _record(tmp_path)
    save_record(workspace, record)
    save_record(workspace, replace(record, name="copy"))
    for trial in record.trials:
        assert find_trial(workspace, trial.trial_id) == trial
        assert find_trial(workspace, trial.trial_id[:12]) == trial


@pytest.mark.parametrize(("start", "problem"), [("", "matches several trials"), ("xyz", "matches no trial")])
def test_a_trial_that_is_not_one_is_refused(tmp_path: Path, workspace: Workspace, start: str, problem: str) -> None:
    record = _record(tmp_path)
    save_record(workspace, record)
    with pytest.raises(UnknownStudy) as caught:
        find_trial(workspace, start)
    assert (caught.value.problem, caught.value.value) == (problem, start)
    assert caught.value.choices == (tuple(sorted(trial.trial_id for trial in record.trials)) if not start else ())


def test_a_study_of_another_version_hides_no_trial_of_the_others(tmp_path: Path, workspace: Workspace) -> None:
    record = _record(tmp_path)
    save_record(workspace, record)
    save_record(workspace, replace(record, name="a"))
    (workspace.study("a") / "study.json").write_text("{}", encoding="utf-8")
    assert find_trial(workspace, record.trials[0].trial_id) == record.trials[0]
    with pytest.raises(UnknownStudy) as caught:
        find_trial(workspace, "xyz")
    assert caught.value.problem == "matches no trial of those that can be read; another version wrote a"
