"""What is known of the data sets of the papers without their files: sizes, and the collections that tables are over.

``catalogue.csv`` has the 128 UCR and the 30 UEA sets and the three of the UCI repository: facts, no data. Where the
numbers come from:

- UCR: the summary of the archive's 2018 release, whose split of train and test the counts follow; the 85 sets of the
  2015 release and the 112 of equal length without missing values are collections.
- UEA: the summary of its 2018 release. Where that and the archive's files differ, the files are right.
- HAR: the official split. DailySports: the split of ``dsn.data.daily_sports``. EEG2: the two halves of 600 trials that
  the UCI repository calls large.

The length of sets whose series differ in length is that of the longest.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from dsn.config import DataConfig
from dsn.data.dataset import DataInfo
from dsn.data.preparation import exchanges
from dsn.data.subset import require_subset

UCI: Final = {
    "DailySports": "https://archive.ics.uci.edu/dataset/256",
    "EEG2": "https://archive.ics.uci.edu/dataset/121",
    "HAR": "https://archive.ics.uci.edu/dataset/240",
}
"""The sets that are not in the UCR and UEA archives, and where they are."""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A data set as its archive describes it.

    Attributes:
        archive: ``UCR``, ``UEA`` or ``UCI``.
        train_n: training series, in the split of the archive's latest release.
        test_n: test series, likewise.
        channels: channels of every series.
        length: time points of the longest series.
        classes: distinct labels.
        collections: names of those that it is in.
    """

    name: str
    archive: str
    train_n: int
    test_n: int
    channels: int
    length: int
    classes: int
    collections: tuple[str, ...]


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, KnownSet]:
    """Every set that is known, by name."""
    text = files("dsn.data").joinpath("catalogue.csv").read_text(encoding="utf-8")
    return {row["name"]: _known_set(row) for row in csv.DictReader(text.splitlines())}


def _known_set(row: Mapping[str, str]) -> KnownSet:
    return KnownSet(
        name=row["name"],
        archive=row["archive"],
        train_n=int(row["train_n"]),
        test_n=int(row["test_n"]),
        channels=int(row["channels"]),
        length=int(row["length"]),
        classes=int(row["classes"]),
        collections=tuple(row["collections"].split()),
    )


@lru_cache(maxsize=1)
def collections() -> Mapping[str, tuple[str, ...]]:
    """Collection -> the names of its sets, in the catalogue's order."""
    found: dict[str, tuple[str, ...]] = {}
    for known in catalogue().values():
        for collection in known.collections:
            found[collection] = (*found.get(collection, ()), known.name)
    return found


def expected(config: DataConfig) -> DataInfo | None:
    """What ``describe`` may be expected to say once the files are there; no hash, for there is no content yet.

    Returns:
        None for a set that the catalogue does not know.

    Raises:
        InvalidData: a ``train_subset`` that the set cannot have.
    """
    known = catalogue().get(config.name)
    if known is None:
        return None
    train_n, test_n = (known.test_n, known.train_n) if exchanges(config) else (known.train_n, known.test_n)
    require_subset(config.train_subset, series=train_n, classes=known.classes, place="")
    return DataInfo(
        name=known.name,
        content_hash="",
        train_n=config.train_subset or train_n,
        test_n=test_n,
        channels=known.channels,
        length=known.length,
        classes=known.classes,
        files=(),
    )
