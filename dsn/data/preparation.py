"""From a data set as stored to the arrays that a model is trained on, as ``DataConfig`` asks.

The order of the steps, each with its source:

1. ``split: 2015``: exchange train and test of the sets in ``EXCHANGED``. After that, ``train_subset``: keep a part
   of the training set (``dsn.data.subset``; ours). Lengths are counted as if all were there.
2. Pad with NaN at the end to the longest series of train and test together (published code, UEA).
3. ``normalisation: global``: subtract the mean of the training set and divide by its standard deviation (published
   code, UCR-112): one number each over all training series, channels and time points, the population's deviation,
   in float64; NaN, padding included, does not count.
4. NaN -> 0 (published code, UCR-112 and UEA). After step 3, so that a missing value becomes the training set's mean
   and not a number far from all others; without normalisation it is plain zero padding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsn.config import DataConfig
from dsn.data.dataset import Scaling, TimeSeriesData
from dsn.data.description import require_trainable, require_usable, summarise
from dsn.data.labels import encode
from dsn.data.raw import RawData, RawPart, Reals, pad
from dsn.data.subset import require_subset, stratified_subset
from dsn.errors import InvalidData

EXCHANGED: Final = frozenset(
    {
        "DistalPhalanxOutlineAgeGroup",
        "DistalPhalanxOutlineCorrect",
        "DistalPhalanxTW",
        "Earthquakes",
        "FordB",
        "HandOutlines",
        "MiddlePhalanxOutlineAgeGroup",
        "MiddlePhalanxOutlineCorrect",
        "MiddlePhalanxTW",
        "Strawberry",
        "Worms",
        "WormsTwoClass",
    }
)
"""UCR sets whose train and test the 2018 release exchanged: those for which DSN's column in the paper's Table 8 fits
only the 2015 release. FordA and ProximalPhalanxTW fit both and are left as they are."""


def exchanges(config: DataConfig) -> bool:
    """Whether the stored training part is the test set under ``config``, and the other way round."""
    if config.source == "folder":  # it finds Worms where worms is asked for
        return config.split == 2015 and config.name.casefold() in {name.casefold() for name in EXCHANGED}
    return config.split == 2015 and config.name in EXCHANGED


def prepare(raw: RawData, config: DataConfig, *, content_hash: str, place: str) -> TimeSeriesData:
    """The arrays to train and test on.

    Args:
        raw: both parts as stored.
        config: how to split and normalise.
        content_hash: of the source files.
        place: what errors name, e.g. the path of the file.

    Raises:
        InvalidData: what ``require_usable`` and ``require_subset`` refuse; a training set that is constant, or test
            values too far from it for float32, under ``normalisation: global``.
    """
    train, test = (raw.test, raw.train) if exchanges(config) else (raw.train, raw.test)
    summaries = summarise(train), summarise(test)
    require_usable(*summaries, place=place)
    classes = summaries[0].labels
    length = max(summary.length for summary in summaries)
    train = _subset(train, config, place)
    scaling = _scaling(train, config, place)
    return TimeSeriesData(
        name=config.name,
        x_train=prepare_series(train.x, length, scaling, place=place),
        y_train=encode(train.labels, classes),
        x_test=prepare_series(test.x, length, scaling, place=place),
        y_test=encode(test.labels, classes),
        classes=classes,
        content_hash=content_hash,
        scaling=scaling,
    )


def prepare_training(train: RawPart, config: DataConfig, *, classes: tuple[str, ...], place: str) -> TimeSeriesData:
    """The arrays to train on where there is no test set: the same steps, and a test part of no series.

    Args:
        train: the series to train on.
        config: how to normalise. ``split`` and ``train_subset`` are not read: whoever has the series has chosen them.
        classes: the distinct labels, in the order that the model's classes are to have.
        place: what errors name.

    Raises:
        InvalidData: fewer than 2 series or classes; otherwise as ``prepare``.
    """
    require_trainable(summarise(train), place=place)
    scaling = _scaling(train, config, place)
    x = prepare_series(train.x, train.x.shape[2], scaling, place=place)
    return TimeSeriesData(
        name=config.name,
        x_train=x,
        y_train=encode(train.labels, classes),
        x_test=np.empty((0, *x.shape[1:]), dtype=np.float32),
        y_test=np.empty(0, dtype=np.int64),
        classes=classes,
        content_hash="",
        scaling=scaling,
    )


def _subset(train: RawPart, config: DataConfig, place: str) -> RawPart:
    size, classes = config.train_subset, len(np.unique(train.labels))
    require_subset(size, series=len(train.labels), classes=classes, place=place)
    if size is None:
        return train
    kept = stratified_subset(train.labels, size)
    return RawPart(x=train.x[kept], labels=train.labels[kept])


def _scaling(train: RawPart, config: DataConfig, place: str) -> Scaling:
    """By mean and standard deviation of all values that are not NaN, or none."""
    if config.normalisation == "none":
        return Scaling()
    values = train.x[~np.isnan(train.x)].astype(np.float64)
    std = float(values.std())
    # Rounding may give a constant set a tiny deviation, so its range is asked too. Dividing by 1 instead would hide
    # that there is nothing to learn from.
    if std == 0 or values.min() == values.max():
        raise InvalidData(
            "the training set is constant and cannot be normalised", key="normalisation", value="global", place=place
        )
    return Scaling(mean=float(values.mean()), std=std)


def prepare_series(x: Reals, length: int, scaling: Scaling, *, place: str) -> NDArray[np.float32]:
    """Steps 2 to 4: ``x`` (n, channels, L <= length) padded, scaled, without NaN, as a new array (n, channels, length).

    Raises:
        InvalidData: a value that is infinite as float32 once it is scaled.
    """
    scaled = (pad(x, length).astype(np.float64) - scaling.mean) / scaling.std
    filled = np.where(np.isnan(scaled), 0.0, scaled)
    if np.abs(filled).max() > np.finfo(np.float32).max:
        raise InvalidData("values too large for float32 once normalised", key="normalisation", place=place)
    return np.ascontiguousarray(filled, dtype=np.float32)
