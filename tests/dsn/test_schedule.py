"""The published schedule: when, and how much."""

from __future__ import annotations

import math

import pytest

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.schedule import exchanged_fraction, update_due


@pytest.mark.parametrize("step", [0, 1, 399, 400, 799])
def test_the_published_cosine(step: int) -> None:
    expected = 0.001 + 0.2495 * (1 + math.cos(math.pi * step / 800))
    assert exchanged_fraction(SparsityConfig(), step, 1000) == pytest.approx(expected, rel=1e-12)


def test_it_starts_at_one_half_and_keeps_its_floor_after_four_fifths() -> None:
    assert exchanged_fraction(SparsityConfig(), 0, 1000) == 0.5
    assert [exchanged_fraction(SparsityConfig(), step, 1000) for step in (800, 900, 1000)] == [0.001] * 3


def test_masks_change_at_the_end_of_every_fifth_epoch() -> None:
    assert [epoch for epoch in range(1, 17) if update_due(SparsityConfig(), epoch)] == [5, 10, 15]


@pytest.mark.parametrize("sparsity", [SparsityConfig(explore=False), SparsityConfig(level="dense")])
def test_fixed_and_dense_networks_never_change_masks(sparsity: SparsityConfig) -> None:
    assert not any(update_due(sparsity, epoch) for epoch in range(1, 101))


def test_the_share_does_not_rise() -> None:
    with pytest.raises(InvalidInput, match=r"must be at most sparsity\.initial_fraction, 0\.2"):
        SparsityConfig(initial_fraction=0.2, final_fraction=0.3)
