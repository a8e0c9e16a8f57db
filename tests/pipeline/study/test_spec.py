"""Study files as specs: every mistake named with its place, key, value and choices; spellings; profiles; paths."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from dsn.config import SparsityConfig
from dsn.data import DataInfo
from dsn.engine_choice import EngineChoice
from dsn.errors import UNSET, InvalidInput
from pipeline.planning import make_plan
from pipeline.study.document import DEEPEST
from pipeline.study.spec import MOST_SEEDS, Study, StudySpec, read_study

HEAD = "name: s\ndata:\n  - {source: aeon, names: [A]}\n"
"""A whole study in three lines, so that what a test appends begins in line 4."""

TOP_KEYS = tuple(field.name for field in fields(StudySpec))
UNCLOSED = "is not valid YAML: expected ',' or ']', but got '<stream end>'; the bracket was opened in line 1, column 1"
URI = "must be the URI of an MLflow store, SCHEME://PLACE"
STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
BOOLS = ("true", "false")
BASE_KEYS = ("data", "model", "sparsity", "training", "recipe")
SPARSITY_KEYS = tuple(field.name for field in fields(SparsityConfig))


def _describe(config: Any) -> DataInfo:
    return DataInfo(
        name=config.name, content_hash="ab", train_n=20, test_n=20, channels=1, length=50, classes=2, files=()
    )


def _study(tmp_path: Path, text: str, profile: str | None = None) -> Study:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return read_study(file, profile)


def _spec(tmp_path: Path, text: str, profile: str | None = None) -> StudySpec:
    return _study(tmp_path, text, profile).spec


def _refusal(tmp_path: Path, text: str, profile: str | None = None) -> tuple[InvalidInput, str]:
    """The error of reading and planning, and its place without the folder."""
    with pytest.raises(InvalidInput) as caught:
        make_plan(_study(tmp_path, text, profile), _describe)
    return caught.value, caught.value.place.removeprefix(f"{tmp_path}/study.yaml").removeprefix(":")


def test_the_defaults_are_those_that_the_class_documents(tmp_path: Path) -> None:
    spec = _spec(tmp_path, HEAD)
    assert (spec.name, spec.base, spec.arms, spec.factors, spec.exclude) == ("s", {}, {"base": {}}, None, [])
    assert spec.seed_list == (0, 1, 2, 3, 4)
    assert (spec.resources.cpus, spec.resources.gpus, spec.tracking.uri) == (1, 0, None)


Mistake = tuple[str, str, str, object, str, tuple[str, ...]]
"""Study file; then place, key, value, problem and choices of its error."""

NAMES = "must be letters, digits, '_', '+' or '-', at most 100, the first a letter or digit"
SEEDS = "must be a count of at least 1, or distinct seeds from 0"
GPUS = "must be a part of one GPU, 0 or at least 0.0001, or a whole number"
LEVEL = "must be at least 0 and below 1, or 'dense'"


@pytest.mark.parametrize(
    "mistake",
    [
        # Unknown keys, at each depth; a required key that is misspelt is unknown before it is missing.
        (HEAD + "sead: 3\n", "4:1", "sead", UNSET, "unknown key", TOP_KEYS),
        (HEAD.replace("name: s", "nmae: s"), "1:1", "nmae", UNSET, "unknown key", TOP_KEYS),
        (HEAD + "resources: {cpu: 1}\n", "4:13", "resources.cpu", UNSET, "unknown key", ("cpus", "gpus")),
        (HEAD + "factors: {vals: {}}\n", "4:11", "factors.vals", UNSET, "unknown key", ("values", "mode", "arms")),
        (HEAD + "base:\n  sparsity:\n    levl: 0.5\n", "6:5", "sparsity.levl", UNSET, "unknown key", SPARSITY_KEYS),
        (HEAD + "base: {sparsity.levl: 0.5}\n", "4:8", "sparsity.levl", UNSET, "unknown key", SPARSITY_KEYS),
        (HEAD + 'base: {"": 1}\n', "4:8", "", UNSET, "unknown key", BASE_KEYS),
        # Missing keys.
        ("data: []\n", "", "name", UNSET, "is missing", ()),
        ("name: s\n", "", "data", UNSET, "is missing", ()),
        (HEAD + "factors: {mode: grid}\n", "4:1", "factors.values", UNSET, "is missing", ()),
        # Wrong types.
        (HEAD.replace("name: s", "name: 5"), "1:1", "name", 5, "must be text", ()),
        (HEAD + "question: [why]\n", "4:1", "question", ["why"], "must be text", ()),
        ("name: s\ndata: x\n", "2:1", "data", "x", "must be a list", ()),
        ("name: s\ndata: [x]\n", "2:8", "data.0", "x", "must be a mapping", ()),
        (HEAD + "base:\n", "4:1", "base", None, "must be a mapping", ()),
        (HEAD + "arms: [a]\n", "4:1", "arms", ["a"], "must be a mapping", ()),
        (HEAD + "arms:\n  a: 5\n", "5:3", "arms.a", 5, "must be a mapping", ()),
        (HEAD + "seeds: few\n", "4:1", "seeds", "few", "must be a whole number or a list", ()),
        (HEAD + "seeds: 1.0\n", "4:1", "seeds", 1.0, "must be a whole number or a list", ()),
        (HEAD + "seeds: true\n", "4:1", "seeds", True, "must be a whole number or a list", ()),
        (HEAD + "seeds:\n", "4:1", "seeds", None, "must be a whole number or a list", ()),
        (HEAD + "seeds: [1, x]\n", "4:12", "seeds.1", "x", "must be a whole number", ()),
        (HEAD + "exclude: [5]\n", "4:11", "exclude.0", 5, "must be a mapping", ()),
        (
            HEAD + "factors: {values: {sparsity.level: 0.5}}\n",
            "4:20",
            "factors.values.sparsity.level",
            0.5,
            "must be a list",
            (),
        ),
        (
            HEAD + "factors: {values: {sparsity.level: [[1]]}}\n",
            "4:37",
            "factors.values.sparsity.level.0",
            [1],
            "must be text, true or false or a number",
            BOOLS,
        ),
        (
            HEAD + "base: {sparsity.level: half}\n",
            "4:8",
            "sparsity.level",
            "half",
            "must be a number or 'dense'",
            ("dense",),
        ),
        (
            HEAD + "base: {sparsity.level: true}\n",
            "4:8",
            "sparsity.level",
            True,
            "must be a number or 'dense'",
            ("dense",),
        ),
        (HEAD + "base: {sparsity.explore: no}\n", "4:8", "sparsity.explore", "no", "must be true or false", BOOLS),
        (HEAD + "base: {sparsity.explore: 1}\n", "4:8", "sparsity.explore", 1, "must be true or false", BOOLS),
        (HEAD + "base: {training.epochs: 40.0}\n", "4:8", "training.epochs", 40.0, "must be a whole number", ()),
        (HEAD + 'base: {training.epochs: "40"}\n', "4:8", "training.epochs", "40", "must be a whole number", ()),
        # Choices.
        (HEAD + "engine: trch\n", "4:1", "engine", "trch", "must be one of the choices", get_args(EngineChoice)),
        (
            HEAD + "tracking: {keep_models: best}\n",
            "4:12",
            "tracking.keep_models",
            "best",
            "must be one of the choices",
            ("all", "none"),
        ),
        (
            HEAD + "base: {sparsity.grow: gradent}\n",
            "4:8",
            "sparsity.grow",
            "gradent",
            "must be one of the choices",
            ("random", "gradient", "momentum", "least-covered"),
        ),
        # Ranges.
        (HEAD.replace("name: s", "name: a/b"), "1:1", "name", "a/b", NAMES, ()),
        (HEAD.replace("name: s", "name: ../x"), "1:1", "name", "../x", NAMES, ()),
        (HEAD.replace("name: s", f"name: {'a' * 101}"), "1:1", "name", "a" * 101, NAMES, ()),
        (HEAD.replace("name: s", "name: s@tiny"), "1:1", "name", "s@tiny", NAMES, ()),
        (HEAD.replace("name: s", "name: s@../../x"), "1:1", "name", "s@../../x", NAMES, ()),
        (HEAD + "arms:\n  a: {}\n  b.c: {}\n", "6:3", "arms.b.c", "b.c", NAMES, ()),
        (HEAD + 'arms:\n  "": {}\n', "5:3", "arms.", "", NAMES, ()),
        (HEAD + "profiles:\n  a b: {}\n", "5:3", "profiles.a b", "a b", NAMES, ()),
        ("name: s\ndata: []\n", "2:1", "data", [], "must not be empty", ()),
        (HEAD + "arms: {}\n", "4:1", "arms", {}, "must not be empty", ()),
        (HEAD + "seeds: 0\n", "4:1", "seeds", 0, SEEDS, ()),
        (HEAD + "seeds: []\n", "4:1", "seeds", [], SEEDS, ()),
        (HEAD + "seeds: [0, -1]\n", "4:1", "seeds", [0, -1], SEEDS, ()),
        (HEAD + "seeds: [1, 1]\n", "4:1", "seeds", [1, 1], SEEDS, ()),
        (
            HEAD + f"seeds: {MOST_SEEDS + 1}\n",
            "4:1",
            "seeds",
            MOST_SEEDS + 1,
            f"must be at most {MOST_SEEDS}",
            (),
        ),
        (HEAD + "resources: {cpus: 0}\n", "4:13", "resources.cpus", 0, "must be between 1 and 100000", ()),
        (HEAD + "resources: {gpus: -1}\n", "4:13", "resources.gpus", -1.0, "must be at least 0 and below 1000", ()),
        (HEAD + "resources: {gpus: 5e-324}\n", "4:13", "resources.gpus", 5e-324, GPUS, ()),
        (HEAD + "resources: {gpus: 1.5}\n", "4:13", "resources.gpus", 1.5, GPUS, ()),
        (
            HEAD + "resources: {gpus: .inf}\n",
            "4:13",
            "resources.gpus",
            math.inf,
            "must be at least 0 and below 1000",
            (),
        ),
        (HEAD + "tracking: {uri: sqlite}\n", "4:12", "tracking.uri", "sqlite", URI, STORES),
        (HEAD + "tracking: {uri: 'https://'}\n", "4:12", "tracking.uri", "https://", URI, STORES),
        (HEAD + "tracking: {uri: ''}\n", "4:12", "tracking.uri", "", URI, STORES),
        (HEAD + "tracking: {uri: ftp://a}\n", "4:12", "tracking.uri", "ftp://a", URI, STORES),
        (
            HEAD + "tracking: {curve_points: 10001}\n",
            "4:12",
            "tracking.curve_points",
            10001,
            "must be between 0 and 10000",
            (),
        ),
        (
            HEAD + "factors: {values: {model.depth: []}}\n",
            "4:20",
            "factors.values.model.depth",
            [],
            "must list at least one value, each once",
            (),
        ),
        (
            HEAD + "factors: {values: {sparsity.level: [0, 0.0]}}\n",
            "4:20",
            "factors.values.sparsity.level",
            [0, 0.0],
            "must list at least one value, each once",
            (),
        ),
        (HEAD + "base: {sparsity.level: 1.0}\n", "4:8", "sparsity.level", 1.0, LEVEL, ()),
        (HEAD + "base: {sparsity.level: .inf}\n", "4:8", "sparsity.level", math.inf, LEVEL, ()),
        (
            HEAD + "base: {training.learning_rate: 1e999}\n",
            "4:8",
            "training.learning_rate",
            math.inf,
            "must be above 0 and finite",
            (),
        ),
        # A key that is called as one of the types that its value may have.
        (HEAD + "seeds: {int: 3}\n", "4:1", "seeds", {"int": 3}, "must be a whole number or a list", ()),
        # No RecursionError, and nothing that only a validator would understand.
        (HEAD + f"base: {{{'.' * 1000}: 1}}\n", "4:8", "." * 1000, UNSET, "is nested too deeply", ()),
        (HEAD + f"arms: {{a: {{{'x.' * 20}x: 1}}}}\n", "4:12", f"{'x.' * 20}x", UNSET, "is nested too deeply", ()),
        # The same key twice, in two spellings.
        (
            HEAD + "base:\n  sparsity: {level: 0.5}\n  sparsity.level: 0.6\n",
            "6:3",
            "sparsity.level",
            UNSET,
            "is given twice",
            (),
        ),
        (HEAD + "base:\n  model: {a: 1, a.b: 2}\n", "5:17", "model.a.b", UNSET, "is given twice", ()),
        (
            HEAD + "factors:\n  values:\n    model: {depth: [1]}\n    model.depth: [2]\n",
            "7:5",
            "model.depth",
            UNSET,
            "is given twice",
            (),
        ),
    ],
)
def test_a_mistake_is_named_with_place_key_value_and_choices(tmp_path: Path, mistake: Mistake) -> None:
    text, place, key, value, problem, choices = mistake
    error, where = _refusal(tmp_path, text)
    assert (error.problem, error.key, error.value, where) == (problem, key, value, place)
    assert error.choices == choices


@pytest.mark.parametrize("text", ["seeds: .nan\n", "base: {sparsity.level: .nan}\n", "resources: {gpus: .nan}\n"])
def test_nan_is_refused_wherever_a_number_stands(tmp_path: Path, text: str) -> None:
    error, where = _refusal(tmp_path, HEAD + text)
    assert where.startswith("4:")
    assert isinstance(error.value, float)
    assert math.isnan(error.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sead: 3\n", "did you mean 'seeds'?"),
        ("base: {sparsity.levl: 0.5}\n", "did you mean 'level'?"),
        ("base: {trainng.epochs: 3}\n", "did you mean 'training'?"),
        ("base: {sparsity.grow: gradent}\n", "did you mean 'gradient'?"),
        ("base: {recipe: published}\n", "did you mean 'published-code'?"),
        # One slip away from both; and slips that no letter is like, or too many.
        ("resources: {pus: 1}\n", "did you mean 'cpus' or 'gpus'?"),
        ("SEEDS: 1\n", "did you mean 'seeds'?"),
        ("tracking: {keep_models: nne}\n", "did you mean 'none'?"),
        ("base: {sparsity.level: dnese}\n", "must be a number or 'dense' (got 'dnese'); did you mean 'dense'?"),
        # Good keys in a wrong place.
        ("epochs: 3\n", "unknown key here: its place is base.training.epochs"),
        ("training.epochs: 3\n", "unknown key here: its place is base.training.epochs"),
        ("cpus: 2\n", "unknown key here: its place is resources.cpus"),
        ("base: {epochs: 3}\n", "unknown key here: its place is training.epochs"),
        ("arms: {a: {model.level: 0.5}}\n", "unknown key here: its place is sparsity.level"),
    ],
)
def test_the_nearest_match_is_offered(tmp_path: Path, text: str, hint: str) -> None:
    error, _ = _refusal(tmp_path, HEAD + text)
    assert hint in str(error)


def test_a_message_is_one_short_line_that_cannot_steer_the_terminal(tmp_path: Path) -> None:
    key = "\\e[31m\\n\\u202e"
    error, _ = _refusal(tmp_path, HEAD + f'"{key}{"x" * 500}": 1\n')
    assert str(error).isprintable()
    assert "\\x1b[31m\\n\\u202e" in str(error)
    assert len(str(error)) < len(str(tmp_path)) + 300
    arms = ", ".join(f"a{n}: {{}}" for n in range(100))
    error, _ = _refusal(tmp_path, HEAD + f"arms: {{{arms}}}\nexclude: [{{arm: x}}]\n")
    assert str(error).endswith("a28, a29 and 70 more")
    assert len(error.choices) == 100


def test_a_message_reads_as_place_key_problem_value_and_choices(tmp_path: Path) -> None:
    error, _ = _refusal(tmp_path, HEAD + "base: {sparsity.grow: gradent}\n")
    assert str(error) == (
        f"{tmp_path}/study.yaml:4:8: sparsity.grow: must be one of the choices (got 'gradent'); "
        "did you mean 'gradient'? Valid: random, gradient, momentum, least-covered"
    )


@pytest.mark.parametrize(
    "written",
    [
        "base: {sparsity: {level: 0.5, groups: 2}, training: {epochs: 3}}\n",
        "base: {sparsity.level: 0.5, sparsity.groups: 2, training.epochs: 3}\n",
        "base: {sparsity: {level: 0.5}, training.epochs: 3, sparsity.groups: 2}\n",
        "base: {sparsity: {}, sparsity.level: 0.5, sparsity.groups: 2, training.epochs: 3}\n",
    ],
)
def test_dotted_and_nested_keys_mean_the_same(tmp_path: Path, written: str) -> None:
    expected = {"sparsity": {"level": 0.5, "groups": 2}, "training": {"epochs": 3}}
    assert _spec(tmp_path, HEAD + written).base == expected
    assert _spec(tmp_path, HEAD + written.replace("base: ", "arms: {base: ")[:-1] + "}\n").arms == {"base": expected}


@pytest.mark.parametrize("values", ["{model.depth: [3, 4]}", "{model: {depth: [3, 4]}}"])
def test_factors_may_be_nested_too(tmp_path: Path, values: str) -> None:
    factors = _spec(tmp_path, HEAD + f"factors: {{values: {values}}}\n").factors
    assert factors is not None
    assert factors.values == {"model.depth": [3, 4]}


def test_an_arm_without_overrides_may_be_left_empty(tmp_path: Path) -> None:
    assert _spec(tmp_path, HEAD + "arms:\n  a:\n  b: {}\n").arms == {"a": {}, "b": {}}


@pytest.mark.parametrize("uri", ["sqlite:///a.db", "postgresql+psycopg2://a/b", "http://a:5000", "databricks"])
def test_an_mlflow_store_may_be_of_any_kind(tmp_path: Path, uri: str) -> None:
    assert _spec(tmp_path, HEAD + f'tracking: {{uri: "{uri}"}}\n').tracking.uri == uri


def test_seeds_may_be_a_list(tmp_path: Path) -> None:
    assert _spec(tmp_path, HEAD + "seeds: [7, 3]\n").seed_list == (7, 3)


# Profiles: from line 9 on.
PROFILED = (
    HEAD
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
    spec = _spec(tmp_path, text, "p")
    assert spec.name == "s@p"
    assert spec.seed_list == (9,)
    assert spec.base == {"training": {"epochs": 3, "batch_size": 8}, "model": {"channels": 6}}
    assert spec.arms == {"a": {"sparsity": {"level": 0.6}}, "b": {}, "c": {"sparsity": {"groups": 1}}}
    assert spec.factors is not None
    assert spec.factors.values == {"model.depth": [2]}

    plain = _spec(tmp_path, text)
    assert plain.name == "s"
    assert plain.base == {"training": {"epochs": 100, "batch_size": 8}}
    assert plain.arms == {"a": {"sparsity": {"level": 0.5}}, "b": {}}


def test_a_profile_replaces_what_its_key_leads_to(tmp_path: Path) -> None:
    spec = _spec(tmp_path, PROFILED + "    base: {training.epochs: 3}\n    arms:\n      only:\n", "p")
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
    error, where = _refusal(tmp_path, PROFILED + f"    {edit}\n", "p")
    assert (where, error.key, error.problem) == (place, key, problem)


def test_a_line_that_a_profile_leaves_alone_keeps_its_blame(tmp_path: Path) -> None:
    text = PROFILED.replace("epochs: 100", "epochs: 0") + "    base.training.batch_size: 4\n"
    assert _refusal(tmp_path, text, "p")[1] == "4:19"


def test_an_unknown_profile_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    error, where = _refusal(tmp_path, HEAD + "profiles: {tiny: {}, big: {}}\n", "tny")
    assert (error.key, error.value, error.choices, where) == ("profiles", "tny", ("big", "tiny"), "")
    assert "did you mean 'tiny'?" in str(error)
    assert _refusal(tmp_path, HEAD, "tiny")[0].choices == ()


@pytest.mark.parametrize("profile", [None, "p"])
def test_a_profile_must_be_a_mapping(tmp_path: Path, profile: str | None) -> None:
    error, where = _refusal(tmp_path, HEAD + "profiles:\n  p: [1]\n", profile)
    assert (error.key, error.problem, error.value, where) == ("profiles.p", "must be a mapping", [1], "5:3")


def test_a_profile_does_not_make_up_a_name(tmp_path: Path) -> None:
    error, _ = _refusal(tmp_path, HEAD.removeprefix("name: s\n") + "profiles: {p: {}}\n", "p")
    assert (error.key, error.problem) == ("name", "is missing")
    error, _ = _refusal(tmp_path, HEAD.replace("name: s", "name: 5") + "profiles: {p: {}}\n", "p")
    assert (error.key, error.problem) == ("name", "must be text")


def _npz(path: str) -> str:
    return f'name: s\ndata:\n  - {{source: npz, path: "{path}", names: [A]}}\n'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sets", "{folder}/sets"),
        ("../sets", "{folder}/../sets"),
        ("/abs/sets", "/abs/sets"),
        ("${DSN_TEST_PLACE}/sets", "/place/sets"),
        ("${DSN_TEST_PART}/${DSN_TEST_PART}", "{folder}/part/part"),
        ("~/sets", "/home/someone/sets"),
        ("$DSN_TEST_PART", "{folder}/$DSN_TEST_PART"),
    ],
)
def test_paths_are_relative_to_the_study_file_with_variables_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    monkeypatch.setenv("DSN_TEST_PLACE", "/place")
    monkeypatch.setenv("DSN_TEST_PART", "part")
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    file = Path("studies/study.yaml")
    file.write_text(_npz(written), encoding="utf-8")
    assert read_study(file).spec.data[0]["path"] == meant.format(folder=tmp_path / "studies")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("${DSN_TEST_UNSET}/sets", "environment variable DSN_TEST_UNSET is not set: export DSN_TEST_UNSET=FOLDER"),
        ("~nobody-of-this-name/sets", "names a home folder that is not there"),
        ("~\0", "names a home folder that is not there"),
    ],
)
def test_a_path_that_cannot_be_filled_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, problem: str
) -> None:
    monkeypatch.delenv("DSN_TEST_UNSET", raising=False)
    error, where = _refusal(tmp_path, _npz(path.replace("\0", "\\0")))
    assert (error.problem, error.key, error.value, where) == (problem, "path", path, "3:19")


def test_a_path_of_a_profile_is_filled_in_too(tmp_path: Path) -> None:
    text = HEAD + "profiles:\n  p: {data: [{source: npz, path: sets, names: [A]}]}\n"
    assert _spec(tmp_path, text, "p").data[0]["path"] == str(tmp_path / "sets")


SETTINGS = HEAD + "base: {training.epochs: 7}\nprofiles: {p: {base.training.epochs: 5}}\n"


def _set(tmp_path: Path, *settings: str, profile: str | None = None) -> Study:
    file = tmp_path / "study.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    return read_study(file, profile, settings)


def test_settings_edit_the_file_after_the_profile_and_the_last_one_counts(tmp_path: Path) -> None:
    study = _set(tmp_path, "base.training.epochs=2", "seeds=[4, 5]", "base.training.epochs=3", profile="p")
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
        make_plan(_set(tmp_path, setting), _describe)
    assert (caught.value.place, caught.value.problem) == (place, problem)
