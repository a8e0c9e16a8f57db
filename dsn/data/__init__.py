"""Data sets: where they come from, what they must hold, and how they are prepared.

A new source is one file with three functions, and one line in ``LAYOUTS``. Importing this package needs numpy only.
"""

from __future__ import annotations

from dataclasses import replace

from dsn.config import DataConfig
from dsn.data import archive, bundled, daily_sports, har, npy, npz
from dsn.data.cache import DescriptionCache
from dsn.data.dataset import DataInfo, TimeSeriesData
from dsn.data.description import Description, require_usable, summaries
from dsn.data.files import SourceFiles, content_hash, existing_place, identify, shown
from dsn.data.folder import Folder
from dsn.data.preparation import exchanges, prepare
from dsn.data.raw import RawData
from dsn.data.source import Source
from dsn.data.subset import require_subset
from dsn.data.survey import Survey, make_survey
from dsn.errors import AbsentData, InvalidData

__all__ = [
    "LAYOUTS",
    "SOURCES",
    "DataInfo",
    "DescriptionCache",
    "Source",
    "Survey",
    "TimeSeriesData",
    "content_of",
    "describe",
    "is_there",
    "load",
    "names",
    "sources_at",
    "survey",
]


LAYOUTS: dict[str, Source] = {
    "archive": Source(names=archive.names, find=archive.find, read=archive.read),
    "npz": Source(names=npz.names, find=npz.find, read=npz.read),
    "npy": Source(names=npy.names, find=npy.find, read=npy.read),
    "har": Source(names=har.names, find=har.find, read=har.read),
    "daily_sports": Source(names=daily_sports.names, find=daily_sports.find, read=daily_sports.read),
}
"""The sources that read one layout of a user's files."""

_FOLDER = Folder(layouts=LAYOUTS)

SOURCES: dict[str, Source] = {
    "aeon": Source(names=bundled.names, find=bundled.find, read=archive.read),
    **LAYOUTS,
    "folder": Source(names=_FOLDER.names, find=_FOLDER.find, read=_FOLDER.read),
}
"""All that a study may name. ``folder`` finds what those of ``LAYOUTS`` find."""


def names(source: str, path: str | None = None) -> list[str]:
    """The data sets of a source, sorted."""
    return _source(source).names(path)


def sources_at(path: str | None) -> dict[str, list[str]]:
    """Layout -> the data sets that it finds under ``path``, for those that find any; ``aeon`` if there is no path.

    Raises:
        InvalidData: nothing is there, or it is a file and no .npz.
    """
    if path is None:
        return {"aeon": names("aeon")}
    place = existing_place(path, "")
    if not place.is_dir():
        if place.suffix != ".npz":
            raise InvalidData("is a file; name the folder that holds it", key="path", value=path)
        return {"npz": names("npz", path)}
    found = {source: names(source, path) for source in LAYOUTS}
    return {source: sets for source, sets in found.items() if sets}


def is_there(config: DataConfig) -> bool:
    """Whether the files of the data set are there; what is in them is not looked at.

    Raises:
        InvalidData: unknown source, or files that are there but cannot be used.
    """
    try:
        _source(config.source).find(config)
    except AbsentData:
        return False
    return True


def load(config: DataConfig) -> TimeSeriesData:
    """The data set, ready for training.

    Raises:
        InvalidData: unknown source or name, a file that cannot be read, or content that cannot be trained on.
    """
    source = _source(config.source)
    files = source.find(config)
    return prepare(source.read(files), config, content_hash=content_hash(files), place=_place(config, files))


def describe(config: DataConfig, cache: DescriptionCache | None = None) -> DataInfo:
    """The sizes of what ``load`` would return; files that are known from before are not read again.

    Args:
        config: the data set.
        cache: asked first, and told what was found; the caller saves it.

    Raises:
        InvalidData: as ``load``. The constant training set that ``normalisation: global`` refuses is left to ``load``.
    """
    files = _source(config.source).find(config)
    return _info(config, files, _description(config.source, files, cache))


def content_of(config: DataConfig) -> str:
    """The hash of the data set's files, as ``describe`` tells it. They are read to the end, but not looked into.

    Raises:
        InvalidData: unknown source or name, or a file that cannot be read.
    """
    return content_hash(_source(config.source).find(config))


def survey(config: DataConfig) -> Survey:
    """The data set as its files split it, looked at closely. Only which set it is counts of ``config``.

    Raises:
        InvalidData: as ``describe``.
    """
    stored = replace(config, split=2018, normalisation="none", train_subset=None)
    source = _source(config.source)
    files = source.find(stored)
    raw = source.read(files)
    return make_survey(raw, _info(stored, files, _described(files, raw)), stored)


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
    found = _described(files, SOURCES[source].read(files))
    if cache is not None:
        cache.put(source, identity, found)
    return found


def _described(files: SourceFiles, raw: RawData) -> Description:
    train, test = summaries(raw)
    return Description(content_hash=content_hash(files), train=train, test=test)


def _info(config: DataConfig, files: SourceFiles, found: Description) -> DataInfo:
    train, test = (found.test, found.train) if exchanges(config) else (found.train, found.test)
    require_usable(train, test, place=_place(config, files))
    require_subset(config.train_subset, series=train.n, classes=len(train.labels), place=_place(config, files))
    return DataInfo(
        name=config.name,
        content_hash=found.content_hash,
        train_n=config.train_subset or train.n,
        test_n=test.n,
        channels=train.channels,
        length=max(train.length, test.length),
        classes=len(train.labels),
        files=tuple(str(path) for path in files.values()),
    )
