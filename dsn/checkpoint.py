"""Which training a checkpoint is of, so that no other goes on from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.errors import UNSET, InvalidInput

_PLACE = "checkpoint"


def training_identity(
    config: RunConfig, data: TimeSeriesData, *, seed: int, engine: str, dtype: np.dtype[Any]
) -> dict[str, object]:
    """All that a training is made from, as plain values by dotted name.

    Of the data the values count, and not where they were read. Engines keep their state each in its own way. Where they
    compute is no part of it: a checkpoint may go on elsewhere, rounded as the device or instruction set there does.
    """
    settings = {key: value for key, value in config.settings().items() if not key.startswith("data.")}
    arrays: dict[str, NDArray[Any]] = {
        "x_train": data.x_train,
        "y_train": data.y_train,
        "x_test": data.x_test,
        "y_test": data.y_test,
    }
    return {
        "engine": engine,
        "dtype": str(dtype),
        "seed": seed,
        **settings,
        "data.classes": data.classes,
        **{f"data.{name}": _fingerprint(array) for name, array in arrays.items()},
    }


def require_same_training(found: Mapping[str, object], expected: Mapping[str, object]) -> None:
    """Check a checkpoint's identity against that of the training that is to go on from it.

    Raises:
        InvalidInput: they differ; names the first difference.
    """
    for key, value in expected.items():
        if key not in found or found[key] != value:
            problem = f"must be {value!r}, as in the training that is to go on from it"
            raise InvalidInput(problem, key=key, value=found.get(key, UNSET), place=_PLACE)
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise InvalidInput("is nothing that this version knows", key=unknown[0], place=_PLACE)


def _fingerprint(array: NDArray[Any]) -> str:
    """Shape and content."""
    digest = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]
    return f"{' x '.join(map(str, array.shape))}, SHA-256 {digest}"
