"""Rewriting a document while it keeps its lines: dotted keys as nested ones; what profiles and --set replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from dsn.errors import InvalidInput
from pipeline.study.document import DEEPEST, Document, KeyPath, Mark, parse_value

_FACTOR_VALUES: KeyPath = ("factors", "values")


def nested_form(document: Document) -> Document:
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


def _dotted(block: Mapping[str, Any], path: KeyPath, document: Document, marks: dict[KeyPath, Mark]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for written, value, mark in _flat(block, path, document):
        if written in flat:
            raise _given_twice(written, document, mark)
        flat[written] = value
        marks[(*path, written)] = mark
    return flat


def _unflattened(
    block: Mapping[str, Any], path: KeyPath, document: Document, marks: dict[KeyPath, Mark]
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


def _given_twice(written: str, document: Document, mark: Mark) -> InvalidInput:
    return InvalidInput("is given twice", key=written, place=document.shown(mark))


def _flat(block: Mapping[str, Any], path: KeyPath, document: Document, prefix: str = "") -> list[tuple[str, Any, Mark]]:
    """(dotted key, value, position) of every leaf, however it was nested; an empty mapping is a leaf."""
    leaves: list[tuple[str, Any, Mark]] = []
    for key, value in block.items():
        if prefix.count(".") + key.count(".") >= DEEPEST:
            raise InvalidInput("is nested too deeply", key=prefix + key, place=document.place((*path, key)))
        if isinstance(value, dict) and value:
            leaves += _flat(value, (*path, key), document, f"{prefix}{key}.")
        else:
            leaves.append((prefix + key, value, document.mark((*path, key))))
    return leaves


def with_profile(document: Document, profile: str) -> Document:
    """The document as the profile edits it; what it puts in stands where the profile wrote it.

    Raises:
        InvalidInput: there is no such profile, or it edits what it may not.
    """
    profiles = document.data.get("profiles")
    known = sorted(profiles) if isinstance(profiles, dict) else []
    if profile not in known:
        raise InvalidInput(
            "no such profile in this study", key="profiles", value=profile, place=document.file, choices=known
        )
    data = deepcopy(document.data)
    marks = dict(document.marks)
    edits = document.data["profiles"][profile]
    if not isinstance(edits, dict):
        raise InvalidInput(
            "must be a mapping", key=f"profiles.{profile}", value=edits, place=document.place(("profiles", profile))
        )
    for written, value in edits.items():
        origin: KeyPath = ("profiles", profile, written)
        new_marks = {path: document.mark((*origin, *path)) for path in _paths(value)}
        _edit(data, marks, written, value, new_marks, document.place(origin))
    if isinstance(data.get("name"), str):
        data["name"] += f"@{profile}"
    return Document(file=document.file, text=document.text, data=data, marks=marks)


def with_settings(document: Document, settings: Sequence[str]) -> Document:
    """The document with ``key=value`` settings of the command line, the later ones last; values are YAML.

    Raises:
        InvalidInput: a setting is not of that form, or edits what it may not.
    """
    data = deepcopy(document.data)
    marks = dict(document.marks)
    for setting in settings:
        written, equals, text = setting.partition("=")
        if not equals or not written.strip() or not setting.isprintable():
            raise InvalidInput("must be key=value, on one line", value=setting, place="--set")
        place = f"--set {setting}"
        value = parse_value(text, place)
        _edit(data, marks, written.strip(), value, dict.fromkeys(_paths(value), place), place)
    # What is recorded and reported as the study's text must not hide how it was edited.
    text = "\n".join([document.text.rstrip("\n"), *(f"# --set {setting}" for setting in settings), ""])
    return Document(file=document.file, text=text, data=data, marks=marks)


def _edit(  # noqa: PLR0917
    data: dict[str, Any],
    marks: dict[KeyPath, Mark],
    written: str,
    value: Any,
    new_marks: Mapping[KeyPath, Mark],
    place: str,
) -> None:
    """Set what ``written`` leads to; the validation that follows refuses keys that do not exist.

    ``new_marks`` are those of the parts of ``value``, by their paths inside it.
    """
    if written.partition(".")[0] in ("name", "profiles"):
        raise InvalidInput("cannot be changed by a profile or by --set", key=written, place=place)
    path = _edited_path(written)
    if len(path) > DEEPEST:
        raise InvalidInput("is nested too deeply", key=written, place=place)
    node = data
    for depth, part in enumerate(path[:-1], start=1):
        if part not in node:
            node[part] = {}
            marks[path[:depth]] = new_marks[()]
        node = node[part]
        if not isinstance(node, dict):
            raise InvalidInput(f"{part!r} is not a mapping that could be edited", key=written, place=place)
    for below in _paths(node.get(path[-1])):
        marks.pop((*path, *below), None)
    # A copy, for the edits that follow may change it.
    node[path[-1]] = deepcopy(value)
    marks |= {(*path, *below): mark for below, mark in new_marks.items()}


def _edited_path(written: str) -> tuple[str, ...]:
    """The keys that an edit's dotted path leads through; those of factors hold dots themselves."""
    above = ".".join(map(str, _FACTOR_VALUES)) + "."
    if written.startswith(above):
        return (*map(str, _FACTOR_VALUES), written.removeprefix(above))
    return tuple(written.split("."))


def _paths(value: Any) -> Iterator[KeyPath]:
    """Of the value itself, and of everything in it."""
    yield ()
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from ((key, *below) for below in _paths(child))
