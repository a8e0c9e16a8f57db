"""The JSON Schema of study files says what ``read_study`` and planning say, as far as a schema can."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from data_info import made_info
from pydantic import ValidationError

from dsn.config import DataConfig, RunConfig
from dsn.data import SOURCES
from dsn.data.catalogue import collections
from dsn.errors import InvalidInput
from dsn.limits import limits_of
from dsn.recipes import RECIPES
from pipeline.planning.plan import make_plan
from pipeline.study.document import read_document
from pipeline.study.resolution import expanded_arms
from pipeline.study.schema import attribute_docs, class_node, nested_classes, schema_text, setting_nodes, study_schema
from pipeline.study.spec import StudySpec, read_study
from pipeline.study.validation import adapter

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
HEAD = "name: s\ndata:\n  - {source: aeon, names: [A]}\n"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return study_schema()


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def _read(file: Path) -> bool:
    """Whether the study can be read and planned, every profile of it too."""
    profiles = read_document(file).data.get("profiles") or {}
    try:
        for profile in (None, *profiles):
            make_plan(read_study(file, profile), made_info)
    except InvalidInput:
        return False
    return True


def _accepts(validator: jsonschema.Draft202012Validator, file: Path) -> bool:
    return bool(validator.is_valid(read_document(file).data))


def test_the_schema_is_one_and_refers_to_nothing_that_is_not_there(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', schema_text()))
    assert len(references) > 50
    for reference in references:
        node: Any = schema
        for key in reference.split("/"):
            node = node[key]


def test_the_committed_file_is_up_to_date() -> None:
    committed = ROOT / "studies" / "study.schema.json"
    assert committed.read_text(encoding="utf-8") == schema_text(), "dsn schema --out studies/study.schema.json"


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.name)
def test_every_study_of_the_repository_points_to_the_schema_and_obeys_it(
    validator: jsonschema.Draft202012Validator, file: Path
) -> None:
    assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=study.schema.json\n")
    validator.validate(read_document(file).data)


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_the_readmes_studies_obey_the_schema_and_are_read(
    tmp_path: Path, validator: jsonschema.Draft202012Validator, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _file(tmp_path, text)
    validator.validate(read_document(file).data)
    monkeypatch.setenv("DSN_DATA", str(tmp_path))
    assert list(expanded_arms(read_study(file)))


VALID = [
    "",
    "question: why\nreproduces: Table 1\nseeds: [7, 3]\nengine: torch\n",
    "base: {sparsity: {level: dense}, training: {epochs: 3}}\n",
    "base: {sparsity.level: 0, training.epochs: 3, recipe: published-code}\n",
    "base: {sparsity: {}, sparsity.level: 0.5, data.normalisation: global, data: {split: 2015}}\n",
    "arms:\n  a:\n  b: {}\n  c+d-1: {model: {depth: 3}, recipe: published-code}\n",
    "factors: {values: {model.depth: [3, 4], sparsity: {level: [0.5, dense]}, recipe: [published-code]}}\n",
    "factors: {mode: zip, values: {data.split: [2015, 2018], sparsity.explore: [true, false]}}\n",
    "factors: {values: {}}\n",
    "arms: {a: {}, b: {}}\nfactors: {arms: [b], values: {model.depth: [3, 4]}}\n",
    "factors: {arms: null, values: {model.depth: [3, 4]}}\n",
    "factors:\n",
    "arms: {a: {}, b: {}}\nexclude: [{arm: a, data.name: B}, {sparsity: {level: 0.5}}, {}]\n",
    "exclude: []\n",
    "resources: {cpus: 2, gpus: 0.25}\ntracking: {uri: 'http://h:5000', curve_points: 0, keep_models: none}\n",
    "tracking: {uri: null}\nresources: {gpus: 2}\n",
    "resources: {time_limit: 2h, memory: 1.5GB}\nrecovery: {checkpoint_every: 0.5}\n",
    "resources: {time_limit: null, memory: null}\n",
    "resources: {gpus: 1, gpu_memory: auto}\n",
    "resources: {gpus: 1, gpu_memory: 2GB}\n",
    "profiles: {p: {}}\n",
    "profiles:\n  p:\n    seeds: 9\n    base: {training.epochs: 3}\n    base.model.depth: 6\n    resources.cpus: 1\n",
    "profiles:\n  p: {arms.base.sparsity.level: 0.6, arms.c: {sparsity.groups: 1}, arms.d:}\n",
    "profiles:\n  p: {factors: {values: {model.depth: [2]}}, tracking: {}}\n",
    "profiles:\n  p: {factors.values.model.depth: [2], factors.mode: grid, tracking.curve_points: 5}\n",
    "profiles:\n  p: {factors.values.model: {depth: [2]}, data: [{source: aeon, names: [B]}]}\n",
    "profiles:\n  p: {base.sparsity: {level: 0}}\n",
]


@pytest.mark.parametrize("more", VALID)
def test_what_can_be_read_obeys_the_schema(
    tmp_path: Path, validator: jsonschema.Draft202012Validator, more: str
) -> None:
    file = _file(tmp_path, HEAD + more)
    assert _read(file)
    validator.validate(read_document(file).data)


def test_entries_of_data_obey_the_schema(tmp_path: Path, validator: jsonschema.Draft202012Validator) -> None:
    entries = "  - {source: npz, path: sets, names: [B, C], split: 2015, normalisation: global}\n"
    entries += "  - {source: folder, path: sets, collection: UEA-30}\n"
    file = _file(tmp_path, HEAD + entries + "  - {source: npz, path: null, names: [D]}\n")
    assert _read(file)
    validator.validate(read_document(file).data)


INVALID = [
    *("sead: 3\n", "base: {sparsity.levl: 0.5}\n", "base: {sparsity: {levl: 0.5}}\n", "base: {trainng: {epochs: 3}}\n"),
    *("arms: {a: {sparsity.levl: 1}}\n", "resources: {cpu: 1}\n", "factors: {values: {model.deep: [1]}}\n"),
    *("exclude: [{sparsity.levl: 1}]\n", "exclude: [{armm: base}]\n", "factors: {vals: {}}\n", "tracking: {url: x}\n"),
    *("base: {recipe: published}\n", "engine: trch\n", "base: {sparsity.grow: gradent}\n", "factors: {mode: grd}\n"),
    *("base: {data.name: B}\n", "base: {data: {path: x}}\n", "factors: {values: {data.source: [aeon]}}\n"),
    *("seeds: 0\n", "seeds: []\n", "seeds: [-1]\n", "seeds: 100001\n", "seeds: few\n", "seeds: 1.5\n", "seeds:\n"),
    *("base: {sparsity.level: 1}\n", "base: {sparsity: {level: -0.1}}\n", "arms: {a: {training.epochs: 0}}\n"),
    *(
        "resources: {gpus: -1}\n",
        "resources: {time_limit: 90}\n",
        "resources: {time_limit: 2 hours}\n",
        "resources: {memory: 2G}\n",
        "resources: {memory: auto}\n",
        "resources: {gpus: 1, gpu_memory: all}\n",
        "recovery: {checkpoint_every: 0}\n",
        "seeds: [1, 1]\n",
        "base: {model.channels: 100}\n",
        "tracking: {curve_points: 10001}\n",
        "factors: {values: {model.depth: []}}\n",
        "factors: {arms: [], values: {}}\n",
        "factors: {arms: [base, base], values: {}}\n",
        "factors: {arms: base, values: {}}\n",
    ),
    *("factors: {values: {model.depth: [0]}}\n", "factors: {values: {model.depth: [3, 3]}}\n", "arms: {}\n"),
    *(
        "arms: {a b: {}}\n",
        "arms: {a: 5}\n",
        "arms: [a]\n",
        "base:\n",
        "base: {sparsity.explore: 1}\n",
        "question: 5\n",
    ),
    *("factors: {mode: grid}\n", "exclude: [5]\n", "profiles: {p: [1]}\n", "profiles: {a b: {}}\n"),
    *("profiles: {p: {name: t}}\n", "profiles: {p: {sead: 1}}\n", "profiles: {p: {base.training.epoch: 1}}\n"),
    *("profiles: {p: {base.training.epochs: 0}}\n", "profiles: {p: {arms.a.sparsity.level: 2}}\n"),
    *("profiles: {p: {arms.a.sparsity.levl: 0.2}}\n", "profiles: {p: {factors.values.model.depth: 2}}\n"),
    *(
        "profiles: {p: {data.0.names: [B]}}\n",
        "profiles: {p: {profiles.p.seeds: 1}}\n",
        "profiles: {p: {arms.a.b: {}}}\n",
    ),
]


@pytest.mark.parametrize("more", INVALID)
def test_what_is_refused_breaks_the_schema(
    tmp_path: Path, validator: jsonschema.Draft202012Validator, more: str
) -> None:
    file = _file(tmp_path, HEAD + more)
    assert not _read(file)
    assert not _accepts(validator, file)


@pytest.mark.parametrize(
    "text",
    [
        *("data: [{source: aeon, names: [A]}]\n", "name: s\n", "name: s\ndata: []\n", "name: s\ndata: [x]\n"),
        *("name: a/b\ndata: [{source: aeon, names: [A]}]\n", "name: s@p\ndata: [{source: aeon, names: [A]}]\n"),
        *("name: s\ndata: [{source: aeon, names: []}]\n", "name: s\ndata: [{source: aeon, names: A}]\n"),
        *("name: s\ndata: [{source: aeon}]\n", "name: s\ndata: [{names: [A]}]\n"),
        *("name: s\ndata: [{source: aeon, names: [A, A]}]\n", "name: s\ndata: [{source: aeon, names: [A], name: A}]\n"),
        "name: s\ndata: [{source: aeon, names: [A], spilt: 2015}]\n",
        "name: s\ndata: [{source: aeon, names: [A], split: 2016}]\n",
        "name: s\ndata: [{source: aeon, collection: UCR-84}]\n",
        "name: s\ndata: [{source: aeon, names: [A], collection: UCR-85}]\n",
        "name: s\ndata: [{collection: UCR-85}]\n",
    ],
)
def test_a_wrong_head_breaks_the_schema(tmp_path: Path, validator: jsonschema.Draft202012Validator, text: str) -> None:
    file = _file(tmp_path, text)
    assert not _read(file)
    assert not _accepts(validator, file)


VALUES = [True, None, "dense", "random", "x", [1], {}, -1, 0, 0.5, 1, 1.5, 2, 3, 12, 99_999_999]


@pytest.mark.parametrize("kind", nested_classes(RunConfig), ids=lambda kind: kind.__name__)
def test_schema_and_validation_agree_on_every_setting(kind: type) -> None:
    node, limits = class_node(kind), limits_of(kind)
    needed = dict.fromkeys(node.get("required", ()), "a")
    for key, setting in node["properties"].items():
        validator = jsonschema.Draft202012Validator(setting)
        for value in VALUES:
            try:
                adapter(kind).validate_json(json.dumps(needed | {key: value}))
            except ValidationError as error:
                # What a class refuses for other reasons than type, choice and limits may depend on other settings.
                declared = error.errors()[0]["type"] != "value_error" or not limits[key].hold(value)
                assert not (declared and validator.is_valid(value)), (key, value)
            else:
                assert validator.is_valid(value), (key, value)


def test_the_source_and_the_recipe_are_those_that_are_registered() -> None:
    nodes = setting_nodes()
    assert nodes["data.source"]["enum"] == list(SOURCES)
    assert nodes["recipe"]["enum"] == list(RECIPES)


def test_the_collections_are_those_of_the_catalogue(schema: dict[str, Any]) -> None:
    assert schema["$defs"]["entry"]["properties"]["collection"]["enum"] == list(collections())


CLASSES = [StudySpec, *nested_classes(StudySpec), *nested_classes(RunConfig)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_field_has_a_description(schema: dict[str, Any], kind: type) -> None:
    described = attribute_docs(kind)
    assert set(described) <= {field.name for field in fields(kind)}
    for key, node in class_node(kind)["properties"].items():
        there = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        assert len(there.get("description", "")) > 5, f"{kind.__name__}.{key}: say under Attributes: what it is"


def test_a_description_of_several_lines_becomes_one() -> None:
    assert attribute_docs(DataConfig)["normalisation"] == (
        "`none`, or `global`: the mean and standard deviation of the whole training set "
        "(the paper's choice for UCR-112)."
    )
