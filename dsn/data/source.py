"""What a kind of place is, that data sets come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsn.config import DataConfig
from dsn.data.files import SourceFiles
from dsn.data.raw import RawData


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of place that data sets come from. Every function raises InvalidData for what a user can mend.

    Attributes:
        names: the data sets under a ``DataConfig.path`` (None if the source reads none), sorted.
        find: the files of a data set, by role, in a fixed order; reads no series. Raises AbsentData if none of them is
            there.
        read: both parts of a data set, as the files split them. Planning calls it too, so that it finds every fault
            that training would find; hence it imports nothing slow.
    """

    names: Callable[[str | None], list[str]]
    find: Callable[[DataConfig], SourceFiles]
    read: Callable[[SourceFiles], RawData]
