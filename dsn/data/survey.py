"""What a researcher wants to know of a data set before training on it, from one reading of its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data.dataset import DataInfo
from dsn.data.labels import sorted_labels
from dsn.data.preparation import EXCHANGED
from dsn.data.raw import RawData, RawPart, Reals, pad

_IMBALANCE = 10
"""Largest over smallest class of the training set from which on accuracy is a poor measure."""


@dataclass(frozen=True, kw_only=True)
class PartSurvey:
    """The training or the test part, as its files hold it.

    Attributes:
        n: number of series.
        classes: number of series of each class, in the order of the classes.
        shortest: time points of the shortest series; a series ends with its last point that is not NaN.
        longest: of the longest.
        missing: values that are NaN before the end of their series.
        constant: series of which every channel has one value.
        smallest: least value.
        largest: greatest value.
        mean: of all values that are not NaN.
        std: their standard deviation (the population's).
        z_normalised: whether every channel of every series that is not constant has mean 0 (within 0.01) and standard
            deviation 1 (within 0.05, so that dividing by n and by n - 1 both count).
    """

    n: int
    classes: dict[str, int]
    shortest: int
    longest: int
    missing: int
    constant: int
    smallest: float
    largest: float
    mean: float
    std: float
    z_normalised: bool


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A data set as its files split it.

    Attributes:
        source: where it came from.
        info: its sizes, content hash and files.
        train: the training part.
        test: the test part.
        exchanged_in_2015: whether ``split: 2015`` exchanges the two.
        warnings: sentences on what could mislead an experiment.
    """

    source: str
    info: DataInfo
    train: PartSurvey
    test: PartSurvey
    exchanged_in_2015: bool
    warnings: tuple[str, ...]


def make_survey(raw: RawData, info: DataInfo, config: DataConfig) -> Survey:
    """Look at both parts of a data set that ``require_usable`` has accepted."""
    train, test = _part(raw.train), _part(raw.test)
    return Survey(
        source=config.source,
        info=info,
        train=train,
        test=test,
        exchanged_in_2015=config.name in EXCHANGED,
        warnings=tuple(_warnings(raw, train, test, config.name)),
    )


def _part(part: RawPart) -> PartSurvey:
    x = part.x.astype(np.float64)
    there = ~np.isnan(x)
    values = x[there]
    lengths = _lengths(there)
    inside = np.arange(x.shape[2]) < lengths[:, None]
    counts = Counter(part.labels.tolist())
    return PartSurvey(
        n=len(x),
        classes={label: counts[label] for label in sorted_labels(counts)},
        shortest=int(lengths.min()),
        longest=int(lengths.max()),
        missing=int((~there & inside[:, None, :]).sum()),
        constant=int(_constant(x).all(axis=1).sum()),
        smallest=float(values.min()),
        largest=float(values.max()),
        mean=float(values.mean()),
        std=float(values.std()),
        z_normalised=_z_normalised(x),
    )


def _lengths(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Time points up to the last value (n,); 0 for a series of NaN alone."""
    any_channel: NDArray[np.bool_] = np.asarray(there.any(axis=1))
    last = any_channel.shape[1] - np.argmax(any_channel[:, ::-1], axis=1)
    return np.where(any_channel.any(axis=1), last, 0)


def _constant(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a channel of a series has one value throughout, NaN apart (n, channels)."""
    same: NDArray[np.bool_] = np.fmax.reduce(x, axis=2) == np.fmin.reduce(x, axis=2)
    return same


def _z_normalised(x: NDArray[np.float64]) -> bool:
    varied = x[~_constant(x) & ~np.isnan(x).all(axis=2)]
    if not len(varied):
        return False
    mean = np.nanmean(varied, axis=1)
    std = np.nanstd(varied, axis=1)
    return bool((np.abs(mean) < 0.01).all() and (np.abs(std - 1) < 0.05).all())


def _warnings(raw: RawData, train: PartSurvey, test: PartSurvey, name: str) -> list[str]:
    found = []
    shared = _shared(raw.train.x, raw.test.x)
    if shared:
        found.append(f"{shared} of {test.n} test series are in the training set too, value for value")
    for part, survey in (("training", train), ("test", test)):
        if survey.constant:
            found.append(f"{survey.constant} of {survey.n} {part} series are constant")
    rare, most = min(train.classes.values()), max(train.classes.values())
    if most >= _IMBALANCE * rare:
        found.append(f"the classes are of unequal size: {rare} to {most} training series")
    elif most == 1:
        found.append("no class has more than one training series")
    absent = [label for label in train.classes if label not in test.classes]
    if absent:
        found.append(f"classes without test series: {', '.join(map(repr, absent[:10]))}{', ...' * (len(absent) > 10)}")
    _, channels, length = raw.train.x.shape
    if channels > length:
        found.append(
            f"{channels} channels of {length} time points: the axes may be exchanged, (n, channels, length) is read"
        )
    for part, survey in (("training", train), ("test", test)):
        if survey.shortest == 0:
            found.append(f"some {part} series hold no value")
    if test.longest > train.longest:
        found.append(f"test series are longer than all training series, which are padded to {test.longest}")
    if not train.z_normalised and raw.train.x.shape[1] == 1:
        found.append("the training series are not z-normalised one by one, as most of the UCR archive is")
    if name in EXCHANGED and train.n < test.n:
        found.append(
            "the split is that of the 2015 release already, so split: 2015 would exchange it for the later one"
        )
    return found


def _shared(train: Reals, test: Reals) -> int:
    """How many test series are equal to a training series, NaN to NaN."""
    if train.shape[1] != test.shape[1]:
        return 0
    length = max(train.shape[2], test.shape[2])
    known = {series.tobytes() for series in _comparable(train, length)}
    return sum(series.tobytes() in known for series in _comparable(test, length))


def _comparable(x: Reals, length: int) -> NDArray[np.float64]:
    # One NaN for all of them, and no negative zero: bytes are compared.
    wide = pad(x, length).astype(np.float64)
    return np.where(np.isnan(wide), np.nan, wide) + 0.0
