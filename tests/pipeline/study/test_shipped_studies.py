"""Every study that comes with the project: it plans where none of its data is, and its rehearsal needs no download."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsn.data import describe
from dsn.data.catalogue import collections
from pipeline.planning.plan import Plan, make_plan
from pipeline.study.resolution import data_entries, expanded_arms
from pipeline.study.spec import Study, read_study

FOLDER = Path(__file__).parents[3] / "studies"
STUDIES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PAPER = [name for name in STUDIES if name != "quickstart"]

REHEARSAL = 4 * 60.0
"""Core-seconds by the planner's own estimate. A rehearsal may take three minutes on two cores; whether it does was
measured, and tests measure no time."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder with nothing in it."""
    monkeypatch.setenv("DSN_DATA", str(tmp_path))


def _planned(name: str, profile: str | None = None) -> tuple[Study, Plan]:
    study = read_study(FOLDER / f"{name}.yaml", profile)
    return study, make_plan(study, describe)


def _rows() -> dict[str, list[str]]:
    """The table of studies/README.md: name -> the other cells of its row."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| [")]
    return {re.match(r"\[(\w+)\]", row[0]).group(1): row[1:] for row in cells}  # type: ignore[union-attr]


def test_the_folder_s_table_lists_every_study_of_the_paper() -> None:
    assert sorted(_rows()) == PAPER


@pytest.mark.parametrize("name", PAPER)
def test_a_study_plans_without_its_data_and_asks_for_what_the_table_says(name: str) -> None:
    study, plan = _planned(name)
    reproduces, trials, *_ = _rows()[name]
    assert study.spec.name == name
    assert study.spec.question
    assert study.spec.reproduces.startswith(reproduces)
    assert len(plan.trials) == int(trials.replace(" ", ""))
    assert {config.name for config in plan.absent} == set(plan.datasets)


def test_the_table_of_shorter_profiles_says_what_they_ask_for() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) `--profile (\w+)` \| (\d+) \|", text, flags=re.MULTILINE)
    others = {
        (name, profile)
        for name in PAPER
        for profile in read_study(FOLDER / f"{name}.yaml").spec.profiles
        if profile != "small"
    }
    assert {row[:2] for row in rows} == others
    for name, profile, trials in rows:
        study = read_study(FOLDER / f"{name}.yaml", profile)
        cells = sum(1 for _ in expanded_arms(study)) * sum(1 for _ in data_entries(study)) * len(study.spec.seed_list)
        assert cells == int(trials), (name, profile)


@pytest.mark.parametrize("name", PAPER)
def test_the_default_is_the_paper_s_protocol(name: str) -> None:
    study, plan = _planned(name)
    assert study.spec.seed_list == (0, 1, 2, 3, 4)
    assert {trial.config.training.epochs for trial in plan.trials} == {1000}
    univariate = collections()["UCR-85"]
    splits = {trial.config.data.split for trial in plan.trials if trial.config.data.name in univariate}
    assert splits <= ({2018} if name == "table6_ucr112" else {2015})


@pytest.mark.parametrize("name", PAPER)
def test_a_rehearsal_needs_no_download_and_a_few_minutes(name: str) -> None:
    _, plan = _planned(name, "small")
    assert {trial.config.data.source for trial in plan.trials} == {"aeon"}
    assert not plan.absent
    assert sum(trial.seconds * trial.resources.cpus for trial in plan.trials) <= REHEARSAL


@pytest.mark.parametrize("name", PAPER)
def test_a_rehearsal_asks_the_same_question(name: str) -> None:
    """Its arms and factors are those of the study: a shorter training on fewer data, nothing else."""
    assert _planned(name, "small")[1].arms == _planned(name)[1].arms
