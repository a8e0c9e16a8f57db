"""What the rest of the project sees of a data set: the arrays a model is trained on, and the sizes planning needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsn.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What is done to every value of every series, in float64: subtract ``mean``, then divide by ``std``.

    The defaults change nothing: ``normalisation: none``.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise InvalidInput("must be finite", key="mean", value=self.mean)
        if not 0 < self.std < math.inf:
            raise InvalidInput("must be above 0 and finite", key="std", value=self.std)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeSeriesData:
    """A labelled data set, prepared for training. The arrays are read-only, so nobody can change another's data.

    torch warns when it wraps a read-only array: copy with ``torch.tensor(x)``, not ``torch.from_numpy(x)``.

    Attributes:
        name: the data set's name.
        x_train: float32, C-contiguous, (n_train, channels, length); every value finite.
        y_train: int64, (n_train,); positions in ``classes``.
        x_test: float32, C-contiguous, (n_test, channels, length); every value finite. n_test is 0 where the data is
            only trained on: there is nothing to ask ``Training.result`` for then.
        y_test: int64, (n_test,).
        classes: the labels as the source writes them, sorted; class i of the model is ``classes[i]``.
        content_hash: SHA-256, hex, of the source files (``dsn.data.files``); empty where there are none.
        scaling: what was done to all values, so that it can be done to further series.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    classes: tuple[str, ...]
    content_hash: str
    scaling: Scaling = Scaling()

    def __post_init__(self) -> None:
        for x, y in ((self.x_train, self.y_train), (self.x_test, self.y_test)):
            assert x.dtype == np.float32
            assert x.flags.c_contiguous
            assert y.dtype == np.int64
            assert y.shape == x.shape[:1]
            x.setflags(write=False)
            y.setflags(write=False)
        assert self.x_train.ndim == 3
        assert self.x_train.shape[1:] == self.x_test.shape[1:]


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """The sizes of a data set, as ``load`` would return it, for planning without loading.

    Attributes:
        name: the data set's name.
        content_hash: SHA-256, hex, of the source files; the same for both splits. Empty where they are not there, and
            the sizes are those that are known of the set (``dsn.data.catalogue``).
        train_n: training series that are trained on: after the exchange that ``split: 2015`` asks for, and those of
            ``train_subset`` alone.
        test_n: test series, after that exchange.
        channels: channels of every series.
        length: time points of the longest series in train and test together; all are padded to it.
        classes: distinct labels of the training set.
        files: paths of the source files.
    """

    name: str
    content_hash: str
    train_n: int
    test_n: int
    channels: int
    length: int
    classes: int
    files: tuple[str, ...]
