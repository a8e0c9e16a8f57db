"""A YAML file as plain values that remember where they were written.

The dialect is strict and without surprises: the scalar rules of YAML 1.2 (``no`` and ``12:30`` are text, ``1e-3`` is a
number), duplicate keys refused, and neither aliases nor tags, so that a file cannot expand without bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dsn.errors import InvalidInput

Key = str | int
KeyPath = tuple[Key, ...]
DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's core scalars; resolvers are filled in below."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML declares it on instances, and reads it from classes

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, kw_only=True)
class Document:
    """The content of a file.

    Attributes:
        file: as the user wrote it, for messages.
        text: verbatim.
        data: nested dicts, lists and scalars.
        marks: path of keys -> (line, column), both from 1, of the key (or list item).
    """

    file: str
    text: str
    data: dict[str, Any]
    marks: Mapping[KeyPath, tuple[int, int]] = field(repr=False)

    def place(self, path: KeyPath) -> str:
        """``file:line:column`` of the key, or of the nearest one above it that was written."""
        while path and path not in self.marks:
            path = path[:-1]
        if not path:
            return self.file
        line, column = self.marks[path]
        return f"{self.file}:{line}:{column}"


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InvalidInput: it does not exist, is not UTF-8 text, or is not YAML of that dialect; with line and column.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InvalidInput(f"cannot be read: {reason}", place=file) from error
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _syntax_error(file, error) from error
    except RecursionError as error:
        raise InvalidInput("is nested too deeply", place=file) from error
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInput("must be a mapping of keys to values", place=file)
    marks: dict[KeyPath, tuple[int, int]] = {}
    data = _Converter(file, marks).value(node, ())
    return Document(file=file, text=text, data=data, marks=marks)


class _Converter:
    """Turns nodes into plain values and notes where each key stands."""

    def __init__(self, file: str, marks: dict[KeyPath, tuple[int, int]]) -> None:
        self._file = file
        self._marks = marks
        self._scalars = _Loader("")

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if len(path) > DEEPEST:
            raise self._error("is nested too deeply", node)
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(child, (*path, key)) for key, child in self._items(node, path)}
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self._marks[(*path, index)] = _position(child)
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise self._error("is a value that cannot be understood", node) from error

    def _items(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise self._error("keys must be text", key_node)
            key = key_node.value
            if (*path, key) in self._marks:
                raise self._error(f"key {key!r} is given twice", key_node)
            self._marks[(*path, key)] = _position(key_node)
            yield key, child

    def _error(self, problem: str, node: yaml.Node) -> InvalidInput:
        line, column = _position(node)
        return InvalidInput(problem, place=f"{self._file}:{line}:{column}")


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _syntax_error(file: str, error: yaml.YAMLError) -> InvalidInput:
    mark = getattr(error, "problem_mark", None)
    place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid"
    return InvalidInput(f"is not valid YAML: {problem}", place=place)
