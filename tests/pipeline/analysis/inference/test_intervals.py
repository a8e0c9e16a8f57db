"""Intervals of means, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.analysis.inference.intervals import bootstrap_interval, t_interval


def test_student_s_interval_by_hand() -> None:
    """Mean 2, deviation 1, and a table's t of 4.303 for 2 degrees of freedom; 4.303 / sqrt(3) = 2.484."""
    assert t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.484, 2 + 2.484), abs=5e-4)


def test_equal_values_are_sure() -> None:
    assert t_interval([0.25] * 5) == (0.25, 0.25)
    assert bootstrap_interval([0.25] * 5, np.random.default_rng(0)) == (0.25, 0.25)


def test_too_few_values_have_none() -> None:
    assert all(map(math.isnan, (*t_interval([0.1]), *t_interval([]))))
    assert all(map(math.isnan, bootstrap_interval([0.1, 0.2, 0.3, 0.4], np.random.default_rng(0))))


def test_the_bootstrap_by_hand() -> None:
    """How often the 1 is drawn is binomial (5, 1/5): never with 33 %, at most twice with 94 %, thrice with 99.3 %."""
    assert bootstrap_interval([1.0, 0.0, 0.0, 0.0, 0.0], np.random.default_rng(0)) == pytest.approx((0.0, 0.6))
