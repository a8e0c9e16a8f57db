"""Small made-up data sets that a network can learn in a few epochs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dsn.data.dataset import TimeSeriesData

MakeData = Callable[..., TimeSeriesData]


@pytest.fixture
def make_data() -> MakeData:
    """Noise with a bump whose place tells the class; any number of series, channels and steps."""

    def make(*, train_n: int = 12, test_n: int = 6, channels: int = 1, length: int = 20, classes: int = 2):
        rng = np.random.default_rng(7)
        parts = []
        for n in (train_n, test_n):
            y = np.arange(n, dtype=np.int64) % classes
            x = rng.normal(scale=0.1, size=(n, channels, length)).astype(np.float32)
            x[np.arange(n), :, (y * length) // classes] += 2
            parts.append((x, y))
        (x_train, y_train), (x_test, y_test) = parts
        return TimeSeriesData(
            name="made-up",
            x_train=x_train,
            y_train=y_train,
            x_test=x_test,
            y_test=y_test,
            classes=tuple(str(label) for label in range(classes)),
            content_hash="0" * 64,
        )

    return make
