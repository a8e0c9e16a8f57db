"""How good predictions are. Arrays in, numbers out.

Everywhere: log probabilities (n, classes) of n >= 1 series, natural logarithm; labels (n,), from 0 to classes - 1. The
predicted class is the most probable one, the lower one of equals. Classes count alike in ``balanced_accuracy`` and
``macro_f1``, series in all others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def accuracy(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Part of the series whose predicted class is right."""
    return float(np.mean(log_probabilities.argmax(axis=1) == labels))


def log_loss(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood in nats."""
    return float(-np.mean(log_probabilities[np.arange(len(labels)), labels]))


def balanced_accuracy(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean recall, hits / series of the class, over the classes that occur in ``labels`` (Brodersen et al. 2010).

    As scikit-learn's ``balanced_accuracy_score``. With as many series in each class it is the accuracy.
    """
    classes = log_probabilities.shape[1]
    hits = np.bincount(labels[log_probabilities.argmax(axis=1) == labels], minlength=classes)
    series = np.bincount(labels, minlength=classes)
    occurs = series > 0
    return float(np.mean(hits[occurs] / series[occurs]))


def macro_f1(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean F1 score, 2 * hits / (series of the class + predictions of the class), over classes.

    The classes are those that occur in ``labels`` or are predicted, as in scikit-learn's ``f1_score(average="macro")``:
    one that is never predicted, or predicted but in no label, counts as 0; one that is neither is left out.
    """
    classes = log_probabilities.shape[1]
    predicted = log_probabilities.argmax(axis=1)
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    named = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    occurs = named > 0
    return float(np.mean(2 * hits[occurs] / named[occurs]))


def calibration_error(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017, Eq. 3): by how much confidence and accuracy differ, from 0 to 1.

    The confidence of a prediction is its probability. Bin m of M holds the predictions of confidence in ((m-1)/M, m/M],
    the first one 0 as well. The error is the mean over bins of abs(accuracy - mean confidence), each weighted by its
    share of the predictions: sum over bins of abs(hits - sum of confidences) / n.
    """
    assert bins >= 1
    confidence = np.exp(log_probabilities.max(axis=1))
    hit = log_probabilities.argmax(axis=1) == labels
    # By comparison with the edges: confidence * bins would round some confidences across the edge that they lie on.
    bin_index = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    excess = np.bincount(bin_index, weights=hit - confidence)
    return float(np.abs(excess).sum() / len(labels))
