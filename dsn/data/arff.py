r"""Weka's .arff format as the UCR and UEA archives use it.

    @relation Some
    @attribute att0 numeric                @attribute bag relational
    @attribute att1 numeric                    @attribute att0 numeric
                                               @attribute att1 numeric
                                           @end bag
    @attribute target {left,right}         @attribute target {left,right}
    @data                                  @data
    0.5,?,left                             '0.5,?\n1,2',left

On the left one channel, on the right several: a quoted block whose channels are separated by a backslash and an n.
Values are as many as attributes; missing ones are ``?``. Lines that start with % are comments.

Our own reader and not ``aeon.datasets.load_from_arff_file``, because that one reads no attribute but takes whatever
stands last for the label, starts at any line that holds "@data", comments included, and keeps quotes in labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsn.data import text
from dsn.data.raw import RawPart, raw_part
from dsn.errors import InvalidData

_ATTRIBUTE = re.compile(r"""@attribute\s+('[^']*'|"[^"]*"|[^\s'"]+)\s*(\S.*)""", re.IGNORECASE)
_NUMERIC = ("numeric", "real", "integer")
_NOMINAL_VALUE = re.compile(r"""\s*('[^']*'|"[^"]*"|[^,'"]+)\s*(?:,|$)""")
_SERIES = re.compile(r"""(.*),\s*('[^']*'|"[^"]*"|[^,'"]*)""")
_BAG = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*,(.*)""")


@dataclass(frozen=True, kw_only=True)
class _Header:
    """How many values a channel has, whether channels come in a quoted block, and the labels."""

    length: int
    relational: bool
    classes: list[str]


def read_arff(path: Path) -> RawPart:
    """The series of an .arff file, as float64.

    Raises:
        InvalidData: the attributes are not values with a nominal class behind them, or a row does not fit them.
    """
    content = text.lines(path, comments="%")
    header = _header(content, path)
    series: list[NDArray[np.float64]] = []
    labels: list[str] = []
    for number, line in content:
        place = f"{path}:{number}"
        channels, last = _row(line, header, place)
        series.append(np.stack([_channel(channel, header, place) for channel in channels]))
        if len(series[-1]) != len(series[0]):
            raise InvalidData(f"{len(series[-1])} channels, the first series has {len(series[0])}", place=place)
        labels.append(_label(last, header, place))
    if not series:
        raise InvalidData("has no series after @data", place=str(path))
    return raw_part(np.stack(series), np.array(labels, dtype=np.str_), place=str(path))


def _row(line: str, header: _Header, place: str) -> tuple[list[str], str]:
    """The channels of a row, and what stands behind them."""
    if not header.relational:
        match = _SERIES.fullmatch(line)
        if match is None:
            raise InvalidData("expected values, a comma and a label", place=place)
        return [match.group(1)], match.group(2)
    match = _BAG.fullmatch(line)
    if match is None:
        raise InvalidData("expected a series in quotes, a comma and a label", place=place)
    single, double, last = match.groups()
    return (single if single is not None else double).split("\\n"), last


def _channel(values: str, header: _Header, place: str) -> NDArray[np.float64]:
    found = text.numbers(values, ",", place)
    if len(found) != header.length:
        raise InvalidData(f"{len(found)} values, but {header.length} numeric attributes", place=place)
    return found


def _label(field: str, header: _Header, place: str) -> str:
    found = text.label(text.unquoted(field), place)
    if found not in header.classes:
        raise InvalidData(
            "the class attribute does not list this label", value=found, place=place, choices=header.classes
        )
    return found


def _header(content: Iterator[tuple[int, str]], path: Path) -> _Header:
    """Leaves ``content`` behind @data."""
    kinds: list[str] = []
    for number, line in content:
        word = line.split(maxsplit=1)[0].lower()
        if word == "@data":
            return _understood(kinds, path)
        if word == "@attribute":
            match = _ATTRIBUTE.fullmatch(line.strip())
            if match is None:
                raise InvalidData("expected @attribute, a name and a type", place=f"{path}:{number}")
            kinds.append(match.group(2).strip())
        elif word not in ("@relation", "@end"):
            raise InvalidData("expected @relation, @attribute or @data", place=f"{path}:{number}")
    raise InvalidData("has no line @data", place=str(path))


def _understood(kinds: list[str], path: Path) -> _Header:
    *values, last = kinds or [""]
    relational = values[:1] != [] and values[0].lower() == "relational"
    numeric = values[1:] if relational else values
    if not numeric or any(kind.lower() not in _NUMERIC for kind in numeric):
        raise InvalidData(
            "expected numeric attributes, or a relational one of them, and then the class", place=str(path)
        )
    if not (last.startswith("{") and last.endswith("}")):
        raise InvalidData(
            "the last attribute must be the class, with its labels in braces", value=last, place=str(path)
        )
    return _Header(length=len(numeric), relational=relational, classes=_nominal(last[1:-1], path))


def _nominal(inside: str, path: Path) -> list[str]:
    classes, position = [], 0
    while position < len(inside):
        match = _NOMINAL_VALUE.match(inside, position)
        if match is None:
            raise InvalidData("the labels in braces cannot be told apart", value=inside, place=str(path))
        classes.append(text.unquoted(match.group(1)))
        position = match.end()
    return classes
