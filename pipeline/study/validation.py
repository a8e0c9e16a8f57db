"""Plain values as dataclasses, by pydantic; and what is wrong with them, in our words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dsn.errors import InvalidInput
from pipeline.study.document import Document, Key, KeyPath

Made = TypeVar("Made")

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

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def adapter(kind: type[Made]) -> TypeAdapter[Made]:
    """The validator of a dataclass, built once: building takes milliseconds."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def validate(
    kind: type[Made], data: Mapping[str, Any], document: Document, holds: Mapping[str, type] | None = None
) -> Made:
    """``data`` as an instance of the dataclass ``kind``; the first thing wrong is raised as InvalidInput.

    ``holds`` says of plain mappings which dataclass their keys are of: a key in the wrong place is told the right one.
    """
    try:
        text = json.dumps(data)
        return adapter(kind).validate_json(text)
    except ValidationError as error:
        problem, where = explain(error, kind, data, holds or {})
        raise InvalidInput(
            problem.problem,
            key=".".join(map(str, where)),
            value=problem.value,
            place=document.place(where),
            choices=problem.choices,
        ) from error


def explain(
    error: ValidationError, kind: type, data: Mapping[str, Any], holds: Mapping[str, type] = MappingProxyType({})
) -> tuple[InvalidInput, KeyPath]:
    """The first error in our words, and the path of the key at fault."""
    errors = error.errors(include_url=False)
    # Unknown keys first: a misspelt key that is required is missing too.
    first = next((each for each in errors if each["type"] in _UNKNOWN_KEY), errors[0])
    where = _written_part(first, data)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return cause, (*where, *(_path_of(cause.key, _lookup(data, where)) if cause.key else ()))
    if first["type"] in _UNKNOWN_KEY:
        head, dot, rest = str(where[-1]).partition(".")
        homes = " or ".join(home + dot + rest for home in _homes(kind, head, holds))
        if homes:
            return InvalidInput(f"unknown key here: its place is {homes}"), where
        return InvalidInput("unknown key", choices=_field_names(kind, where[:-1])), where
    if first["type"] in ("missing", "missing_argument"):
        return InvalidInput("is missing"), tuple(first["loc"])
    # A union reports an error for each of its members; one that lies deeper is of the member that was meant.
    places = [_written_part(each, data) for each in errors]
    where = max((place for place in places if place[: len(where)] == where), key=len)
    same = [each for each, place in zip(errors, places, strict=True) if place == where]
    return _wrong_value(same[0]["input"], same), where


def _wrong_value(value: object, errors: Sequence[ErrorDetails]) -> InvalidInput:
    """``errors`` say, one each, what the value might have been."""
    if all(each["type"] == "literal_error" for each in errors):
        choices = [choice for each in errors for choice in _literals(each["ctx"]["expected"])]
        return InvalidInput("must be one of the choices", value=value, choices=choices)
    kinds = dict.fromkeys(map(_expected, errors))
    *others, last = [kind for kind in kinds if kind != "a whole number" or "a number" not in kinds]
    choices = [choice for each in errors for choice in _words(each)]
    return InvalidInput(f"must be {', '.join(others)}{' or ' if others else ''}{last}", value=value, choices=choices)


def _words(error: ErrorDetails) -> list[str]:
    """Those that would have been valid, and may have been misspelt."""
    if error["type"] == "literal_error":
        return _literals(error["ctx"]["expected"])
    return ["true", "false"] if error["type"] == "bool_type" else []


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


def _written_part(error: ErrorDetails, data: Any) -> KeyPath:
    """The part of an error's location that names keys of the data: union members add names of their own.

    Such a name may be a key of the data by chance; but then it leads beyond the value that the error is about.
    """
    where: list[Key] = []
    values = [data]
    for key in error["loc"]:
        inside: Any = values[-1]
        if (isinstance(inside, Mapping) and key in inside) or (isinstance(inside, list) and isinstance(key, int)):
            where.append(key)
            values.append(_lookup(inside, (key,)))
    judged = json.dumps(error["input"])
    while where and json.dumps(values[-1]) != judged:
        where.pop()
        values.pop()
    return tuple(where)


def _lookup(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key]
    return data


def _homes(kind: type, key: str, holds: Mapping[str, type], above: str = "") -> Iterator[str]:
    """Dotted names of the settings below ``kind`` that are called ``key`` and have a default."""
    for name, hint in get_type_hints(kind).items():
        inner = holds.get(name) or _dataclass_in(hint)
        if inner is not None:
            optional = {
                each.name for each in fields(inner) if (each.default, each.default_factory) != (MISSING, MISSING)
            }
            if key in optional:
                yield f"{above}{name}.{key}"
            yield from _homes(inner, key, {}, f"{above}{name}.")


def _field_names(kind: Any, path: KeyPath) -> list[str]:
    """Names of the fields of the dataclass that ``path`` leads to."""
    for key in path:
        kind = _dataclass_in(get_type_hints(kind).get(str(key))) if kind is not None else None
    return [] if kind is None else [each.name for each in fields(kind)]


def _dataclass_in(hint: Any) -> Any:
    """The dataclass that a type hint names, ``Factors | None`` say; None if there is none."""
    return next(filter(is_dataclass, (hint, *get_args(hint))), None)
