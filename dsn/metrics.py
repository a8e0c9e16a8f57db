"""How good predictions are. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def accuracy(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Part of the n series whose most probable class, of (n, classes), is right; ties go to the lower class."""
    return float(np.mean(log_probabilities.argmax(axis=1) == labels))


def log_loss(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood in nats."""
    return float(-np.mean(log_probabilities[np.arange(len(labels)), labels]))
