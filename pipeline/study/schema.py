"""A study file as JSON Schema, for editors: completion, explanations and checks while it is written (``dsn schema``).

Everything comes from the dataclasses: keys, types and choices by pydantic, ranges from the limits declared beside the
defaults, descriptions from the ``Attributes:`` of their docstrings. Put together here is only what they leave open:
dotted and nested keys, partial configurations, profiles.

Many editors read draft 7. The keywords used mean the same there as in 2020-12; beside a ``$ref`` stand descriptions
alone, which draft 7 passes over.
"""

from __future__ import annotations

import inspect
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic.json_schema import GenerateJsonSchema

from dsn.config import RunConfig
from dsn.data import SOURCES
from dsn.data.catalogue import collections
from dsn.limits import Limits, limits_of
from dsn.recipes import RECIPES
from pipeline.study.names import NAME
from pipeline.study.quantities import pattern
from pipeline.study.resolution import WHICH_DATA
from pipeline.study.resources import QUANTITIES, WORDS
from pipeline.study.spec import MOST_SEEDS, StudySpec
from pipeline.study.validation import adapter

Node = dict[str, Any]


def study_schema() -> Node:
    """The JSON Schema (2020-12) of a study file."""
    settings = setting_nodes()
    overridable = {key: _ref(key) for key in settings if key not in WHICH_DATA}
    lists = {
        key: {"type": "array", "items": node, "minItems": 1, "uniqueItems": True} for key, node in overridable.items()
    }
    known = {key: _ref(key) for key in settings if key != "recipe"}
    definitions = {
        **{kind.__name__: class_node(kind) for kind in nested_classes(StudySpec)},
        **settings,
        **_both_spellings("overrides", "Settings, dotted or nested.", overridable),
        **_both_spellings("values", "Settings, each with a list of values.", lists),
        **_both_spellings("condition", "All of it must hold.", {"arm": {"type": "string"}, **known}),
        "entry": _data_entry(settings),
    }
    for key, units in QUANTITIES.items():
        # Applies to text alone, so null stays valid.
        words = [f"^{word}$" for word in WORDS.get(key, ())]
        definitions["Resources"]["properties"][key]["pattern"] = "|".join([pattern(units), *words])
    factors = definitions["Factors"]["properties"]
    factors["values"] = {"description": factors["values"]["description"], **_ref("values")}
    crossed = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
    factors["arms"] |= {"anyOf": [crossed, {"type": "null"}]}
    study = class_node(StudySpec)
    study["properties"] = _study_keys(study["properties"])
    definitions["profile"] = _profile(study["properties"], definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "DSN pipeline: a study",
        **study,
        "$defs": definitions,
    }


def schema_text() -> str:
    """``study_schema`` as the file that editors read."""
    return json.dumps(study_schema(), indent=2) + "\n"


def setting_nodes() -> dict[str, Node]:
    """What each setting of a configuration takes, under its dotted name; and ``recipe``."""
    rooms = _field_types(RunConfig)
    nodes = {
        f"{room}.{key}": node for room, kind in rooms.items() for key, node in class_node(kind)["properties"].items()
    }
    # To the dataclass it is any text, for dsn.config knows no source.
    nodes["data.source"]["enum"] = list(SOURCES)
    recipe = {"type": "string", "enum": list(RECIPES), "description": "Where settings start from that are not written."}
    return {"recipe": recipe, **nodes}


def nested_classes(kind: type) -> list[type]:
    """The dataclasses that fields of ``kind`` hold, at any depth."""
    inner = [part for hint in _field_types(kind).values() for part in _classes_in(hint)]
    return [*inner, *itertools.chain.from_iterable(map(nested_classes, inner))]


def _classes_in(hint: Any) -> list[type]:
    """The dataclasses of a type: of ``Factors | None`` the former."""
    return [part for part in (hint, *get_args(hint)) if isinstance(part, type) and is_dataclass(part)]


def _field_types(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _ref(name: str) -> Node:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(properties: Node, description: str) -> Node:
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": False}


def _both_spellings(name: str, description: str, keys: Mapping[str, Node]) -> dict[str, Node]:
    """A mapping of dotted ``keys`` that may also be written nested, as a definition; and those of its rooms."""
    rooms: dict[str, Node] = {}
    for dotted, node in keys.items():
        room, _, key = dotted.partition(".")
        if key:
            rooms.setdefault(room, {})[key] = node
    references = {room: _ref(f"{name}.{room}") for room in rooms}
    about = {room: _summary(kind) for room, kind in _field_types(RunConfig).items()}
    return {
        name: _mapping({**references, **keys}, description),
        **{f"{name}.{room}": _mapping(inside, about[room]) for room, inside in rooms.items()},
    }


def _data_entry(settings: Mapping[str, Node]) -> Node:
    keys = {key.removeprefix("data."): _ref(key) for key in settings if key.startswith("data.")}
    names = {"type": "array", "items": keys.pop("name"), "minItems": 1, "uniqueItems": True}
    names["description"] = "The data sets' names in that source."
    collection = {"type": "string", "enum": list(collections()), "description": "All of these instead of names."}
    about = _summary(_field_types(RunConfig)["data"])
    sets = {"oneOf": [{"required": ["names"]}, {"required": ["collection"]}]}
    inside = {"source": keys.pop("source"), "names": names, "collection": collection, **keys}
    return _mapping(inside, about) | {"required": ["source"], **sets}


def _study_keys(keys: Mapping[str, Node]) -> Node:
    """The keys of a study; those that its dataclass leaves open with what they hold."""
    labels = {"propertyNames": {"pattern": f"^{NAME}$"}}
    count = {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS}
    seeds = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "uniqueItems": True}
    return {
        **keys,
        "name": keys["name"] | {"pattern": f"^{NAME}$"},
        "data": keys["data"] | {"items": _ref("entry"), "minItems": 1},
        "base": {"description": keys["base"]["description"], **_ref("overrides")},
        # An arm without overrides may be written as `dsn:` alone.
        "arms": keys["arms"]
        | labels
        | {"additionalProperties": {"anyOf": [_ref("overrides"), {"type": "null"}]}, "minProperties": 1},
        "exclude": keys["exclude"] | {"items": _ref("condition")},
        "seeds": keys["seeds"] | {"anyOf": [count, seeds]},
        "profiles": keys["profiles"] | labels | {"additionalProperties": _ref("profile")},
    }


def _profile(study: Node, definitions: Mapping[str, Node]) -> Node:
    """Dotted paths into the file, each with what may stand there."""
    edits: Node = {key: {"$ref": f"#/properties/{key}"} for key in study if key not in ("name", "profiles")}
    for key, hint in _field_types(StudySpec).items():
        for kind in _classes_in(hint):
            edits |= {f"{key}.{part.name}": _ref(f"{kind.__name__}/properties/{part.name}") for part in fields(kind)}
    overrides = definitions["overrides"]["properties"]
    edits |= {f"base.{key}": node for key, node in overrides.items()}
    edits |= {f"factors.values.{key}": node for key, node in definitions["values"]["properties"].items()}
    arms = {rf"^arms\.{NAME}$": {"$ref": "#/properties/arms/additionalProperties"}}
    arms |= {rf"^arms\.{NAME}\.{re.escape(key)}$": node for key, node in overrides.items()}
    return _mapping(edits, "Dotted path into this file -> what stands there instead.") | {"patternProperties": arms}


class _Untitled(GenerateJsonSchema):
    """Without a title a field: it would say the key again."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def class_node(kind: type) -> Node:
    """A dataclass with its fields' types, choices, limits and descriptions."""
    given = adapter(kind).json_schema(schema_generator=_Untitled)
    about, limits = attribute_docs(kind), limits_of(kind)
    nodes = {}
    for key, node in given["properties"].items():
        described = {"description": about[key]} if key in about else {}
        nodes[key] = described | (_limited(node, limits[key]) if key in limits else node)
    required = {"required": given["required"]} if "required" in given else {}
    return _mapping(nodes, _summary(kind)) | required


def _limited(node: Node, limits: Limits) -> Node:
    """``node``, its numbers within ``limits``."""
    if "anyOf" in node:
        return node | {"anyOf": [_limited(each, limits) for each in node["anyOf"]]}
    if node.get("type") not in ("integer", "number"):
        return node
    words = {
        "minimum": limits.least,
        "exclusiveMinimum": limits.above,
        "maximum": limits.most,
        "exclusiveMaximum": limits.below,
        "multipleOf": limits.multiple_of,
    }
    return node | {word: end for word, end in words.items() if end is not None}


# Docstrings.


def _summary(kind: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return _reflowed((inspect.getdoc(kind) or "").partition("\n\n")[0])


def attribute_docs(kind: type) -> dict[str, str]:
    """Name -> text of the ``Attributes:`` in a class's docstring, each on one line."""
    _, _, block = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", block, re.MULTILINE)
    return {name: _reflowed(text) for name, text in entries}


def _reflowed(text: str) -> str:
    """On one line, and without the marks of code, which an editor would show."""
    return " ".join(text.replace("``", "`").split())
