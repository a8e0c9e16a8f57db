"""A study file as a StudySpec: strictly validated, nothing expanded yet (that is ``pipeline.planning``)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dsn.config import STRICT
from dsn.errors import InvalidInput
from pipeline.document import Document, Key, KeyPath, read_document

Made = TypeVar("Made")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,99}")
"""Names of studies, profiles and arms: they become parts of paths and dotted keys."""

_NAME_RULE = "must be letters, digits, '_', '+' or '-', at most 100, the first a letter or digit"

MOST_SEEDS = 100_000


_FACTOR_VALUES: KeyPath = ("factors", "values")

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")

_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "none_required": "null",
    "string_type": "text",
}
"""pydantic's kinds of errors -> what should have been written."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial may use. ``gpus`` below 1 puts several trials on one GPU."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    cpus: int = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise InvalidInput("must be at least 1", key="cpus", value=self.cpus)
        if not (0 <= self.gpus <= 1 or (1 < self.gpus < 1000 and self.gpus == int(self.gpus))):
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
            # Of equal values only true and 1 (false and 0) are two: 1 and 1.0 would be one training under two labels.
            if not values or len({(isinstance(value, bool), value) for value in values}) < len(values):
                raise InvalidInput("must list at least one value, each once", key=f"values.{key}", value=values)


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
        named = [("name", part) for part in self.name.split("@", 1)]
        named += [(f"arms.{arm}", arm) for arm in self.arms]
        named += [(f"profiles.{profile}", profile) for profile in self.profiles]
        for key, value in named:
            if not NAME.fullmatch(value):
                raise InvalidInput(_NAME_RULE, key=key, value=value)
        for key in ("data", "arms"):
            if not getattr(self, key):
                raise InvalidInput("must not be empty", key=key)
        if isinstance(self.seeds, int) and self.seeds > MOST_SEEDS:
            raise InvalidInput(f"must be at most {MOST_SEEDS}", key="seeds", value=self.seeds)
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
    name = document.data.get("name")
    if isinstance(name, str) and "@" in name:
        # It would pass for some study's profile.
        raise InvalidInput(_NAME_RULE, key="name", value=name, place=document.place(("name",)))
    if profile is not None:
        # What the profile puts in may be written in either way too.
        document = _nested(_with_profile(document, profile))
    data = _with_paths_resolved(document)
    return Study(spec=validate(StudySpec, data, document, ()), document=document)


def _nested(document: Document) -> Document:
    """Dotted keys of ``base`` and the arms as nested ones, so that profiles can edit them; the factors' as dotted."""
    data, marks = dict(document.data), dict(document.marks)
    if isinstance(data.get("base"), dict):
        data["base"] = _unflattened(data["base"], ("base",), document, marks)
    if isinstance(data.get("arms"), dict):
        # An arm without overrides may be written as `dsn:` alone.
        data["arms"] = {
            arm: _unflattened(block or {}, ("arms", arm), document, marks) if isinstance(block, dict | None) else block
            for arm, block in data["arms"].items()
        }
    factors = data.get("factors")
    if isinstance(factors, dict) and isinstance(factors.get("values"), dict):
        data["factors"] = {**factors, "values": _dotted(factors["values"], _FACTOR_VALUES, document, marks)}
    return Document(file=document.file, text=document.text, data=data, marks=marks)


def _dotted(
    block: Mapping[str, Any], path: KeyPath, document: Document, marks: dict[KeyPath, tuple[int, int]]
) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for written, value, mark in _flat(block, path, document):
        if written in flat:
            raise _given_twice(written, document, mark)
        flat[written] = value
        marks[(*path, written)] = mark
    return flat


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
                raise _given_twice(written, document, mark)
        if parts[-1] in node:
            raise _given_twice(written, document, mark)
        # A copy, for an empty mapping of the document may be filled above.
        node[parts[-1]] = dict(value) if isinstance(value, dict) else value
        marks[(*path, *parts)] = mark
    return nested


def _given_twice(written: str, document: Document, mark: tuple[int, int]) -> InvalidInput:
    return InvalidInput("is given twice", key=written, place=f"{document.file}:{mark[0]}:{mark[1]}")


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
        raise InvalidInput(
            "must be a mapping", key=f"profiles.{profile}", value=edits, place=document.place(("profiles", profile))
        )
    for written, value in edits.items():
        origin: KeyPath = ("profiles", profile, written)
        path = _edited_path(written)
        _edit(data, path, written, value, document.place(origin))
        marks = _marks_of_edit(marks, path, origin)
    if isinstance(data.get("name"), str):
        data["name"] += f"@{profile}"
    return Document(file=document.file, text=document.text, data=data, marks=marks)


def _edited_path(written: str) -> tuple[str, ...]:
    """The keys that a profile's dotted path leads through; those of factors hold dots themselves."""
    above = ".".join(map(str, _FACTOR_VALUES)) + "."
    if written.startswith(above):
        return (*map(str, _FACTOR_VALUES), written.removeprefix(above))
    return tuple(written.split("."))


def _marks_of_edit(
    marks: Mapping[KeyPath, tuple[int, int]], path: KeyPath, origin: KeyPath
) -> dict[KeyPath, tuple[int, int]]:
    """What stands at ``path`` now was written at ``origin``, and so was what leads there and was not there before."""
    kept = {key: mark for key, mark in marks.items() if key[: len(path)] != path}
    moved = {(*path, *key[len(origin) :]): mark for key, mark in marks.items() if key[: len(origin)] == origin}
    above = {path[:depth]: marks[origin] for depth in range(1, len(path))}
    return above | kept | moved


def _edit(data: dict[str, Any], path: tuple[str, ...], written: str, value: Any, place: str) -> None:
    """Set what ``path`` leads to; the validation that follows refuses keys that do not exist."""
    *parents, last = path
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

    try:
        return str(Path(re.sub(r"\$\{(\w+)\}", value, path)).expanduser())
    except RuntimeError as error:
        raise InvalidInput("names a home folder that is not there", key="path", value=path, place=place) from error


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def adapter(kind: type[Made]) -> TypeAdapter[Made]:
    """The validator of a dataclass, built once: building takes milliseconds."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def validate(kind: type[Made], data: Mapping[str, Any], document: Document, path: KeyPath) -> Made:
    """``data`` as an instance of the dataclass ``kind``; the first thing wrong is raised as InvalidInput.

    ``path`` is where in the document ``data`` stands.
    """
    try:
        text = json.dumps(data)
        return adapter(kind).validate_json(text)
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
    errors = error.errors(include_url=False)
    # Unknown keys first: a misspelt key that is required is missing too.
    first = next((each for each in errors if each["type"] in _UNKNOWN_KEY), errors[0])
    where = _written_part(first["loc"], data)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return cause, (*where, *(_path_of(cause.key, _lookup(data, where)) if cause.key else ()))
    if first["type"] in _UNKNOWN_KEY:
        return InvalidInput("unknown key", choices=_field_names(kind, where[:-1])), where
    if first["type"] in ("missing", "missing_argument"):
        return InvalidInput("is missing"), tuple(first["loc"])
    # A union reports an error for each of its members; one that lies deeper is of the member that was meant.
    places = [_written_part(each["loc"], data) for each in errors]
    where = max((place for place in places if place[: len(where)] == where), key=len)
    same = [each for each, place in zip(errors, places, strict=True) if place == where]
    return _wrong_value(same[0]["input"], same), where


def _wrong_value(value: object, errors: Sequence[ErrorDetails]) -> InvalidInput:
    """``errors`` say, one each, what the value might have been."""
    if all(each["type"] == "literal_error" for each in errors):
        choices = [choice for each in errors for choice in _literals(each["ctx"]["expected"])]
        return InvalidInput("must be one of the choices", value=value, choices=choices)
    *others, last = dict.fromkeys(map(_expected, errors))
    return InvalidInput(f"must be {', '.join(others)}{' or ' if others else ''}{last}", value=value)


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "literal_error":
        return str(error["ctx"]["expected"])
    plain = error["msg"][0].lower() + error["msg"][1:]
    return _EXPECTED.get(error["type"], plain.removeprefix("input should be "))


def _literals(expected: str) -> list[str]:
    """The values in pydantic's words for a Literal: ``'a', 'b' or 'c'``."""
    return [choice.strip().strip("'") for choice in re.split(r",| or ", expected)]


def _path_of(dotted: str, data: Any) -> KeyPath:
    """The keys of ``data`` that a dotted name leads through; a key may hold dots itself."""
    inside = data if isinstance(data, Mapping) and dotted not in data else {}
    first = next((key for key in inside if dotted.startswith(f"{key}.")), None)
    return (dotted,) if first is None else (first, *_path_of(dotted[len(first) + 1 :], inside[first]))


def _written_part(loc: tuple[Key, ...], data: Any) -> KeyPath:
    """The part of a validator's location that names keys of the data: union members add names of their own."""
    where: list[Key] = []
    for key in loc:
        inside = (isinstance(data, Mapping) and key in data) or (isinstance(data, list) and isinstance(key, int))
        if inside:
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
        kind = next(filter(is_dataclass, get_args(kind)), kind)  # of `Factors | None` the former
    return [each.name for each in fields(kind)] if kind is not None and is_dataclass(kind) else []
