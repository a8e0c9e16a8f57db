"""Wilcoxon's test against scipy and against every assignment of signs; Holm's correction by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.analysis.inference.wilcoxon import holm, signed_rank_p, smallest_p

SMALL = st.lists(st.integers(-4, 4), min_size=1, max_size=9)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def by_counting(differences: list[int]) -> float:
    """Every assignment of signs to the differences that are not zero, one by one."""
    ranks = stats.rankdata(np.abs(differences))[np.array(differences) != 0]
    signs = [difference > 0 for difference in differences if difference]
    positive = ranks[signs].sum()
    sums = [sum(itertools.compress(ranks, chosen)) for chosen in itertools.product((0, 1), repeat=len(ranks))]
    below, above = (np.mean([total <= positive for total in sums]), np.mean([total >= positive for total in sums]))
    return min(1.0, 2 * min(below, above))


@given(SMALL)
def test_p_counts_assignments_of_signs(differences: list[int]) -> None:
    assert signed_rank_p(np.array(differences)) == pytest.approx(by_counting(differences), rel=1e-12)


@given(st.permutations(range(1, 31)), st.lists(st.booleans(), min_size=30, max_size=30))
@settings(max_examples=30)
def test_p_is_scipy_s_where_that_is_exact_because_nothing_ties(sizes: list[int], signs: list[bool]) -> None:
    differences = np.where(signs, sizes, np.negative(sizes))
    expected = stats.wilcoxon(differences, zero_method="pratt", method="exact").pvalue
    assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("differences", [[0, 0, 3, -1, 2, 5, 5, 4], [1, 1, 1, -1, 2, 2], [0, 0, 0, 0, 1, 2, -7]])
def test_p_is_scipy_s_where_that_is_exact_because_they_are_few(differences: list[int]) -> None:
    expected = stats.wilcoxon(differences, zero_method="pratt").pvalue
    assert signed_rank_p(np.array(differences)) == pytest.approx(expected, rel=1e-12)


def test_p_is_near_the_normal_distribution_s_for_many() -> None:
    """85 differences with ties and zeros. The sum of the ranks moves in steps of about half a rank, and the normal
    density at one such step, 1 / (2 sqrt(2 pi) 229), is 0.0009: twice that for two sides, and as much for curvature."""
    differences = np.round(np.random.default_rng(0).normal(0.2, 1.0, size=85) * 8).astype(int)
    assert (differences == 0).any()
    expected = stats.wilcoxon(differences, zero_method="pratt", method="asymptotic").pvalue
    assert 0.01 < expected < 0.9
    assert signed_rank_p(differences) == pytest.approx(expected, abs=0.004)


def test_no_difference_at_all_is_no_evidence() -> None:
    assert signed_rank_p(np.zeros(85, dtype=int)) == 1.0


@pytest.mark.parametrize(("number", "p"), [(1, 1.0), (5, 1 / 16), (6, 1 / 32)])
def test_the_smallest_p_is_that_of_differences_which_are_all_alike(number: int, p: float) -> None:
    assert smallest_p(number) == p
    assert signed_rank_p(np.full(number, 7)) == p
    assert signed_rank_p(-np.arange(1, number + 1)) == p


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.1]))
def test_holm_rejects_what_the_procedure_does_step_by_step(values: list[float], alpha: float) -> None:
    rejected = set()
    for step, at in enumerate(np.argsort(values, kind="stable")):
        if values[at] * (len(values) - step) >= alpha:
            break
        rejected.add(int(at))
    assert {at for at, p in enumerate(holm(values)) if p < alpha} == rejected


def test_holm_stops_at_the_first_test_that_is_not_significant() -> None:
    """As aeon's matrix does not: it would compare 0.04 with 0.05 / 1 and reject."""
    assert (pd.Series(holm([0.03, 0.04])) < 0.05).tolist() == [False, False]
