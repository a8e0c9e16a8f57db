"""Made-up data: noise, with a bump whose place tells the class, so that a small network learns it in a few epochs."""

from __future__ import annotations

import numpy as np

from dsn.data.dataset import TimeSeriesData

BUMP = 2.0
"""Its height, one time point wide."""


def made_data(
    *,
    train_n: int = 12,
    test_n: int = 6,
    channels: int = 1,
    length: int = 20,
    classes: int = 2,
    std: float = 0.1,
    offset: float = 0.0,
    constant: bool = False,
    seed: int = 7,
) -> TimeSeriesData:
    """Series of either class in turn.

    Args:
        train_n: training series.
        test_n: test series.
        channels: of each series, all with the bump.
        length: time points of each series.
        classes: how many.
        std: of the noise.
        offset: its mean.
        constant: each channel keeps its first value.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for n in (train_n, test_n):
        y = np.arange(n, dtype=np.int64) % classes
        x = rng.normal(offset, std, size=(n, channels, length)).astype(np.float32)
        x[np.arange(n), :, (y * length) // classes] += BUMP
        if constant:
            x[...] = x[:, :, :1]
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
