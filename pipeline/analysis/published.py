"""Accuracies that others have printed, read from a file and set beside a study's own."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dsn.errors import InvalidInput
from pipeline.wording import counted, enumerated, listed

if TYPE_CHECKING:
    from pipeline.analysis.results import StudyResults

PUBLISHED_COLUMNS: Final = ("dataset", "arm", "system", "accuracy", "std", "source")

COST_COLUMNS: Final = ("parameters", "flops")
"""Columns that may be there, or not."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """An accuracy that somebody printed, and what of the study it belongs beside.

    Attributes:
        dataset: the study's data set.
        arm: the label of its arm; empty for a system that stands beside all of them.
        system: whose accuracy it is.
        accuracy: in percent, as printed.
        std: its standard deviation, likewise; NaN if none is printed.
        source: where it is printed.
        parameters, flops: of the system's network there, for one series; NaN if not given.
        place: where it was read, for messages.
    """

    dataset: str
    arm: str
    system: str
    accuracy: float
    std: float
    source: str
    parameters: float = math.nan
    flops: float = math.nan
    place: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class System:
    """A published system that stands beside all arms.

    Attributes:
        name: what it is called, which is no arm's label.
        rows: by data set of the study; there may be data sets without.
        elsewhere: data sets that it has accuracies of and the study does not have.
        sources: where they are printed.
    """

    name: str
    rows: Mapping[str, Published]
    elsewhere: tuple[str, ...]
    sources: tuple[str, ...]


def read_published(path: Path) -> tuple[Published, ...]:
    """The rows of a CSV file (UTF-8, commas) with the columns ``PUBLISHED_COLUMNS`` and perhaps some of
    ``COST_COLUMNS``, in any order.

    Raises:
        InvalidInput: it cannot be read, has other columns, or a row that cannot be; with file, line and column.
    """
    try:
        return parse_published(path.read_bytes(), str(path))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error


def parse_published(content: bytes, place: str) -> tuple[Published, ...]:
    """``read_published`` of what a file holds; ``place`` says which."""
    try:
        # Spreadsheets begin a file with a byte-order mark.
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        _require_columns(rows.fieldnames or (), place)
        published = tuple(_published(row, f"{place}:{rows.line_num}") for row in rows)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is not UTF-8 ({error.reason})", place=place) from error
    except csv.Error as error:
        raise InvalidInput(f"is no CSV ({error})", place=place) from error
    _require_distinct(published)
    if published and max(one.accuracy for one in published) <= 1:
        raise InvalidInput("accuracies are in percent, and none of these is above 1", key="accuracy", place=place)
    return published


def published_csv(published: Sequence[Published]) -> str:
    """A file that ``read_published`` takes for the same rows: numbers to the last digit, absent ones as nothing."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    names = PUBLISHED_COLUMNS + COST_COLUMNS
    lines.writerow(names)
    for one in published:
        fields = [getattr(one, name) for name in names]
        lines.writerow("" if isinstance(field, float) and math.isnan(field) else field for field in fields)
    return written.getvalue()


def _require_columns(names: Sequence[str], place: str) -> None:
    known = PUBLISHED_COLUMNS + COST_COLUMNS
    if not set(PUBLISHED_COLUMNS) <= set(names):
        raise InvalidInput(f"must have the columns {', '.join(PUBLISHED_COLUMNS)}", place=f"{place}:1")
    for name in names:
        if name not in known:
            raise InvalidInput("no such column", value=name, place=f"{place}:1", choices=known)
        if list(names).count(name) > 1:
            raise InvalidInput("a column that is there twice", value=name, place=f"{place}:1")


def _published(row: Mapping[str | None, str], place: str) -> Published:
    if None in row:
        raise InvalidInput("more fields than columns; a text with a comma needs quotation marks", place=place)
    if None in row.values():
        raise InvalidInput("fewer fields than columns", place=place)
    for key in ("dataset", "system"):
        if not row[key].strip():
            raise InvalidInput("must not be empty", key=key, place=place)
    texts = {key: row[key].strip() for key in ("dataset", "arm", "system", "source")}
    return Published(
        accuracy=_number(row, "accuracy", place, most=100.0, required=True),
        std=_number(row, "std", place, most=100.0),
        parameters=_number(row, "parameters", place),
        flops=_number(row, "flops", place),
        place=place,
        **texts,
    )


def _number(
    row: Mapping[str | None, str], key: str, place: str, *, most: float = math.inf, required: bool = False
) -> float:
    """NaN where nothing is written."""
    text = row.get(key)
    if not (text or required):
        return math.nan
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput("must be a number", key=key, value=text, place=place) from error
    if not 0 <= value <= most or math.isinf(value):
        limits = "must not be negative" if most == math.inf else f"must be between 0 and {most:g}"
        raise InvalidInput(limits, key=key, value=text, place=place)
    return value


def _require_distinct(published: Iterable[Published]) -> None:
    places: dict[tuple[str, str, str], str] = {}
    for one in published:
        first = places.setdefault((one.dataset, one.arm, one.system), one.place)
        if first != one.place:
            raise InvalidInput(
                f"the same data set, arm and system as in line {first.rpartition(':')[2]}",
                key="system",
                value=one.system,
                place=one.place,
            )


def set_beside(results: StudyResults, published: tuple[Published, ...]) -> StudyResults:
    """The results with what is published beside them.

    Raises:
        InvalidInput: an arm that the study does not have, or not a single one of its data sets.
    """
    for one in published:
        if one.arm and one.arm not in results.arms:
            raise InvalidInput(
                "no such arm in the study", key="arm", value=one.arm, place=one.place, choices=results.arms
            )
    if published and not {one.dataset for one in published} & set(results.datasets):
        first = published[0]
        raise InvalidInput(
            "neither this nor any other data set of the file is in the study",
            key="dataset",
            value=first.dataset,
            place=first.place,
            choices=results.datasets,
        )
    return replace(results, published=published)


def systems(results: StudyResults) -> tuple[System, ...]:
    """The published systems that stand beside all arms and have a data set of the study, as they come in the file."""
    by_name: dict[str, list[Published]] = {}
    for one in results.published:
        if not one.arm:
            by_name.setdefault(one.system, []).append(one)
    taken = {*results.arms, *by_name}
    found = []
    for name, rows in by_name.items():
        label = name
        while label in results.arms or (label != name and label in taken):
            label += " (published)"
        found.append(_system(label, rows, results))
    return tuple(system for system in found if system.rows)


def _system(name: str, rows: Sequence[Published], results: StudyResults) -> System:
    here = {one.dataset: one for one in rows if one.dataset in results.datasets}
    elsewhere = tuple(one.dataset for one in rows if one.dataset not in here)
    return System(
        name=name, rows=here, elsewhere=elsewhere, sources=tuple(dict.fromkeys(one.source for one in here.values()))
    )


def source_notes(results: StudyResults) -> tuple[str, ...]:
    """Whose numbers of a table are not the study's, where they are printed, and what of them found no place."""
    found = systems(results)
    if not found:
        return ()
    by_source: dict[tuple[str, ...], list[str]] = {}
    for system in found:
        by_source.setdefault(system.sources, []).append(system.name)
    said = [
        f"{enumerated(names)} ({listed(list(filter(None, sources)), between='; ') or 'no source is given'})"
        for sources, names in by_source.items()
    ]
    notes = [f"Published, not computed here: {'; '.join(said)}."]
    strangers = list(dict.fromkeys(name for system in found for name in system.elsewhere))
    if strangers:
        verb = "is" if len(strangers) == 1 else "are"
        notes.append(f"{counted(len(strangers), 'published data set')} {verb} not in the study: {listed(strangers)}.")
    return tuple(notes)
