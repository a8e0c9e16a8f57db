"""Studies over data sets whose files are not there: planned, not run; or run without them, which is then told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import DataInfo, describe
from dsn.data.catalogue import catalogue
from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results
from pipeline.analysis.report.answer import answer
from pipeline.analysis.setup import setup_paragraph
from pipeline.health.datasets import check_data
from pipeline.health.finding import Subject
from pipeline.planning.absent import absence, absent_from, omission, ways_out
from pipeline.planning.plan import Plan, make_plan
from pipeline.study.spec import Study, read_study
from pipeline.terminal.plan_text import plan_summary, plan_text
from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import load_record, make_record, save_record

STUDY = "name: s\ndata:\n  - {source: folder, path: sets, names: [Coffee, Worms, Beef, HAR], split: 2015}\nseeds: 2\n"
THERE = "Coffee"
ABSENT = ("Worms", "Beef", "HAR")

Answer = tuple[object, str, str]


def save(folder: Path, name: str = THERE) -> None:
    """A set of a size that the catalogue does not expect."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = np.arange(32.0).reshape(4, 8) + len(name), [0, 1, 0, 1]
    np.savez(folder / f"{name}.npz", X_train=x, y_train=y, X_test=x, y_test=y)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "sets")
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def planned(folder: Path, text: str = STUDY, *, skip_absent: bool = False) -> tuple[Study, Plan]:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    study = read_study(folder / "study.yaml")
    return study, make_plan(study, describe, skip_absent=skip_absent)


def refusal(folder: Path, text: str, *, skip_absent: bool = False) -> tuple[InvalidInput, str]:
    with pytest.raises(InvalidInput) as caught:
        planned(folder, text, skip_absent=skip_absent)
    return caught.value, caught.value.place.removeprefix(f"{folder}/study.yaml:")


def info_of(plan: Plan, name: str) -> DataInfo:
    return next(use.info for use in plan.data if use.config.name == name)


# Planning.


def test_absent_sets_are_planned_with_the_sizes_that_are_known(folder: Path) -> None:
    _, plan = planned(folder)
    assert [config.name for config in plan.absent] == list(ABSENT)
    assert plan.datasets == (THERE, *ABSENT)
    assert (len(plan.cells), len(plan.trials)) == (8, 8)
    har, worms = info_of(plan, "HAR"), info_of(plan, "Worms")
    assert (har.train_n, har.test_n, har.channels, har.length, har.classes) == (7352, 2947, 9, 128, 6)
    assert (worms.train_n, worms.test_n) == (77, 181), "split 2015 exchanges them"
    known = catalogue()["Worms"]
    assert (known.train_n, known.test_n) == (181, 77)
    for trial in plan.trials:
        assert bool(trial.content_hash) == (trial.config.data.name == THERE)
        assert trial.seconds > 0


def test_the_files_win_over_the_catalogue(folder: Path) -> None:
    _, plan = planned(folder)
    assert (info_of(plan, THERE).train_n, info_of(plan, THERE).length) == (4, 8)


def test_what_is_there_keeps_its_identity(folder: Path) -> None:
    _, before = planned(folder)
    for name in ABSENT:
        save(folder / "sets", name)
    _, after = planned(folder)
    assert after.absent == ()
    ids = [{(trial.config.data.name, trial.seed): trial.trial_id for trial in plan.trials} for plan in (before, after)]
    for key, trial_id in ids[0].items():
        assert (ids[1][key] == trial_id) == (key[0] == THERE)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/at/all"])
def test_a_folder_that_is_not_there_is_absent_with_all_its_sets(folder: Path, path: str) -> None:
    study, plan = planned(folder, STUDY.replace("path: sets", f"path: {path}"))
    assert [config.name for config in plan.absent] == [THERE, *ABSENT]
    assert absence(plan) == "all 4 data sets are not there: Coffee, Worms, Beef, HAR"
    assert "`--skip-absent` leaves them out" not in ways_out(study, plan)


@pytest.mark.parametrize("source", ["folder", "npz", "npy", "archive"])
def test_every_source_of_a_folder_may_lack_a_set(folder: Path, source: str) -> None:
    _, plan = planned(folder, STUDY.replace("folder", source).replace("[Coffee, Worms, Beef, HAR]", "[Beef]"))
    assert [config.name for config in plan.absent] == ["Beef"]


@pytest.mark.parametrize(("source", "name"), [("har", "HAR"), ("daily_sports", "DailySports")])
def test_sources_of_one_set_may_lack_it(folder: Path, source: str, name: str) -> None:
    text = f"name: s\ndata: [{{source: {source}, path: sets, names: [{name}]}}]\n"
    assert [config.name for config in planned(folder, text)[1].absent] == [name]


def test_a_set_that_is_there_in_part_is_broken_and_not_absent(folder: Path) -> None:
    (folder / "sets" / "Beef_TRAIN.ts").write_text("@data\n")
    error, where = refusal(folder, STUDY)
    assert "its other part, Beef_TEST.ts, is missing" in error.problem
    assert where == "3:57"


def test_what_a_package_lacks_is_refused(folder: Path) -> None:
    error, _ = refusal(folder, "name: s\ndata: [{source: aeon, names: [Coffee]}]\n")
    assert error.problem == "aeon ships no such data set"


@pytest.mark.parametrize(
    ("edit", "where", "words"),
    [
        (("Beef", "Cofee"), "3:57", "no such data set in this folder (got 'Cofee'); did you mean 'Coffee'?"),
        (("Beef", "Adiak"), "3:57", "no such data set in this folder (got 'Adiak'); did you mean 'Adiac'?"),
        (("Beef", "beef"), "3:57", "no such data set in this folder (got 'beef'); did you mean 'Beef'?"),
        (("Beef", "Zzz"), "3:57", "no such data set in this folder (got 'Zzz'); valid: Coffee"),
        (
            ("sets, names: [Coffee", "none, names: [Cofee"),
            "3:42",
            "where nothing is; did you mean 'Coffee'? (got 'Cofee')",
        ),
        (("sets, names: [Coffee", "none, names: [Zzz"), "3:22", "path: no such folder or file (got "),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(
    folder: Path, edit: tuple[str, str], where: str, words: str
) -> None:
    error, place = refusal(folder, STUDY.replace(*edit))
    assert place == where
    assert words in str(error)


def test_sets_of_one_size_are_planned_apart(folder: Path) -> None:
    # Without content, their names alone tell them apart.
    names = "MiddlePhalanxOutlineCorrect, ProximalPhalanxOutlineCorrect"
    text = f"name: s\ndata: [{{source: folder, path: sets, names: [{names}]}}]\nseeds: 1\n"
    assert len({trial.trial_id for trial in planned(folder, text)[1].trials}) == 2


# What is said of them.


def test_a_plan_tells_what_is_not_there_and_what_to_do(folder: Path) -> None:
    study, plan = planned(folder)
    lines = plan_text(plan, 0, ways_out=ways_out(study, plan)).splitlines()
    start = lines.index("absent:    3 of 4 data sets are not there: Worms, Beef, HAR")
    assert [line.strip() for line in lines[start + 1 : start + 5]] == [
        "(planned with the sizes that are known of them)",
        f"`dsn data fetch --study {folder}/study.yaml` downloads 2 of them",
        "HAR is to be found at https://archive.ics.uci.edu/dataset/240",
        "`--skip-absent` leaves them out",
    ]


def test_a_complete_plan_says_nothing_of_it(folder: Path) -> None:
    study, plan = planned(folder, STUDY.replace("[Coffee, Worms, Beef, HAR]", "[Coffee]"))
    assert ways_out(study, plan) == []
    assert "absent" not in plan_text(plan, 0)
    summary = plan_summary(plan, 0)
    assert (summary["absent"], summary["left_out"]) == ([], [])


def test_many_names_are_counted_and_not_listed(folder: Path) -> None:
    study, plan = planned(folder, "name: s\ndata: [{source: folder, path: sets, collection: UCR-85}]\n")
    assert absence(plan).startswith("84 of 85 data sets are not there: Adiac, ArrowHead, ")
    assert absence(plan).endswith(" and 72 more")
    assert len(ways_out(study, plan)) == 2


def test_of_a_profile_the_command_names_it_and_blanks_are_quoted(folder: Path) -> None:
    file = folder / "my study.yaml"
    file.write_text(STUDY + "profiles: {tiny: {seeds: 1}}\n", encoding="utf-8")
    study = read_study(file, "tiny")
    way = ways_out(study, make_plan(study, describe))[0]
    assert way.startswith(f"`dsn data fetch --study '{file}' --profile tiny` downloads")


def test_a_source_that_reads_no_downloads_is_told_so(folder: Path) -> None:
    study, plan = planned(folder, STUDY.replace("source: folder", "source: npz"))
    assert ways_out(study, plan) == [
        "`dsn data fetch` downloads what source folder reads, and source npz does not",
        "HAR is to be found at https://archive.ics.uci.edu/dataset/240",
        "`--skip-absent` leaves them out",
    ]


def test_the_summary_lists_them_and_gives_their_trials_no_id(folder: Path) -> None:
    summary = plan_summary(planned(folder)[1], 0)
    assert summary["absent"] == list(ABSENT)
    assert summary["left_out"] == []
    known = {each["dataset"]: each["trial"] is not None for each in summary["trial_list"]}
    assert known == {THERE: True, **dict.fromkeys(ABSENT, False)}


def test_what_a_study_lacks_is_known_without_reading_anything(folder: Path) -> None:
    (folder / "sets" / "Coffee.npz").write_bytes(b"never read")
    study = read_study(folder / "study.yaml")
    found = absent_from(study)
    assert [config.name for config in found] == list(ABSENT)
    assert list(found.values()) == [f"{folder}/study.yaml:3:{column}" for column in (50, 57, 63)]


# Commands.


@pytest.mark.usefixtures("folder")
def test_plan_ends_well(dsn: Callable[..., Answer]) -> None:
    code, out, err = dsn("plan", "study.yaml")
    assert (code, err) == (0, "")
    assert out.startswith("s: 8 trials = 1 arm x 4 data sets x 2 seeds\n")
    assert "`dsn data fetch --study study.yaml` downloads 2 of them" in out
    assert json.loads(dsn("plan", "study.yaml", "--json")[1])["absent"] == list(ABSENT)


def test_run_refuses_before_anything_is_written(dsn: Callable[..., Answer], folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = dsn("run", "study.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "dsn: study.yaml:2:1: 3 of 4 data sets are not there: Worms, Beef, HAR",
        "  `dsn data fetch --study study.yaml` downloads 2 of them",
        "  HAR is to be found at https://archive.ics.uci.edu/dataset/240",
        "  `--skip-absent` leaves them out",
    ]
    assert sorted(folder.rglob("*")) == before


def test_doctor_calls_it_a_problem_with_its_remedy(folder: Path) -> None:
    workspace = Workspace(root=folder / "workspace")
    finding = check_data(Subject(workspace=workspace, studies=(folder / "study.yaml",)))
    assert finding.state == "problem"
    assert finding.found == f"{folder}/study.yaml: 3 of 4 data sets are not there: Worms, Beef, HAR"
    assert finding.advice.startswith(f"`dsn data fetch --study {folder}/study.yaml` downloads 2 of them; HAR is")


def test_doctor_still_loads_what_is_there(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY + "base: {data.normalisation: global}\n", encoding="utf-8")
    x = np.ones((4, 8))
    np.savez(folder / "sets" / "Beef.npz", X_train=x, y_train=[0, 1, 0, 1], X_test=x, y_test=[0, 1, 0, 1])
    workspace = Workspace(root=folder / "workspace")
    finding = check_data(Subject(workspace=workspace, studies=(folder / "study.yaml",)))
    assert "2 of 4 data sets are not there: Worms, HAR" in finding.found
    assert "Beef: " in finding.found
    assert "is constant" in finding.found


# Without them.


def test_skipped_sets_are_in_no_part_of_the_plan_but_its_note(folder: Path) -> None:
    study, plan = planned(folder, skip_absent=True)
    assert (plan.datasets, plan.left_out, plan.absent) == ((THERE,), ABSENT, ())
    assert {use.config.name for use in plan.data} == {THERE}
    assert {trial.config.data.name for trial in plan.trials} == {cell.dataset for cell in plan.cells} == {THERE}
    text = plan_text(plan, 0, ways_out=ways_out(study, plan))
    assert (
        "left out:  3 of the study's 4 data sets were not there and are left out: Worms, Beef, HAR" in text.splitlines()
    )
    assert plan_summary(plan, 0)["left_out"] == list(ABSENT)


def test_skipping_changes_nothing_where_all_are_there(folder: Path) -> None:
    text = STUDY.replace("[Coffee, Worms, Beef, HAR]", "[Coffee]")
    assert planned(folder, text, skip_absent=True)[1] == planned(folder, text)[1]


def test_an_arm_of_absent_sets_alone_is_left_out_with_them(folder: Path) -> None:
    more = "arms: {a: {}, b: {model.depth: 2}}\nexclude: [{arm: b, data.name: Coffee}]\n"
    plan = planned(folder, STUDY + more, skip_absent=True)[1]
    assert (plan.arms, plan.references) == (("a",), {})


def test_to_skip_all_of_them_is_refused(folder: Path) -> None:
    text = STUDY.replace("[Coffee, Worms, Beef, HAR]", "[Worms, HAR]")
    error, where = refusal(folder, text, skip_absent=True)
    assert (error.key, error.problem, where) == ("--skip-absent", "leaves no data set: none of 2 is there", "2:1")


@pytest.mark.parametrize("wrong", ["Cofee", "Zzz"])
def test_a_slip_in_a_name_is_not_skipped(folder: Path, wrong: str) -> None:
    error, _ = refusal(folder, STUDY.replace("Beef", wrong), skip_absent=True)
    assert f"(got {wrong!r})" in str(error)


def test_a_broken_set_is_not_skipped(folder: Path) -> None:
    (folder / "sets" / "Beef.npz").write_bytes(b"PK")
    assert "Beef.npz: not a readable .npz file" in str(refusal(folder, STUDY, skip_absent=True)[0])


def test_the_record_and_all_that_is_made_of_it_say_so(folder: Path) -> None:
    workspace = Workspace(root=folder / "workspace")
    study, plan = planned(folder, skip_absent=True)
    save_record(workspace, make_record(study, plan))
    assert load_record(workspace, "s").left_out == list(ABSENT)
    results = load_results(workspace, "s")
    assert results.left_out == ABSENT
    sentence = "3 of the study's 4 data sets were not there and are left out: Worms, Beef, HAR."
    assert sentence in answer(results)
    assert sentence in setup_paragraph(results)
    complete = replace(results, left_out=())
    assert "left out" not in answer(complete) + setup_paragraph(complete)


def test_the_answer_names_a_few_and_the_setup_every_one(folder: Path) -> None:
    workspace = Workspace(root=folder / "workspace")
    text = "name: s\ndata: [{source: folder, path: sets, collection: UCR-85}]\n"
    save_record(workspace, make_record(*planned(folder, text, skip_absent=True)))
    results = load_results(workspace, "s")
    assert "84 of the study's 85 data sets were not there" in answer(results)
    assert "and 72 more." in answer(results)
    assert "Yoga" in setup_paragraph(results)


def test_one_is_said_as_one() -> None:
    assert omission(["A"], 1) == "1 of the study's 2 data sets was not there and is left out: A"


def test_an_earlier_version_s_record_left_nothing_out(folder: Path) -> None:
    workspace = Workspace(root=folder / "workspace")
    save_record(workspace, make_record(*planned(folder, STUDY.replace(", Worms, Beef, HAR", ""))))
    file = workspace.study("s") / "study.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    del record["left_out"]
    file.write_text(json.dumps(record), encoding="utf-8")
    assert load_record(workspace, "s").left_out == []


def test_a_plan_with_absent_sets_is_never_recorded(folder: Path) -> None:
    with pytest.raises(AssertionError):
        make_record(*planned(folder))


def test_an_absent_set_is_asked_for_once(folder: Path) -> None:
    asked = []

    def counting(config: DataConfig) -> DataInfo:
        asked.append(config.name)
        return describe(config)

    (folder / "study.yaml").write_text(STUDY + "arms: {a: {}, b: {model.depth: 2}}\n", encoding="utf-8")
    make_plan(read_study(folder / "study.yaml"), counting, skip_absent=True)
    assert asked == [THERE, *ABSENT]
