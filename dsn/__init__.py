"""Dynamic sparse networks for time series classification: the science. Knows nothing of studies, Ray or MLflow.

dsn.load(path)        a trained network, ready to predict
dsn.DSNClassifier     training and prediction behind scikit-learn's interface
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsn.classifier import DSNClassifier
    from dsn.trained import load

__all__ = ["DSNClassifier", "load"]

# Imported when first asked for: they need torch, which planning a study must not wait for.
_HOMES = {"DSNClassifier": "dsn.classifier", "load": "dsn.trained"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
