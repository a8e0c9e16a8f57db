"""Profiles and ``--set``: what they make of a study file, and the line that is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_info import made_info
from study_text import ONE_SET, refusal, study_of

from dsn.errors import InvalidInput
from pipeline.planning.plan import make_plan
from pipeline.study.document import DEEPEST

UNCLOSED = "is not valid YAML: expected ',' or ']', but got '<stream end>'; the bracket was opened in line 1, column 1"
LEVEL = "must be at least 0 and below 1, or 'dense'"


# Profiles: from line 9 on.
PROFILED = (
    ONE_SET
    + "base: {training: {epochs: 100, batch_size: 8}}\n"
    + "arms: {a: {sparsity.level: 0.5}, b: {}}\n"
    + "factors: {values: {model.depth: [3, 4]}}\n"
    + "profiles:\n"
    + "  p:\n"
)


def test_a_profile_edits_the_document_and_is_a_study_of_its_own(tmp_path: Path) -> None:
    text = PROFILED + (
        "    seeds: [9]\n"
        "    base.training.epochs: 3\n"
        "    base.model.channels: 6\n"
        "    arms.a.sparsity.level: 0.6\n"
        "    arms.c: {sparsity.groups: 1}\n"
        "    factors.values.model.depth: [2]\n"
    )
    spec = study_of(tmp_path, text, profile="p").spec
    assert spec.name == "s@p"
    assert spec.seed_list == (9,)
    assert spec.base == {"training": {"epochs": 3, "batch_size": 8}, "model": {"channels": 6}}
    assert spec.arms == {"a": {"sparsity": {"level": 0.6}}, "b": {}, "c": {"sparsity": {"groups": 1}}}
    assert spec.factors is not None
    assert spec.factors.values == {"model.depth": [2]}

    plain = study_of(tmp_path, text).spec
    assert plain.name == "s"
    assert plain.base == {"training": {"epochs": 100, "batch_size": 8}}
    assert plain.arms == {"a": {"sparsity": {"level": 0.5}}, "b": {}}


def test_a_profile_replaces_what_its_key_leads_to(tmp_path: Path) -> None:
    spec = study_of(tmp_path, PROFILED + "    base: {training.epochs: 3}\n    arms:\n      only:\n", profile="p").spec
    assert spec.base == {"training": {"epochs": 3}}
    assert spec.arms == {"only": {}}


@pytest.mark.parametrize(
    ("edit", "place", "key", "problem"),
    [
        ("sead: 3", "9:5", "sead", "unknown key"),
        ("bse.training.epochs: 3", "9:5", "bse", "unknown key"),
        ("base.trainng.epochs: 3", "9:5", "trainng", "unknown key"),
        ("base.training.epoch: 3", "9:5", "training.epoch", "unknown key"),
        ("base.training.epochs: few", "9:5", "training.epochs", "must be a whole number"),
        ("base.training.epochs: 0", "9:5", "training.epochs", "must be between 1 and 10000000"),
        ("base: {training: {epochs: 0}}", "9:23", "training.epochs", "must be between 1 and 10000000"),
        ("arms.a.sparsity.level: 2", "9:5", "sparsity.level", LEVEL),
        ("arms: {x: {sparsity.level: 2}}", "9:16", "sparsity.level", LEVEL),
        ("arms.c.sparsity.levl: 2", "9:5", "sparsity.levl", "unknown key"),
        ("factors.values.model.depth: 2", "9:5", "factors.values.model.depth", "must be a list"),
        ("factors.values.model.deep: [2]", "9:5", "model.deep", "unknown key"),
        ("data: [{source: aeon, names: [B], junk: 1}]", "9:39", "data.junk", "unknown key"),
        ("data.0.names: [B]", "9:5", "data.0.names", "'data' is not a mapping that could be edited"),
        (
            "base.training.epochs.x: 1",
            "9:5",
            "base.training.epochs.x",
            "'epochs' is not a mapping that could be edited",
        ),
        ("name: other", "9:5", "name", "cannot be changed by a profile or by --set"),
        ("profiles.p.seeds: 1", "9:5", "profiles.p.seeds", "cannot be changed by a profile or by --set"),
        ('"": 1', "9:5", "", "unknown key"),
    ],
)
def test_a_bad_key_of_a_profile_is_blamed_on_the_profiles_line(
    tmp_path: Path, edit: str, place: str, key: str, problem: str
) -> None:
    error, where = refusal(tmp_path, PROFILED + f"    {edit}\n", profile="p")
    assert (where, error.key, error.problem) == (place, key, problem)


def test_a_line_that_a_profile_leaves_alone_keeps_its_blame(tmp_path: Path) -> None:
    text = PROFILED.replace("epochs: 100", "epochs: 0") + "    base.training.batch_size: 4\n"
    assert refusal(tmp_path, text, profile="p")[1] == "4:19"


def test_an_unknown_profile_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, ONE_SET + "profiles: {tiny: {}, big: {}}\n", profile="tny")
    assert (error.key, error.value, error.choices, where) == ("profiles", "tny", ("big", "tiny"), "")
    assert "did you mean 'tiny'?" in str(error)
    assert refusal(tmp_path, ONE_SET, profile="tiny")[0].choices == ()


@pytest.mark.parametrize("profile", [None, "p"])
def test_a_profile_must_be_a_mapping(tmp_path: Path, profile: str | None) -> None:
    error, where = refusal(tmp_path, ONE_SET + "profiles:\n  p: [1]\n", profile=profile)
    assert (error.key, error.problem, error.value, where) == ("profiles.p", "must be a mapping", [1], "5:3")


def test_a_profile_does_not_make_up_a_name(tmp_path: Path) -> None:
    error, _ = refusal(tmp_path, ONE_SET.removeprefix("name: s\n") + "profiles: {p: {}}\n", profile="p")
    assert (error.key, error.problem) == ("name", "is missing")
    error, _ = refusal(tmp_path, ONE_SET.replace("name: s", "name: 5") + "profiles: {p: {}}\n", profile="p")
    assert (error.key, error.problem) == ("name", "must be text")


SETTINGS = ONE_SET + "base: {training.epochs: 7}\nprofiles: {p: {base.training.epochs: 5}}\n"


def test_settings_edit_the_file_after_the_profile_and_the_last_one_counts(tmp_path: Path) -> None:
    settings = ("base.training.epochs=2", "seeds=[4, 5]", "base.training.epochs=3")
    study = study_of(tmp_path, SETTINGS, "p", settings)
    assert study.spec.base == {"training": {"epochs": 3}}
    assert study.spec.seed_list == (4, 5)
    assert study.spec.name == "s@p"
    assert study.document.text.splitlines()[-3:] == [
        "# --set base.training.epochs=2",
        "# --set seeds=[4, 5]",
        "# --set base.training.epochs=3",
    ]


@pytest.mark.parametrize(
    ("setting", "place", "problem"),
    [
        ("seeds", "--set", "must be key=value, on one line"),
        ("=3", "--set", "must be key=value, on one line"),
        (" =3", "--set", "must be key=value, on one line"),
        ("seeds=3\n", "--set", "must be key=value, on one line"),
        ("\udcff=3", "--set", "must be key=value, on one line"),
        (f"base.{'.' * DEEPEST}=1", f"--set base.{'.' * DEEPEST}=1", "is nested too deeply"),
        ("base={training: {epoch: 2}}", "--set base={training: {epoch: 2}}", "unknown key"),
        ("base={training: {epochs: 0}}", "--set base={training: {epochs: 0}}", "must be between 1 and 10000000"),
        ("arms={a: {sparsity.level: 2}}", "--set arms={a: {sparsity.level: 2}}", LEVEL),
        ("factors={values: {model.depth: 1}}", "--set factors={values: {model.depth: 1}}", "must be a list"),
        ("sedes=3", "--set sedes=3", "unknown key"),
        ("seeds=many", "--set seeds=many", "must be a whole number or a list"),
        ("name=other", "--set name=other", "cannot be changed by a profile or by --set"),
        ("seeds=[1", "--set seeds=[1:1:3", UNCLOSED),
    ],
)
def test_a_setting_that_cannot_be_is_blamed_on_itself(tmp_path: Path, setting: str, place: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_plan(study_of(tmp_path, SETTINGS, settings=(setting,)), made_info)
    assert (caught.value.place, caught.value.problem) == (place, problem)
