"""Study files as specs: every mistake named with its place, key, value and choices; spellings; paths."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from study_text import ONE_SET, refusal, study_of

from dsn.config import SparsityConfig
from dsn.engine_choice import EngineChoice
from dsn.errors import UNSET
from pipeline.study.spec import MOST_SEEDS, StudySpec, read_study

TOP_KEYS = tuple(field.name for field in fields(StudySpec))
URI = "must be the URI of an MLflow store, SCHEME://PLACE"
STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
BOOLS = ("true", "false")
BASE_KEYS = ("data", "model", "sparsity", "training", "recipe")
SPARSITY_KEYS = tuple(field.name for field in fields(SparsityConfig))


def test_the_defaults_are_those_that_the_class_documents(tmp_path: Path) -> None:
    spec = study_of(tmp_path, ONE_SET).spec
    assert (spec.name, spec.base, spec.arms, spec.factors, spec.exclude) == ("s", {}, {"base": {}}, None, [])
    assert spec.seed_list == (0, 1, 2, 3, 4)
    assert (spec.resources.cpus, spec.resources.gpus, spec.tracking.uri) == (1, 0, None)


Mistake = tuple[str, str, str, object, str, tuple[str, ...]]
"""Study file; then place, key, value, problem and choices of its error."""

NAMES = "must be letters, digits, '_', '+' or '-', at most 100, the first a letter or digit"
SEEDS = "must be a count of at least 1, or distinct seeds from 0"
TIME = "must be a number above 0 with one of the units s, m, min, h, d"
SIZE = "must be a number above 0 with one of the units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
RESOURCES = ("cpus", "gpus", "gpu_memory", "time_limit", "memory")
GPUS = "must be a part of one GPU, 0 or at least 0.0001, or a whole number"
LEVEL = "must be at least 0 and below 1, or 'dense'"


@pytest.mark.parametrize(
    "mistake",
    [
        # Unknown keys, at each depth; a required key that is misspelt is unknown before it is missing.
        (ONE_SET + "sead: 3\n", "4:1", "sead", UNSET, "unknown key", TOP_KEYS),
        (ONE_SET.replace("name: s", "nmae: s"), "1:1", "nmae", UNSET, "unknown key", TOP_KEYS),
        (ONE_SET + "resources: {cpu: 1}\n", "4:13", "resources.cpu", UNSET, "unknown key", RESOURCES),
        (ONE_SET + "factors: {vals: {}}\n", "4:11", "factors.vals", UNSET, "unknown key", ("values", "mode", "arms")),
        (ONE_SET + "base:\n  sparsity:\n    levl: 0.5\n", "6:5", "sparsity.levl", UNSET, "unknown key", SPARSITY_KEYS),
        (ONE_SET + "base: {sparsity.levl: 0.5}\n", "4:8", "sparsity.levl", UNSET, "unknown key", SPARSITY_KEYS),
        (ONE_SET + 'base: {"": 1}\n', "4:8", "", UNSET, "unknown key", BASE_KEYS),
        # Missing keys.
        ("data: []\n", "", "name", UNSET, "is missing", ()),
        ("name: s\n", "", "data", UNSET, "is missing", ()),
        (ONE_SET + "factors: {mode: grid}\n", "4:1", "factors.values", UNSET, "is missing", ()),
        # Wrong types.
        (ONE_SET.replace("name: s", "name: 5"), "1:1", "name", 5, "must be text", ()),
        (ONE_SET + "question: [why]\n", "4:1", "question", ["why"], "must be text", ()),
        ("name: s\ndata: x\n", "2:1", "data", "x", "must be a list", ()),
        ("name: s\ndata: [x]\n", "2:8", "data.0", "x", "must be a mapping", ()),
        (ONE_SET + "base:\n", "4:1", "base", None, "must be a mapping", ()),
        (ONE_SET + "arms: [a]\n", "4:1", "arms", ["a"], "must be a mapping", ()),
        (ONE_SET + "arms:\n  a: 5\n", "5:3", "arms.a", 5, "must be a mapping", ()),
        (ONE_SET + "seeds: few\n", "4:1", "seeds", "few", "must be a whole number or a list", ()),
        (ONE_SET + "seeds: 1.0\n", "4:1", "seeds", 1.0, "must be a whole number or a list", ()),
        (ONE_SET + "seeds: true\n", "4:1", "seeds", True, "must be a whole number or a list", ()),
        (ONE_SET + "seeds:\n", "4:1", "seeds", None, "must be a whole number or a list", ()),
        (ONE_SET + "seeds: [1, x]\n", "4:12", "seeds.1", "x", "must be a whole number", ()),
        (ONE_SET + "exclude: [5]\n", "4:11", "exclude.0", 5, "must be a mapping", ()),
        (
            ONE_SET + "factors: {values: {sparsity.level: 0.5}}\n",
            "4:20",
            "factors.values.sparsity.level",
            0.5,
            "must be a list",
            (),
        ),
        (
            ONE_SET + "factors: {values: {sparsity.level: [[1]]}}\n",
            "4:37",
            "factors.values.sparsity.level.0",
            [1],
            "must be text, true or false or a number",
            BOOLS,
        ),
        (
            ONE_SET + "base: {sparsity.level: half}\n",
            "4:8",
            "sparsity.level",
            "half",
            "must be a number or 'dense'",
            ("dense",),
        ),
        (
            ONE_SET + "base: {sparsity.level: true}\n",
            "4:8",
            "sparsity.level",
            True,
            "must be a number or 'dense'",
            ("dense",),
        ),
        (ONE_SET + "base: {sparsity.explore: no}\n", "4:8", "sparsity.explore", "no", "must be true or false", BOOLS),
        (ONE_SET + "base: {sparsity.explore: 1}\n", "4:8", "sparsity.explore", 1, "must be true or false", BOOLS),
        (ONE_SET + "base: {training.epochs: 40.0}\n", "4:8", "training.epochs", 40.0, "must be a whole number", ()),
        (ONE_SET + 'base: {training.epochs: "40"}\n', "4:8", "training.epochs", "40", "must be a whole number", ()),
        # Choices.
        (ONE_SET + "engine: trch\n", "4:1", "engine", "trch", "must be one of the choices", get_args(EngineChoice)),
        (
            ONE_SET + "tracking: {keep_models: best}\n",
            "4:12",
            "tracking.keep_models",
            "best",
            "must be one of the choices",
            ("all", "none"),
        ),
        (
            ONE_SET + "base: {sparsity.grow: gradent}\n",
            "4:8",
            "sparsity.grow",
            "gradent",
            "must be one of the choices",
            ("random", "gradient", "momentum", "least-covered"),
        ),
        # Ranges.
        (ONE_SET.replace("name: s", "name: a/b"), "1:1", "name", "a/b", NAMES, ()),
        (ONE_SET.replace("name: s", "name: ../x"), "1:1", "name", "../x", NAMES, ()),
        (ONE_SET.replace("name: s", f"name: {'a' * 101}"), "1:1", "name", "a" * 101, NAMES, ()),
        (ONE_SET.replace("name: s", "name: s@tiny"), "1:1", "name", "s@tiny", NAMES, ()),
        (ONE_SET.replace("name: s", "name: s@../../x"), "1:1", "name", "s@../../x", NAMES, ()),
        (ONE_SET + "arms:\n  a: {}\n  b.c: {}\n", "6:3", "arms.b.c", "b.c", NAMES, ()),
        (ONE_SET + 'arms:\n  "": {}\n', "5:3", "arms.", "", NAMES, ()),
        (ONE_SET + "profiles:\n  a b: {}\n", "5:3", "profiles.a b", "a b", NAMES, ()),
        ("name: s\ndata: []\n", "2:1", "data", [], "must not be empty", ()),
        (ONE_SET + "arms: {}\n", "4:1", "arms", {}, "must not be empty", ()),
        (ONE_SET + "seeds: 0\n", "4:1", "seeds", 0, SEEDS, ()),
        (ONE_SET + "seeds: []\n", "4:1", "seeds", [], SEEDS, ()),
        (ONE_SET + "seeds: [0, -1]\n", "4:1", "seeds", [0, -1], SEEDS, ()),
        (ONE_SET + "seeds: [1, 1]\n", "4:1", "seeds", [1, 1], SEEDS, ()),
        (
            ONE_SET + f"seeds: {MOST_SEEDS + 1}\n",
            "4:1",
            "seeds",
            MOST_SEEDS + 1,
            f"must be at most {MOST_SEEDS}",
            (),
        ),
        (ONE_SET + "resources: {cpus: 0}\n", "4:13", "resources.cpus", 0, "must be between 1 and 100000", ()),
        (ONE_SET + "resources: {gpus: -1}\n", "4:13", "resources.gpus", -1.0, "must be at least 0 and below 1000", ()),
        (ONE_SET + "resources: {time_limit: 0s}\n", "4:13", "resources.time_limit", "0s", TIME, ()),
        (ONE_SET + "resources: {memory: 2G}\n", "4:13", "resources.memory", "2G", SIZE, ()),
        (
            ONE_SET + "resources: {gpus: 1, gpu_memory: all}\n",
            "4:22",
            "resources.gpu_memory",
            "all",
            f"{SIZE}, or auto",
            (),
        ),
        (ONE_SET + "resources: {memory: 2B}\n", "4:13", "resources.memory", "2B", "must be at least 100MB", ()),
        (ONE_SET + "resources: {gpus: 5e-324}\n", "4:13", "resources.gpus", 5e-324, GPUS, ()),
        (ONE_SET + "resources: {gpus: 1.5}\n", "4:13", "resources.gpus", 1.5, GPUS, ()),
        (
            ONE_SET + "resources: {gpus: .inf}\n",
            "4:13",
            "resources.gpus",
            math.inf,
            "must be at least 0 and below 1000",
            (),
        ),
        (ONE_SET + "tracking: {uri: sqlite}\n", "4:12", "tracking.uri", "sqlite", URI, STORES),
        (ONE_SET + "tracking: {uri: 'https://'}\n", "4:12", "tracking.uri", "https://", URI, STORES),
        (ONE_SET + "tracking: {uri: ''}\n", "4:12", "tracking.uri", "", URI, STORES),
        (ONE_SET + "tracking: {uri: ftp://a}\n", "4:12", "tracking.uri", "ftp://a", URI, STORES),
        (
            ONE_SET + "tracking: {curve_points: 10001}\n",
            "4:12",
            "tracking.curve_points",
            10001,
            "must be between 0 and 10000",
            (),
        ),
        (
            ONE_SET + "factors: {values: {model.depth: []}}\n",
            "4:20",
            "factors.values.model.depth",
            [],
            "must list at least one value, each once",
            (),
        ),
        (
            ONE_SET + "factors: {values: {sparsity.level: [0, 0.0]}}\n",
            "4:20",
            "factors.values.sparsity.level",
            [0, 0.0],
            "must list at least one value, each once",
            (),
        ),
        (ONE_SET + "base: {sparsity.level: 1.0}\n", "4:8", "sparsity.level", 1.0, LEVEL, ()),
        (ONE_SET + "base: {sparsity.level: .inf}\n", "4:8", "sparsity.level", math.inf, LEVEL, ()),
        (
            ONE_SET + "base: {training.learning_rate: 1e999}\n",
            "4:8",
            "training.learning_rate",
            math.inf,
            "must be above 0 and finite",
            (),
        ),
        # A key that is called as one of the types that its value may have.
        (ONE_SET + "seeds: {int: 3}\n", "4:1", "seeds", {"int": 3}, "must be a whole number or a list", ()),
        # No RecursionError, and nothing that only a validator would understand.
        (ONE_SET + f"base: {{{'.' * 1000}: 1}}\n", "4:8", "." * 1000, UNSET, "is nested too deeply", ()),
        (ONE_SET + f"arms: {{a: {{{'x.' * 20}x: 1}}}}\n", "4:12", f"{'x.' * 20}x", UNSET, "is nested too deeply", ()),
        # The same key twice, in two spellings.
        (
            ONE_SET + "base:\n  sparsity: {level: 0.5}\n  sparsity.level: 0.6\n",
            "6:3",
            "sparsity.level",
            UNSET,
            "is given twice",
            (),
        ),
        (ONE_SET + "base:\n  model: {a: 1, a.b: 2}\n", "5:17", "model.a.b", UNSET, "is given twice", ()),
        (
            ONE_SET + "factors:\n  values:\n    model: {depth: [1]}\n    model.depth: [2]\n",
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
    error, where = refusal(tmp_path, text)
    assert (error.problem, error.key, error.value, where) == (problem, key, value, place)
    assert error.choices == choices


@pytest.mark.parametrize("text", ["seeds: .nan\n", "base: {sparsity.level: .nan}\n", "resources: {gpus: .nan}\n"])
def test_nan_is_refused_wherever_a_number_stands(tmp_path: Path, text: str) -> None:
    error, where = refusal(tmp_path, ONE_SET + text)
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
    error, _ = refusal(tmp_path, ONE_SET + text)
    assert hint in str(error)


def test_a_message_is_one_short_line_that_cannot_steer_the_terminal(tmp_path: Path) -> None:
    key = "\\e[31m\\n\\u202e"
    error, _ = refusal(tmp_path, ONE_SET + f'"{key}{"x" * 500}": 1\n')
    assert str(error).isprintable()
    assert "\\x1b[31m\\n\\u202e" in str(error)
    assert len(str(error)) < len(str(tmp_path)) + 300
    arms = ", ".join(f"a{n}: {{}}" for n in range(100))
    error, _ = refusal(tmp_path, ONE_SET + f"arms: {{{arms}}}\nexclude: [{{arm: x}}]\n")
    assert str(error).endswith("a28, a29 and 70 more")
    assert len(error.choices) == 100


def test_a_message_reads_as_place_key_problem_value_and_choices(tmp_path: Path) -> None:
    error, _ = refusal(tmp_path, ONE_SET + "base: {sparsity.grow: gradent}\n")
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
    assert study_of(tmp_path, ONE_SET + written).spec.base == expected
    in_an_arm = written.replace("base: ", "arms: {base: ")[:-1] + "}\n"
    assert study_of(tmp_path, ONE_SET + in_an_arm).spec.arms == {"base": expected}


@pytest.mark.parametrize("values", ["{model.depth: [3, 4]}", "{model: {depth: [3, 4]}}"])
def test_factors_may_be_nested_too(tmp_path: Path, values: str) -> None:
    factors = study_of(tmp_path, ONE_SET + f"factors: {{values: {values}}}\n").spec.factors
    assert factors is not None
    assert factors.values == {"model.depth": [3, 4]}


def test_an_arm_without_overrides_may_be_left_empty(tmp_path: Path) -> None:
    assert study_of(tmp_path, ONE_SET + "arms:\n  a:\n  b: {}\n").spec.arms == {"a": {}, "b": {}}


@pytest.mark.parametrize("uri", ["sqlite:///a.db", "postgresql+psycopg2://a/b", "http://a:5000", "databricks"])
def test_an_mlflow_store_may_be_of_any_kind(tmp_path: Path, uri: str) -> None:
    assert study_of(tmp_path, ONE_SET + f'tracking: {{uri: "{uri}"}}\n').spec.tracking.uri == uri


def test_seeds_may_be_a_list(tmp_path: Path) -> None:
    assert study_of(tmp_path, ONE_SET + "seeds: [7, 3]\n").spec.seed_list == (7, 3)


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
    error, where = refusal(tmp_path, _npz(path.replace("\0", "\\0")))
    assert (error.problem, error.key, error.value, where) == (problem, "path", path, "3:19")


def test_a_path_of_a_profile_is_filled_in_too(tmp_path: Path) -> None:
    text = ONE_SET + "profiles:\n  p: {data: [{source: npz, path: sets, names: [A]}]}\n"
    assert study_of(tmp_path, text, profile="p").spec.data[0]["path"] == str(tmp_path / "sets")
