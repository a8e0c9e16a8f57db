"""Data sets: where they come from, what they must hold, and how they are prepared.

A new source is one file with four functions, and one line in ``SOURCES``. Importing this package needs numpy only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsn.config import DataConfig
from dsn.data import bundled, npz
from dsn.data.cache import DescriptionCache
from dsn.data.dataset import DataInfo, TimeSeriesData
from dsn.data.description import Description, PartSummary, require_usable
from dsn.data.files import SourceFiles, content_hash, identify, shown
from dsn.data.preparation import exchanges, prepare
from dsn.data.raw import RawData
from dsn.errors import InvalidData

__all__ = ["SOURCES", "DataInfo", "DescriptionCache", "Source", "TimeSeriesData", "describe", "load", "names"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of place that data sets come from. Every function raises InvalidData for what a user can mend.

    Attributes:
        names: the data sets under a ``DataConfig.path`` (None if the source reads none), sorted.
        find: the files of a data set, by role, in a fixed order; reads no series.
        read: both parts of a data set, as the files split them.
        scan: sizes of (train, test) as ``read`` would give them, without importing anything slow.
    """

    names: Callable[[str | None], list[str]]
    find: Callable[[DataConfig], SourceFiles]
    read: Callable[[SourceFiles], RawData]
    scan: Callable[[SourceFiles], tuple[PartSummary, PartSummary]]


SOURCES: dict[str, Source] = {
    "aeon": Source(names=bundled.names, find=bundled.find, read=bundled.read, scan=bundled.scan),
    "npz": Source(names=npz.names, find=npz.find, read=npz.read, scan=npz.scan),
}


def names(source: str, path: str | None = None) -> list[str]:
    """The data sets of a source, sorted."""
    return _source(source).names(path)


def load(config: DataConfig) -> TimeSeriesData:
    """The data set, ready for training.

    Raises:
        InvalidData: unknown source or name, a file that cannot be read, or content that cannot be trained on.
    """
    source = _source(config.source)
    files = source.find(config)
    return prepare(source.read(files), config, content_hash=content_hash(files), place=_place(config, files))


def describe(config: DataConfig, cache: DescriptionCache | None = None) -> DataInfo:
    """The sizes of what ``load`` would return, without loading it.

    Args:
        config: the data set.
        cache: asked first, and told what was found; the caller saves it.

    Raises:
        InvalidData: as ``load``. The constant training set that ``normalisation: global`` refuses is left to ``load``.
    """
    source = _source(config.source)
    files = source.find(config)
    found = _description(config.source, files, cache)
    train, test = (found.test, found.train) if exchanges(config) else (found.train, found.test)
    require_usable(train, test, place=_place(config, files))
    return DataInfo(
        name=config.name,
        content_hash=found.content_hash,
        train_n=train.n,
        test_n=test.n,
        channels=train.channels,
        length=max(train.length, test.length),
        classes=len(train.labels),
        files=tuple(str(path) for path in files.values()),
    )


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise InvalidData("no such source of data", key="source", value=name, choices=SOURCES)
    return SOURCES[name]


def _place(config: DataConfig, files: SourceFiles) -> str:
    return shown(files) + (", train and test exchanged by split 2015" if exchanges(config) else "")


def _description(source: str, files: SourceFiles, cache: DescriptionCache | None) -> Description:
    identity = identify(files)
    known = cache.get(source, identity) if cache is not None else None
    if known is not None:
        return known
    train, test = SOURCES[source].scan(files)
    found = Description(content_hash=content_hash(files), train=train, test=test)
    if cache is not None:
        cache.put(source, identity, found)
    return found
