"""A study file as a StudySpec: strictly validated, nothing expanded yet (that is ``pipeline.planning``)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dsn.config import STRICT
from dsn.errors import InvalidInput
from pipeline.document import Document, Key, KeyPath, read_document

Made = TypeVar("Made")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*")
"""Names of studies, profiles and arms: they become parts of paths and dotted keys."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial may use. ``gpus`` below 1 puts several trials on one GPU."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    cpus: int = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise InvalidInput("must be at least 1", key="cpus", value=self.cpus)
        if not (0 <= self.gpus <= 1 or (self.gpus < 1000 and self.gpus == int(self.gpus))):
            raise InvalidInput("must be a part of one GPU or a whole number", key="gpus", value=self.gpus)


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """How MLflow shows the study.

    Attributes:
        uri: an MLflow tracking URI; null for the workspace's own SQLite store.
        curve_points: most points of a learning curve that are logged as MLflow metrics; the full curve is an artifact.
        keep_models: whether trained networks are kept.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    uri: str | None = None
    curve_points: int = 100
    keep_models: Literal["all", "none"] = "all"

    def __post_init__(self) -> None:
        if not 0 <= self.curve_points <= 10_000:
            raise InvalidInput("must be between 0 and 10000", key="curve_points", value=self.curve_points)


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Values that are combined with each other and crossed with the arms.

    Attributes:
        mode: ``grid``: every combination.
        values: dotted key of the configuration -> its values.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    values: dict[str, list[str | bool | int | float | None]]
    mode: Literal["grid"] = "grid"

    def __post_init__(self) -> None:
        for key, values in self.values.items():
            if not values or len({repr(value) for value in values}) < len(values):
                raise InvalidInput(f"{key} must list at least one value, each once", key="values", value=values)


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """A study file, its profile applied.

    Attributes:
        name: with ``@profile`` when one was chosen.
        question: what the study asks.
        reproduces: the table or figure that it repeats.
        data: entries as written: ``source``, ``names`` and any other field of ``dsn.config.DataConfig``.
        base: overrides shared by all arms, nested as in ``dsn.config.RunConfig``, and ``recipe``.
        arms: label -> overrides; the first is the reference.
        factors: values crossed with the arms.
        exclude: combinations left out: dotted key (or ``arm``) -> value; all must hold.
        seeds: a count n, meaning 0 to n-1, or a list.
        profiles: name -> dotted path into this file -> replacement.
        engine: how steps are computed.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: str
    question: str = ""
    reproduces: str = ""
    data: list[dict[str, Any]]
    base: dict[str, Any] = field(default_factory=dict)
    arms: dict[str, dict[str, Any]] = field(default_factory=lambda: {"base": {}})
    factors: Factors | None = None
    exclude: list[dict[str, Any]] = field(default_factory=list)
    seeds: int | list[int] = 5
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    engine: Literal["torch"] = "torch"
    resources: Resources = field(default_factory=Resources)
    tracking: Tracking = field(default_factory=Tracking)

    def __post_init__(self) -> None:
        for key, value in (("name", self.name.partition("@")[0]), *((f"arms.{arm}", arm) for arm in self.arms)):
            if not NAME.fullmatch(value):
                raise InvalidInput("must be letters, digits, '_', '+' or '-'", key=key, value=value)
        for key in ("data", "arms"):
            if not getattr(self, key):
                raise InvalidInput("must not be empty", key=key)
        if not self.seed_list or min(self.seed_list) < 0 or len(set(self.seed_list)) < len(self.seed_list):
            raise InvalidInput("must be a count of at least 1, or distinct seeds from 0", key="seeds", value=self.seeds)

    @property
    def seed_list(self) -> tuple[int, ...]:
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A validated study and the document that it came from, which knows the lines."""

    spec: StudySpec
    document: Document


def read_study(path: Path, profile: str | None = None) -> Study:
    """Read, apply the profile, validate.

    Raises:
        InvalidInput: with file, line and column, key, value and valid choices.
    """
    document = _nested(read_document(path))
    if profile is not None:
        document = _with_profile(document, profile)
    data = _with_paths_resolved(document)
    return Study(spec=validate(StudySpec, data, document, ()), document=document)


def _nested(document: Document) -> Document:
    """Dotted keys of ``base`` and the arms as nested ones, so that profiles can edit them."""
    data, marks = dict(document.data), dict(document.marks)
    if isinstance(data.get("base"), dict):
        data["base"] = _unflattened(data["base"], ("base",), document, marks)
    if isinstance(data.get("arms"), dict):
        # An arm without overrides may be written as `dsn:` alone.
        data["arms"] = {
            arm: _unflattened(block or {}, ("arms", arm), document, marks) if isinstance(block, dict | None) else block
            for arm, block in data["arms"].items()
        }
    return Document(file=document.file, text=document.text, data=data, marks=marks)


def _unflattened(
    block: Mapping[str, Any], path: KeyPath, document: Document, marks: dict[KeyPath, tuple[int, int]]
) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for written, value, mark in _flat(block, path, document):
        parts = written.split(".")
        node = nested
        for depth, part in enumerate(parts[:-1]):
            marks.setdefault((*path, *parts[: depth + 1]), mark)
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise InvalidInput("is given twice", key=written, place=document.place((*path, written)))
        if parts[-1] in node:
            raise InvalidInput("is given twice", key=written, place=f"{document.file}:{mark[0]}:{mark[1]}")
        node[parts[-1]] = value
        marks[(*path, *parts)] = mark
    return nested


def _flat(
    block: Mapping[str, Any], path: KeyPath, document: Document, prefix: str = ""
) -> list[tuple[str, Any, tuple[int, int]]]:
    """(dotted key, value, position) of every leaf, however it was nested; an empty mapping is a leaf."""
    leaves = []
    for key, value in block.items():
        if isinstance(value, dict) and value:
            leaves += _flat(value, (*path, key), document, f"{prefix}{key}.")
        else:
            leaves.append((prefix + key, value, document.marks[(*path, key)]))
    return leaves


def _with_profile(document: Document, profile: str) -> Document:
    profiles = document.data.get("profiles")
    known = sorted(profiles) if isinstance(profiles, dict) else []
    if profile not in known or not NAME.fullmatch(profile):
        raise InvalidInput(
            "no such profile in this study", key="profiles", value=profile, place=document.file, choices=known
        )
    data = json.loads(json.dumps(document.data))
    marks = dict(document.marks)
    edits = data["profiles"][profile]
    if not isinstance(edits, dict):
        raise InvalidInput("must be a mapping", key=profile, place=document.place(("profiles", profile)))
    for written, value in edits.items():
        place = document.marks[("profiles", profile, written)]
        _edit(data, written, value, f"{document.file}:{place[0]}:{place[1]}")
        path = tuple(written.split("."))
        marks = {key: mark for key, mark in marks.items() if key[: len(path)] != path} | {path: place}
    data["name"] = f"{data.get('name')}@{profile}"
    return Document(file=document.file, text=document.text, data=data, marks=marks)


def _edit(data: dict[str, Any], written: str, value: Any, place: str) -> None:
    """Set a dotted path of the document; the validation that follows refuses keys that do not exist."""
    *parents, last = written.split(".")
    if written.partition(".")[0] in ("name", "profiles"):
        raise InvalidInput("a profile cannot change this", key=written, place=place)
    node = data
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise InvalidInput(f"{part!r} is not a mapping that a profile could edit", key=written, place=place)
    node[last] = value


def _with_paths_resolved(document: Document) -> dict[str, Any]:
    """The data with the paths of data entries absolute: variables filled in, relative to the study file's folder."""
    data = dict(document.data)
    if isinstance(data.get("data"), list):
        folder = Path(document.file).resolve().parent
        data["data"] = [
            {**entry, "path": str(folder / _expanded(entry["path"], document.place(("data", index, "path"))))}
            if isinstance(entry, dict) and isinstance(entry.get("path"), str)
            else entry
            for index, entry in enumerate(data["data"])
        ]
    return data


def _expanded(path: str, place: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise InvalidInput(f"environment variable {name} is not set", key="path", value=path, place=place)
        return os.environ[name]

    return str(Path(re.sub(r"\$\{(\w+)\}", value, path)).expanduser())


def validate(kind: type[Made], data: Mapping[str, Any], document: Document, path: KeyPath) -> Made:
    """``data`` as an instance of the dataclass ``kind``; the first thing wrong is raised as InvalidInput.

    ``path`` is where in the document ``data`` stands.
    """
    try:
        text = json.dumps(data)
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        problem, where = explain(error, kind, data)
        raise InvalidInput(
            problem.problem,
            key=".".join(map(str, where)),
            value=problem.value,
            place=document.place((*path, *where)),
            choices=problem.choices,
        ) from error


def explain(error: ValidationError, kind: type, data: Mapping[str, Any]) -> tuple[InvalidInput, KeyPath]:
    """The first error in our words, and the path of the key at fault."""
    first = error.errors(include_url=False)[0]
    where = _written_part(first["loc"], data)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        parts = cause.key.split(".") if cause.key else []
        return cause, (*where, *_written_part(tuple(parts), _lookup(data, where), keep_last=True))
    value = first["input"]
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return InvalidInput("unknown key", choices=_field_names(kind, where[:-1])), where
    if first["type"] in ("missing", "missing_argument"):
        return InvalidInput("is missing"), tuple(first["loc"])
    choices = _literals(error, first["loc"], where)
    problem = "must be one of the choices" if choices else first["msg"][0].lower() + first["msg"][1:]
    return InvalidInput(problem.replace("input should", "must"), value=value, choices=choices), where


def _written_part(loc: tuple[Key, ...], data: Any, *, keep_last: bool = False) -> KeyPath:
    """The part of a validator's location that names keys of the data: union members add names of their own."""
    where: list[Key] = []
    for key in loc:
        inside = (isinstance(data, Mapping) and key in data) or (isinstance(data, list) and isinstance(key, int))
        if not inside:
            return (*where, key) if keep_last else tuple(where)
        where.append(key)
        data = data[key]
    return tuple(where)


def _lookup(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key]
    return data


def _field_names(kind: Any, path: KeyPath) -> list[str]:
    """Names of the fields of the dataclass that ``path`` leads to."""
    for key in path:
        kind = get_type_hints(kind).get(str(key)) if is_dataclass(kind) else None
    return [each.name for each in fields(kind)] if kind is not None and is_dataclass(kind) else []


def _literals(error: ValidationError, loc: tuple[Key, ...], where: KeyPath) -> list[str]:
    """The values that some Literal at this key would have accepted."""
    expected = [
        each["ctx"]["expected"]
        for each in error.errors(include_url=False)
        if each["type"] == "literal_error" and each["loc"][: len(where)] == loc[: len(where)]
    ]
    return [choice.strip().strip("'") for text in expected for choice in re.split(r",| or ", text) if choice.strip()]
