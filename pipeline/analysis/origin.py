"""Where the results come from: the data sets that they are of, and the code and machines that computed them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePath

from dsn.data.preparation import exchanges
from pipeline.analysis import statistics
from pipeline.analysis.cells import as_text
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.planning.plan import DataUse
from pipeline.wording import counted, duration, listed

HASH_DIGITS = 12

_DATA_NOTE = (
    "Train and test are numbers of series as used; series are padded to the length. Content is the beginning of the "
    "SHA-256 of the source files."
)

_NAMES = {
    "version": "dsn-pipeline",
    "revision": "revision of its code",
    "engine": "engine",
    "instruction_set": "its instruction set",
    "threads": "threads",
    "device": "device",
    "host": "host",
    "python": "Python",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "resumed_from": "went on after epoch",
    "began_anew": "began anew, and why",
}
"""Columns ``provenance.*`` in the order in which they are read, and what they are called; others follow under their
own names."""


def data_table(results: StudyResults) -> Table | None:
    """A row a data set, and for each way in which it is used; None if the study's record does not hold them."""
    if not results.data:
        return None
    words = ("data set", "source", "files", "split", "normalisation", "content")
    numbers = ("classes", "channels", "length", "train", "test")
    columns = (*words[:5], *numbers, words[5])
    asked = [use for use in results.data if use.config.split == 2015]
    notes = [_DATA_NOTE]
    if asked:
        exchanged = [use.config.name for use in asked if exchanges(use.config)]
        what = f"of {listed(exchanged)}" if exchanged else "of none of these sets"
        notes.append(f"Split 2015 exchanges train and test {what}; all others are the same in both releases.")
    parts = [use.config.name for use in results.data if use.config.train_subset is not None]
    if parts:
        notes.append(
            f"Of {listed(list(dict.fromkeys(parts)))}, train is a fixed stratified subset of the training set."
        )
    return Table(
        title="Data sets",
        columns=tuple(Column(name=name, numeric=name in numbers) for name in columns),
        rows=tuple(_data_row(use) for use in results.data),
        notes=tuple(notes),
    )


def _data_row(use: DataUse) -> tuple[Cell, ...]:
    config, info = use.config, use.info
    split = f"{config.split}, exchanged" if exchanges(config) else str(config.split)
    # Names alone: where somebody keeps the data says nothing about the results.
    files = ", ".join(dict.fromkeys(PurePath(path).name for path in info.files))
    sizes = (info.classes, info.channels, info.length, info.train_n, info.test_n)
    return (
        *(Cell(text=text) for text in (config.name, config.source, files, split, config.normalisation)),
        *(Cell(text=str(size)) for size in sizes),
        Cell(text=info.content_hash[:HASH_DIGITS], tooltip=info.content_hash),
    )


def provenance_table(results: StudyResults, most: int = 5) -> Table | None:
    """What produced the results: the distinct values of each ``provenance.*`` column with the number of trials, when
    they were computed and how long that took.

    A column with more than ``most`` distinct values shows how many there are and the first in plan order. None if no
    trial has any provenance.
    """
    trials = statistics.distinct_trials(results.trials)
    recorded = [column.removeprefix("provenance.") for column in trials.columns if column.startswith("provenance.")]
    rows = []
    for name in sorted(recorded, key=lambda each: list(_NAMES).index(each) if each in _NAMES else len(_NAMES)):
        values = [as_text(value) for value in trials[f"provenance.{name}"] if as_text(value)]
        counts = {value: values.count(value) for value in dict.fromkeys(values)}
        if counts:
            shown = [f"{value} ({counted(count, 'trial')})" for value, count in counts.items()]
            text = "; ".join(shown) if len(shown) <= most else f"{len(shown)} distinct values, such as {shown[0]}"
            rows.append((_NAMES.get(name, name), text))
    if not rows:
        return None
    ended = trials[trials["started"].notna() & trials["finished"].notna()]
    if len(ended):
        rows.append(("first trial began", _moment(ended["started"].min())))
        rows.append(("last trial ended", _moment(ended["finished"].max())))
        spent = duration(float((ended["finished"] - ended["started"]).clip(lower=0).sum()))
        rows.append(("compute time", f"{spent}, the sum over {counted(len(ended), 'trial')}, failed ones included"))
    columns = (Column(name="what", numeric=False), Column(name="value", numeric=False))
    cells = tuple((Cell(text=name), Cell(text=text)) for name, text in rows)
    return Table(title="Provenance", columns=columns, rows=cells)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
