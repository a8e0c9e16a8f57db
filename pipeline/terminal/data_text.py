"""Data sets for the terminal and for scripts: a list with sizes, and one looked at closely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from dsn.config import DataConfig
from dsn.data import DataInfo, DescriptionCache, Survey, describe
from dsn.errors import InvalidInput
from pipeline.analysis.renderings.text import to_text
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import counted


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list: sizes, or what is wrong."""

    source: str
    name: str
    info: DataInfo | None
    problem: str = ""

    def to_dict(self) -> dict[str, object]:
        """As plain values, without what is missing."""
        sizes = asdict(self.info) if self.info else {"problem": self.problem}
        return {"source": self.source, "name": self.name, **sizes}


def listed(found: Mapping[str, Sequence[str]], path: str | None, cache: DescriptionCache) -> Iterator[Listed]:
    """Every data set of ``found`` (source -> names) with its sizes; one that cannot be used does not end the list."""
    for source, sets in found.items():
        for name in sets:
            try:
                info = describe(DataConfig(source=source, name=name, path=path), cache)
            except InvalidInput as error:
                yield Listed(source=source, name=name, info=None, problem=str(error))
            else:
                yield Listed(source=source, name=name, info=info)


def list_text(sets: Sequence[Listed], path: str | None, width: int) -> str:
    """A table of data sets, and below it what is wrong with some."""
    where = "that come with aeon" if path is None else f"in {path}"
    if not sets:
        return f"no data sets {where}\n"
    heads = ("data set", "source", "train", "test", "length", "channels", "classes")
    table = Table(
        title=f"{counted(len(sets), 'data set')} {where}",
        columns=tuple(Column(name=head, numeric=head not in heads[:2]) for head in heads),
        rows=tuple(_cells((each.name, each.source, *_sizes(each.info))) for each in sets),
        notes=tuple(f"{each.name} cannot be used: {each.problem}" for each in sets if each.problem),
    )
    return to_text(table, width=width)


def survey_text(found: Survey) -> str:
    """Both parts beside each other, then what holds for the whole set."""
    info, parts = found.info, (found.train, found.test)
    rows = [
        ("series", *(part.n for part in parts)),
        ("shortest", *(part.shortest for part in parts)),
        ("longest", *(part.longest for part in parts)),
        ("missing values", *(part.missing for part in parts)),
        ("smallest value", *(f"{part.smallest:.6g}" for part in parts)),
        ("largest value", *(f"{part.largest:.6g}" for part in parts)),
        ("mean", *(f"{part.mean:.6g}" for part in parts)),
        ("standard deviation", *(f"{part.std:.6g}" for part in parts)),
        *((f"class {label}", *(part.classes.get(label, 0) for part in parts)) for label in found.train.classes),
    ]
    sizes = f"{counted(info.channels, 'channel')}, length {info.length}, {info.classes} classes"
    table = Table(
        title=f"{info.name}: {sizes} (source {found.source})",
        columns=(Column(name="", numeric=False), Column(name="train"), Column(name="test")),
        rows=tuple(_cells(row) for row in rows),
    )
    more = len(info.files) - 2
    lines = [
        "",
        f"split: 2015   {'exchanges train and test' if found.exchanged_in_2015 else 'changes nothing'}",
        f"content hash  {info.content_hash}",
        *(f"file          {file}" for file in info.files[:2]),
        *([f"              and {more} more"] if more > 0 else []),
        *(f"note          {warning}" for warning in found.warnings),
    ]
    return to_text(table) + "\n".join(lines) + "\n"


def _sizes(info: DataInfo | None) -> tuple[object, ...]:
    return ("-",) * 5 if info is None else (info.train_n, info.test_n, info.length, info.channels, info.classes)


def _cells(values: Iterable[object]) -> tuple[Cell, ...]:
    return tuple(Cell(text=str(value)) for value in values)
