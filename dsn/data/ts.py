"""The .ts format of timeseriesclassification.com and aeon: a header of @ lines, then a series a line.

    @problemName Some
    @equalLength false
    @classLabel true left right
    @data
    0.5,0.25,?:1,2,3:left

Channels are separated by colons and values by commas; the label is last. Missing values are ``?`` or ``NaN``. Lines
that start with # or % are comments.

Our own reader and not ``aeon.datasets.load_from_ts_file``, because that one takes a line without colons for a label
without series, labels that the header does not have, and a file without @data for an empty one; it turns all text,
labels included, into lower case and "nan" inside a label into "NaN"; and importing it takes seconds, which planning
does not have. On the archive's own files both agree (a test compares them), but for the case of labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsn.data import text
from dsn.data.raw import RawPart, raw_part
from dsn.errors import InvalidData

_COMMENTS = "#%"


def read_ts(path: Path) -> RawPart:
    """The series of a .ts file, as float64.

    What the header says of the data is checked where a wrong reading would follow from a contradiction: class labels,
    equal lengths, one channel. A label is spelled as in the header, which may write it in another case.

    Raises:
        InvalidData: no classification set, time stamps, or any line that does not fit the format; with its number.
    """
    content = text.lines(path, comments=_COMMENTS)
    header = _header(content, path)
    classes = _classes(header, path)
    series: list[NDArray[np.float64]] = []
    labels: list[str] = []
    for number, line in content:
        place = f"{path}:{number}"
        *channels, last = line.split(":")
        series.append(_series(channels, place))
        labels.append(_spelled(text.label(last, place), classes, place))
        _require_as_announced(series, header, place)
    if not series:
        raise InvalidData("has no series after @data", place=str(path))
    return raw_part(series, np.array(labels, dtype=np.str_), place=str(path))


def is_classification(path: Path) -> bool:
    """Whether the header announces class labels and no time stamps.

    Raises:
        InvalidData: there is no header, or it cannot be read.
    """
    header = _header(text.lines(path, comments=_COMMENTS), path)
    return _says(header, "@classlabel") and not _says(header, "@timestamps")


def _header(content: Iterator[tuple[int, str]], path: Path) -> dict[str, str]:
    """Tags in lower case -> the rest of their lines. Leaves ``content`` behind @data."""
    header: dict[str, str] = {}
    for number, line in content:
        tag, *rest = line.split(maxsplit=1)
        if not tag.startswith("@"):
            raise InvalidData(
                "expected a line that starts with @, and @data before the series", place=f"{path}:{number}"
            )
        if tag.lower() == "@data":
            if rest:
                raise InvalidData("@data must stand alone on its line", place=f"{path}:{number}")
            return header
        header[tag.lower()] = rest[0] if rest else ""
    raise InvalidData("has no line @data", place=str(path))


def _says(header: Mapping[str, str], tag: str) -> bool:
    return header.get(tag, "").lower().split()[:1] == ["true"]


def _classes(header: Mapping[str, str], path: Path) -> list[str]:
    if _says(header, "@targetlabel"):
        raise InvalidData("is a regression set (@targetLabel true)", place=str(path))
    if _says(header, "@timestamps"):
        raise InvalidData("has time stamps (@timeStamps true), which are not supported", place=str(path))
    classes = header.get("@classlabel", "").split()[1:]
    if not _says(header, "@classlabel") or not classes:
        raise InvalidData("the header needs @classLabel true and the labels behind it", place=str(path))
    return classes


def _spelled(label: str, classes: list[str], place: str) -> str:
    if label in classes:
        return label
    alike = [known for known in classes if known.lower() == label.lower()]
    if len(alike) != 1:
        raise InvalidData("@classLabel does not list this label", value=label, place=place, choices=classes)
    return alike[0]


def _series(channels: list[str], place: str) -> NDArray[np.float64]:
    """One series (channels, length)."""
    if not channels:
        raise InvalidData("has no colon between series and label", place=place)
    if channels[0].lstrip().startswith("("):
        raise InvalidData("has time stamps, which are not supported", place=place)
    values = [text.numbers(channel, ",", f"{place}, channel {n}") for n, channel in enumerate(channels, start=1)]
    lengths = [len(each) for each in values]
    if len(set(lengths)) > 1:
        raise InvalidData(f"channels of different lengths: {_listed(lengths)}", place=place)
    return np.stack(values)


def _listed(lengths: list[int]) -> str:
    return ", ".join(map(str, sorted(set(lengths))))


def _require_as_announced(series: list[NDArray[np.float64]], header: Mapping[str, str], place: str) -> None:
    first, last = series[0].shape, series[-1].shape
    if last[0] != first[0]:
        raise InvalidData(f"{last[0]} channels, the first series has {first[0]}", place=place)
    if last[0] > 1 and _says(header, "@univariate"):
        raise InvalidData(f"{last[0]} channels, but the header says @univariate true", place=place)
    if last[1] != first[1] and _says(header, "@equallength"):
        raise InvalidData(
            f"{last[1]} time points, the first series has {first[1]}, and the header says @equalLength true",
            place=place,
        )
