"""Measures of predictions: against scikit-learn, against their definitions, and at their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from dsn import metrics

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": metrics.accuracy,
    "balanced_accuracy": metrics.balanced_accuracy,
    "macro_f1": metrics.macro_f1,
    "calibration_error": metrics.calibration_error,
}

# A mean of at most 40 ratios, each rounded once, summed in another order: at most 41 roundings of numbers up to 1.
ROUNDING = 41 * np.finfo(float).eps


def logs(probabilities: list[list[float]]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities))


@st.composite
def predictions(draw: st.DrawFn, most_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Normalised log probabilities, often tied, sometimes of probability 0 or 1, and labels that need not occur."""
    series, classes = draw(st.integers(1, 40)), draw(st.integers(1, most_classes))
    row = st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any)
    weights = np.array(draw(st.lists(row, min_size=series, max_size=series)), dtype=float)
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=series, max_size=series))
    with np.errstate(divide="ignore"):
        return np.log(weights / weights.sum(axis=1, keepdims=True)), np.array(labels)


@given(predictions())
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_as_scikit_learn_counts(given_case: tuple[np.ndarray, np.ndarray]) -> None:
    log_probabilities, labels = given_case
    predicted = log_probabilities.argmax(axis=1)
    for ours, theirs in (
        (metrics.accuracy, accuracy_score(labels, predicted)),
        (metrics.balanced_accuracy, balanced_accuracy_score(labels, predicted)),
        (metrics.macro_f1, f1_score(labels, predicted, average="macro")),
    ):
        assert ours(log_probabilities, labels) == pytest.approx(theirs, rel=0, abs=ROUNDING)


def definition_of_calibration_error(log_probabilities: np.ndarray, labels: np.ndarray, bins: int) -> float:
    """Guo et al. 2017, Eq. 3, bin by bin."""
    total = 0.0
    for bin_number in range(1, bins + 1):
        hits, confidences = [], []
        for row, label in zip(log_probabilities, labels, strict=True):
            confidence = float(np.exp(row.max()))
            if (bin_number - 1) / bins < confidence <= bin_number / bins:
                hits.append(int(row.argmax()) == label)
                confidences.append(confidence)
        if hits:
            total += len(hits) / len(labels) * abs(sum(hits) / len(hits) - sum(confidences) / len(confidences))
    return total


@given(predictions(), st.integers(1, 20))
def test_calibration_error_by_definition(given_case: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    log_probabilities, labels = given_case
    expected = definition_of_calibration_error(log_probabilities, labels, bins)
    # Both round each of at most 40 terms a few times.
    assert metrics.calibration_error(log_probabilities, labels, bins) == pytest.approx(
        expected, rel=0, abs=4 * ROUNDING
    )


@given(predictions(), st.randoms(use_true_random=False))
def test_all_lie_in_the_unit_interval_whatever_the_order(
    given_case: tuple[np.ndarray, np.ndarray], shuffler: object
) -> None:
    log_probabilities, labels = given_case
    order = list(range(len(labels)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    for metric in METRICS.values():
        value = metric(log_probabilities, labels)
        assert -ROUNDING <= value <= 1 + ROUNDING
        assert metric(log_probabilities[order], labels[order]) == pytest.approx(value, rel=0, abs=4 * ROUNDING)


@given(st.integers(1, 5), st.integers(1, 8))
def test_with_as_many_series_a_class_balanced_accuracy_is_accuracy(classes: int, each: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    log_probabilities = np.log(np.random.default_rng(each).dirichlet(np.ones(classes), size=len(labels)))
    assert metrics.balanced_accuracy(log_probabilities, labels) == pytest.approx(
        metrics.accuracy(log_probabilities, labels), rel=0, abs=ROUNDING
    )


def test_a_rare_class_weighs_as_much_as_a_common_one() -> None:
    # Three series of class 0, all right; one of class 1, wrong. F1: 6/7 of class 0, 0 of class 1, never predicted.
    log_probabilities, labels = logs([[0.8, 0.2]] * 4), np.array([0, 0, 0, 1])
    assert metrics.accuracy(log_probabilities, labels) == 0.75
    assert metrics.balanced_accuracy(log_probabilities, labels) == 0.5
    assert metrics.macro_f1(log_probabilities, labels) == pytest.approx(3 / 7)


def test_classes_that_occur_in_no_label() -> None:
    # Class 2 is predicted once but in no label: F1 counts it (0), recall cannot. Class 3 is neither: left out of both.
    log_probabilities = logs([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]])
    labels = np.array([0, 1, 1])
    assert metrics.balanced_accuracy(log_probabilities, labels) == pytest.approx((1 + 1 / 2) / 2)
    assert metrics.macro_f1(log_probabilities, labels) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_one_class_in_the_labels() -> None:
    log_probabilities, labels = logs([[0.7, 0.3], [0.4, 0.6]]), np.array([0, 0])
    assert metrics.balanced_accuracy(log_probabilities, labels) == 0.5
    assert metrics.macro_f1(log_probabilities, labels) == pytest.approx((2 / 3 + 0) / 2)


def test_a_class_that_is_never_predicted() -> None:
    log_probabilities, labels = logs([[0.7, 0.3], [0.9, 0.1]]), np.array([0, 1])
    assert metrics.balanced_accuracy(log_probabilities, labels) == 0.5
    assert metrics.macro_f1(log_probabilities, labels) == pytest.approx((2 / 3 + 0) / 2)


def test_ties_go_to_the_lower_class() -> None:
    log_probabilities = logs([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert METRICS[name](log_probabilities, np.array([0, 1])) == 1.0
        assert METRICS[name](log_probabilities, np.array([1, 2])) == 0.0


@pytest.mark.parametrize(("label", "right"), [(0, 1.0), (1, 0.0)])
def test_a_single_series_of_probability_one(label: int, right: float) -> None:
    log_probabilities, labels = logs([[1.0, 0.0]]), np.array([label])
    assert metrics.accuracy(log_probabilities, labels) == right
    assert metrics.balanced_accuracy(log_probabilities, labels) == right
    assert metrics.macro_f1(log_probabilities, labels) == right
    assert metrics.calibration_error(log_probabilities, labels) == 1 - right
    assert metrics.log_loss(log_probabilities, labels) == (0.0 if right else math.inf)


def test_a_network_of_one_class() -> None:
    log_probabilities, labels = logs([[1.0], [1.0]]), np.array([0, 0])
    assert [metric(log_probabilities, labels) for metric in METRICS.values()] == [1.0, 1.0, 1.0, 0.0]


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    # Confidences 1/2, 3/4 and 1 in bins of a quarter: three bins, (hits - confidence) of -1/2, 1/4 and 0.
    log_probabilities = logs([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    labels = np.array([1, 0, 0])
    assert np.exp(log_probabilities.max(axis=1)).tolist() == [0.5, 0.75, 1.0]
    assert metrics.calibration_error(log_probabilities, labels, bins=4) == pytest.approx((0.5 + 0.25 + 0) / 3)
    # In halves, the upper two share the bin (1/2, 1]: their differences add up before the absolute value is taken.
    log_probabilities = logs([[0.5, 0.5], [0.75, 0.25], [0.75, 0.25]])
    labels = np.array([1, 0, 1])
    assert metrics.calibration_error(log_probabilities, labels, bins=2) == pytest.approx((0.5 + abs(1 - 1.5)) / 3)


def test_edges_are_the_fractions_themselves() -> None:
    # 100 * 0.07 is 7.000000000000001 in floating point: bins are found by comparison. In the bin below, 0.07 meets
    # nothing; in the bin of 0.075 their differences, 0.93 and -0.075, would cancel.
    number, bins = next(
        (number, bins) for bins in range(2, 200) for number in range(1, bins) if _on_edge_rounded_up(number, bins)
    )
    confidences = np.array([number / bins, (number + 0.5) / bins])
    others = np.full((2, bins), -np.inf)
    log_probabilities = np.concatenate([np.log(confidences)[:, None], others], axis=1)
    error = metrics.calibration_error(log_probabilities, np.array([0, 1]), bins)
    assert error == pytest.approx(((1 - confidences[0]) + confidences[1]) / 2)


def _on_edge_rounded_up(number: int, bins: int) -> bool:
    edge = number / bins
    return bool(np.exp(np.log(edge)) == edge and edge * bins > number)


def test_a_confidence_of_zero_lies_in_the_first_bin() -> None:
    # No normalised prediction has it; a row that underflowed may.
    assert metrics.calibration_error(np.array([[-np.inf, -np.inf]]), np.array([0])) == 1.0


def test_a_calibrated_classifier_has_no_error() -> None:
    log_probabilities, labels = logs([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1])
    assert metrics.calibration_error(log_probabilities, labels) == pytest.approx(0, abs=ROUNDING)
