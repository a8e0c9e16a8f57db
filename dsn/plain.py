"""From plain values, as JSON holds them, back to the configuration's dataclasses: the strict inverse of ``asdict``.

The same rules as a study file obeys: no unknown key, no silent conversion of types (a whole number may stand for a real
one). Ranges are the dataclasses' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from dsn.errors import InvalidInput

T = TypeVar("T")

_WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "nothing",
}


def from_plain(kind: type[T], values: object, *, key: str = "", place: str = "") -> T:
    """The dataclass ``kind`` with ``values`` (a mapping of its fields; those with a default may be left out).

    Args:
        kind: a dataclass of int, float, bool, str, None, literals, unions of these, tuples of one type, dataclasses.
        values: what ``asdict`` gave, tuples as lists.
        key: dotted name of ``values``, for errors.
        place: where they were written, for errors.

    Raises:
        InvalidInput: not a mapping, a key that is unknown or missing, a value of another type or out of range.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput("must be a mapping", key=key, value=values, place=place)
    known = {field.name: field for field in fields(cast(Any, kind))}
    for name in values:
        if name not in known:
            raise InvalidInput("no such setting", key=_dotted(key, name), place=place, choices=known)
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise InvalidInput("is missing", key=_dotted(key, name), place=place)
    hints = get_type_hints(kind)
    found = {name: _value(hints[name], value, _dotted(key, name), place) for name, value in values.items()}
    try:
        return kind(**found)
    except InvalidInput as error:
        raise InvalidInput(
            error.problem, key=_dotted(key, error.key), value=error.value, place=place, choices=error.choices
        ) from None


def _value(hint: Any, value: object, key: str, place: str) -> Any:
    if is_dataclass(hint):
        return from_plain(cast(type, hint), value, key=key, place=place)
    if get_origin(hint) is tuple:
        return _items(get_args(hint)[0], value, key, place)
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for option in options:
        if _is(option, value):
            return float(cast(int, value)) if option is float else value
    raise InvalidInput(f"must be {' or '.join(map(_words, options))}", key=key, value=value, place=place)


def _items(hint: Any, value: object, key: str, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidInput("must be a list", key=key, value=value, place=place)
    return tuple(_value(hint, item, f"{key}[{position}]", place) for position, item in enumerate(value))


def _is(option: Any, value: object) -> bool:
    """By exact type: True is not the whole number 1."""
    if get_origin(option) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(option))
    if option is float and type(value) is int:
        return abs(value) <= 2**53
    return type(value) is option


def _words(option: Any) -> str:
    if get_origin(option) is Literal:
        return " or ".join(repr(choice) for choice in get_args(option))
    return _WORDS[option]


def _dotted(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)
