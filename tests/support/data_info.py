"""What is said of a data set whose files are nowhere, for tests that plan and train nothing."""

from __future__ import annotations

from typing import Any

from dsn.config import DataConfig
from dsn.data import DataInfo


def made_info(config: DataConfig, **facts: Any) -> DataInfo:
    """A small univariate set of two classes, whose name stands for its content; ``facts`` are what is so instead."""
    plain: dict[str, Any] = {
        "name": config.name,
        "content_hash": config.name,
        "train_n": 20,
        "test_n": 20,
        "channels": 1,
        "length": 50,
        "classes": 2,
        "files": (),
    }
    return DataInfo(**(plain | facts))
