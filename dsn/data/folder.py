"""Data sets of one folder, each in whatever layout it is there: source ``folder``.

It asks the sources that read layouts, and the one that finds the set reads it. Who has some sets as .ts, others as .npz
names them together, and a study need not know which a reader of it will have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dsn.config import DataConfig
from dsn.data.files import SourceFiles, existing_folder, require_plain_name, unknown_name
from dsn.data.raw import RawData
from dsn.data.source import Source
from dsn.errors import InvalidData

_NEEDS = "source 'folder' needs the folder that holds the data sets, in any layout that another source reads"


class _Found(dict[str, Path]):
    """The files of a data set by role, and the layout that they are in."""

    def __init__(self, layout: str, files: SourceFiles) -> None:
        super().__init__(files)
        self.layout = layout


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The three functions of a source, over the sources in ``layouts``, of which each reads one layout."""

    layouts: Mapping[str, Source]

    def names(self, path: str | None) -> list[str]:
        """The data sets of all layouts in the folder ``path``, sorted."""
        return sorted({name for sets in self._listed(path).values() for name in sets})

    def find(self, config: DataConfig) -> SourceFiles:
        """The files of ``config.name``: of the set of exactly this name, else of the only one that differs in case.

        Raises:
            AbsentData: no folder there, or no such name in it.
            InvalidData: no path, a name that leads out of it, the set in several layouts or in several spellings; what
                the source of the layout raises for a set that is there in part.
        """
        listed = self._listed(config.path)
        require_plain_name(config.name)
        name = _spelling(config, {name for sets in listed.values() for name in sets})
        having = [layout for layout, sets in listed.items() if name in sets]
        if len(having) > 1:
            problem = f"{name} is in this folder in several layouts; say which one to read"
            raise InvalidData(problem, key="source", value=config.source, place=str(config.path), choices=having)
        (layout,) = having
        return _Found(layout, self.layouts[layout].find(replace(config, name=name)))

    def read(self, files: SourceFiles) -> RawData:
        """Both parts, read by the source that found them."""
        assert isinstance(files, _Found)
        return self.layouts[files.layout].read(files)

    def _listed(self, path: str | None) -> dict[str, list[str]]:
        folder = str(existing_folder(path, _NEEDS))
        return {layout: source.names(folder) for layout, source in self.layouts.items()}


def _spelling(config: DataConfig, known: Iterable[str]) -> str:
    """The name of ``known`` that is meant."""
    if config.name in known:
        return config.name
    meant = sorted(name for name in known if name.casefold() == config.name.casefold())
    if not meant:
        raise unknown_name(config.name, Path(str(config.path)), known)
    if len(meant) > 1:
        problem = "no such data set in this folder, and several that differ from it in case alone"
        raise InvalidData(problem, key="name", value=config.name, place=str(config.path), choices=meant)
    return meant[0]
