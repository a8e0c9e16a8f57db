"""Tests of paired seeds: by hand and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.analysis.inference.differences import paired_differences
from pipeline.analysis.inference.intervals import bootstrap_interval
from pipeline.analysis.inference.seeds import MOST_EXACT, paired_seed_test, sign_flip_p
from pipeline.analysis.results import StudyResults

STEPS = st.lists(st.integers(-9, 9), min_size=2, max_size=7)
DIFFERENCES = STEPS.map(lambda steps: [step / 150 for step in steps])


@given(STEPS)
@settings(max_examples=40)
@example([1, 1, 8, -9, -9, 8])
def test_flipping_signs_is_scipy_s_permutation_test(steps: list[int]) -> None:
    """Its null distribution, all assignments of signs; its two-sided p doubles one side, which here is the same.

    scipy is given whole numbers, of which sums that should be equal are: of fractions it misses ties near 0.
    """
    found = stats.permutation_test(
        (steps,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip_p([step / 150 for step in steps]) == pytest.approx(found.pvalue)


@given(DIFFERENCES)
def test_t_is_scipy_s(differences: list[float]) -> None:
    test = paired_seed_test(differences)
    assert test.mean == pytest.approx(np.mean(differences))
    if len(set(differences)) > 1:
        expected = stats.ttest_1samp(differences, 0.0)
        assert test.t_p == pytest.approx(expected.pvalue)
        assert test.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_five_seeds_that_all_agree_are_not_enough() -> None:
    test = paired_seed_test([0.01, 0.02, 0.03, 0.04, 0.05])
    assert test.exact_p == test.smallest_p == 1 / 16
    assert test.t_p < 0.05
    assert paired_seed_test([0.01, 0.02, 0.03, 0.04, 0.05, 0.06]).exact_p == 1 / 32


def test_sums_that_differ_by_rounding_alone_are_as_far_from_zero() -> None:
    """0.1 + 0.2 - 0.3 is not zero in binary; of the eight sums, 0.6 is as far as 0.6."""
    assert sign_flip_p([0.1, 0.2, -0.3]) == 1.0
    assert sign_flip_p([0.1, 0.2, 0.3]) == 0.25


def test_equal_differences_have_no_scale_for_t() -> None:
    assert math.isnan(paired_seed_test([0.02, 0.02, 0.02]).t_p)
    assert math.isnan(paired_seed_test([0.7 - 0.4, 0.3, 0.3]).t_p), "equal but for rounding"
    nothing = paired_seed_test([0.0, 0.0, 0.0])
    assert (nothing.t_p, nothing.exact_p) == (1.0, 1.0)


def test_one_seed_says_nothing() -> None:
    test = paired_seed_test([0.03])
    assert math.isnan(test.t_p)
    assert math.isnan(test.interval[0])
    assert (test.exact_p, test.smallest_p) == (1.0, 1.0)


def test_more_seeds_than_can_be_tried_have_no_exact_p() -> None:
    assert sign_flip_p([0.01] * MOST_EXACT) == 2.0 ** (1 - MOST_EXACT)
    assert math.isnan(sign_flip_p([0.01] * (MOST_EXACT + 1)))


def test_differences_are_kept_by_data_set(factors: StudyResults) -> None:
    first, second = paired_differences(factors)
    assert (first.arm, first.reference) == ("gradient, k=21", "random, k=21")
    assert first.by_dataset == {"A": pytest.approx((0.1, 0.1)), "B": (0.0, 0.0)}
    assert second.means == pytest.approx((-0.1, -0.01))
    assert math.isnan(second.interval()[0]), "of two data sets"


def test_an_interval_does_not_depend_on_which_other_arms_there_are(make_results) -> None:
    generator = np.random.default_rng(1)
    names = [f"set{number}" for number in range(12)]
    outcomes = {(arm, name): [generator.uniform(0.5, 1.0)] for arm in ("dsn", "up") for name in names}
    (alone,) = paired_differences(make_results(outcomes))
    more = {("other", name): [generator.uniform(0.5, 1.0)] for name in names}
    beside = paired_differences(make_results(outcomes | more))
    assert [found.arm for found in beside] == ["up", "other"]
    assert beside[0].interval() == alone.interval() == bootstrap_interval(alone.means, np.random.default_rng(0))
