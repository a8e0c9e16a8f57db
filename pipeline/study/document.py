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
Mark = tuple[int, int] | str
"""Line and column in the file, both from 1; or, for what was not written there, words that say where it was."""

DEEPEST = 20
"""Levels of nesting."""

LARGEST_FILE = 200_000
"""Bytes. A study of all 128 UCR sets has three thousand; a file that is larger than this was given by mistake."""

LARGEST = 2**63 - 1
"""Whole numbers beyond it, of either sign, are refused: they are mistakes, and no float could hold the hugest ones."""


class _Loader(yaml.SafeLoader):
    """Composes nodes, with YAML 1.2's core scalars; resolvers are filled in below."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML declares it on instances, and reads it from classes
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        refused = {
            "aliases are not supported": isinstance(event, yaml.events.AliasEvent),
            "tags are not supported": getattr(event, "tag", None) is not None,
            "it is nested too deeply": self._depth > DEEPEST,
        }
        for problem, holds in refused.items():
            if holds:
                raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, kw_only=True)
class Document:
    """The content of a file.

    Attributes:
        file: as the user wrote it, for messages.
        text: verbatim.
        data: nested dicts, lists and scalars.
        marks: path of keys -> where the key (or list item) stands.
    """

    file: str
    text: str
    data: dict[str, Any]
    marks: Mapping[KeyPath, Mark] = field(repr=False)

    def place(self, path: KeyPath) -> str:
        """``file:line:column`` of the key, or of the nearest one above it that was written."""
        return self.shown(self.mark(path))

    def mark(self, path: KeyPath) -> Mark:
        """Where the key stands, or the nearest one above it that was written; the file itself if there is none."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks[path] if path else self.file

    def shown(self, mark: Mark) -> str:
        """A mark as a place in a message."""
        return mark if isinstance(mark, str) else f"{self.file}:{mark[0]}:{mark[1]}"


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InvalidInput: it does not exist, is not UTF-8 text, or is not YAML of that dialect; with line and column.
    """
    file = str(path)
    text = _decoded(_content(path), file)
    node = _composed(file, text)
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInput("must be a mapping of keys to values", place=file)
    marks: dict[KeyPath, Mark] = {}
    data = _Converter(file, marks).value(node, ())
    return Document(file=file, text=text, data=data, marks=marks)


def _content(path: Path) -> bytes:
    """The bytes of a regular file; opening a pipe would wait for its writer, and a device may never end."""
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise InvalidInput("cannot be read: not a regular file", place=str(path))
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error
    if len(content) > LARGEST_FILE:
        raise InvalidInput(f"is larger than {LARGEST_FILE} bytes, too large for a study file", place=str(path))
    return content


def _decoded(content: bytes, file: str) -> str:
    """The text, every line ended by a line feed."""
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise InvalidInput("is not UTF-8 text", place=_place_after(before, file)) from error


def parse_value(text: str, place: str) -> Any:
    """A value as it would stand in a file, in the same dialect.

    Raises:
        InvalidInput: it is not one; with ``place``.
    """
    node = _composed(place, text)
    return None if node is None else _Converter(place, {}).value(node, ())


def _composed(file: str, text: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        place = _place_after(text[: error.position], file)
        problem = f"{error.reason}, here U+{ord(text[error.position]):04X}"
        raise InvalidInput(f"is not valid YAML: {problem}", place=place) from error
    try:
        return loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or loader.get_mark()
        problem = str(getattr(error, "problem", None) or "cannot be understood")
        if problem.startswith("but "):
            problem = f"{getattr(error, 'context', '')}, {problem}"
        raise InvalidInput(
            f"is not valid YAML: {problem}{_advice(error, problem)}", place=_place(file, mark)
        ) from error
    except (ValueError, OverflowError) as error:
        # PyYAML's own calls of chr() and int() on what an escape or a %YAML line says.
        raise InvalidInput(
            "is not valid YAML: a number is out of range", place=_place(file, loader.get_mark())
        ) from error


_REMEDIES: Mapping[str, str] = {
    "mapping values are not allowed here": "a text with ': ' in it needs quotes, and keys of one block the same indent",
    "could not find expected ':'": "a key needs ': ' after it",
    "character '\\t'": "indent with spaces",
    "that cannot start any token": "a text that starts with it needs quotes",
    "expected <block end>": "keys and list items of one block need the same indent",
    "expected a single document": "'---' may stand at the start alone",
}
"""Part of PyYAML's words -> what a person can do."""


def _advice(error: yaml.YAMLError, problem: str) -> str:
    """What usually mends it; of a bracket that was never closed, where it stands."""
    opened = getattr(error, "context_mark", None)
    if problem.startswith("expected ','") and opened is not None:
        return f"; the bracket was opened in line {opened.line + 1}, column {opened.column + 1}"
    return next((f"; {remedy}" for part, remedy in _REMEDIES.items() if part in problem), "")


class _Converter:
    """Turns nodes into plain values and notes where each key stands."""

    def __init__(self, file: str, marks: dict[KeyPath, Mark]) -> None:
        self._file = file
        self._marks = marks

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(child, (*path, key)) for key, child in self._items(node, path)}
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self._marks[(*path, index)] = _position(child)
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _items(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise self._error("keys must be text", key_node)
            key = str(self._scalar(key_node))
            if (*path, key) in self._marks:
                raise self._error(f"key {key!r} is given twice", key_node)
            self._marks[(*path, key)] = _position(key_node)
            yield key, child

    def _scalar(self, node: yaml.Node) -> str | bool | int | float | None:
        try:
            return _scalar(node)
        except InvalidInput as error:
            raise InvalidInput(error.problem, value=error.value, place=_place(self._file, node.start_mark)) from error

    def _error(self, problem: str, node: yaml.Node) -> InvalidInput:
        return InvalidInput(problem, place=_place(self._file, node.start_mark))


def _scalar(node: yaml.Node) -> str | bool | int | float | None:
    text, kind = node.value, node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return bool(text.lower() == "true")
    if kind == "int":
        return _whole(text)
    if kind == "float":
        # Python spells YAML's .inf and .nan without the point.
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return _text(text)


def _whole(text: str) -> int:
    digits, base = (text[2:], {"0x": 16, "0o": 8}[text[:2]]) if text[:2] in ("0x", "0o") else (text, 10)
    # Python refuses to convert thousands of digits.
    number = int(digits, base) if len(digits) <= 100 else LARGEST + 1
    if abs(number) > LARGEST:
        raise InvalidInput("is a number too large", value=text)
    return number


def _text(text: str) -> str:
    r"""``text``, which an escape such as "\ud800" can make into something that no file or database takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("is not valid Unicode text", value=text) from error
    return text


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _place_after(before: str, file: str) -> str:
    return f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def _place(file: str, mark: yaml.Mark) -> str:
    return f"{file}:{mark.line + 1}:{mark.column + 1}"
