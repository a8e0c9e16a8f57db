"""The published schedule: when, and how much."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.schedule import SCHEDULES, exchanged_fraction, require_steps, updates_due


@pytest.mark.parametrize("step", [0, 1, 399, 400, 799])
def test_the_published_cosine(step: int) -> None:
    expected = 0.001 + 0.2495 * (1 + math.cos(math.pi * step / 800))
    assert exchanged_fraction(SparsityConfig(), step, 1000) == pytest.approx(expected, rel=1e-12)


def test_it_starts_at_one_half_and_keeps_its_floor_after_four_fifths() -> None:
    assert exchanged_fraction(SparsityConfig(), 0, 1000) == 0.5
    assert [exchanged_fraction(SparsityConfig(), step, 1000) for step in (800, 900, 1000)] == [0.001] * 3


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("first", "last", "until"), [(0.5, 0.001, 0.8), (0.3, 0.0, 1.0), (0.2, 0.2, 0.25)])
def test_every_schedule_falls_from_the_first_share_to_the_last_which_it_keeps(
    schedule: str, first: float, last: float, until: float
) -> None:
    sparsity = SparsityConfig(schedule=schedule, initial_fraction=first, final_fraction=last, explore_until=until)
    shares = [exchanged_fraction(sparsity, step, 1000) for step in range(1001)]
    # f + (i - f) is i up to one rounding.
    assert shares[0] == pytest.approx(first, rel=1e-15)
    assert shares == sorted(shares, reverse=True)
    assert all(last <= share <= 1 for share in shares)
    assert set(shares[round(until * 1000) :]) == {last}


def test_the_shapes_by_hand() -> None:
    # A quarter of the way from 0.9 to 0.1: (1 + cos(pi / 4)) / 2 = 0.853553..., 1, 3 / 4 and 27 / 64 of it are left.
    shares = {
        schedule: exchanged_fraction(
            SparsityConfig(schedule=schedule, initial_fraction=0.9, final_fraction=0.1, explore_until=0.5), 25, 200
        )
        for schedule in SCHEDULES
    }
    assert shares == pytest.approx(
        {"cosine": 0.1 + 0.8 * 0.85355339059, "constant": 0.9, "linear": 0.7, "inverse-power": 0.4375}, rel=1e-9
    )


def _due(sparsity: SparsityConfig, *, epochs: int) -> list[int]:
    """The steps at which masks change, of epochs of 3 steps."""
    return [step for epoch in range(epochs) for step in updates_due(sparsity, 3 * epoch, 3)]


def test_masks_change_at_the_last_step_of_every_fifth_epoch() -> None:
    assert _due(SparsityConfig(), epochs=17) == [15, 30, 45]


def test_masks_change_at_every_so_many_steps_whatever_the_epochs() -> None:
    sparsity = SparsityConfig(update_every=4, update_unit="steps")
    assert _due(sparsity, epochs=5) == [4, 8, 12]
    assert [list(updates_due(replace(sparsity, update_every=1), done, 3)) for done in (0, 3)] == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("unit", "every", "steps_per_epoch", "refused"),
    [
        ("epochs", 1, 1, True),
        ("epochs", 1, 2, False),
        ("epochs", 2, 1, False),
        ("steps", 1, 7, True),
        ("steps", 2, 1, False),
    ],
)
def test_updates_in_place_of_every_step_are_refused(unit: str, every: int, steps_per_epoch: int, refused: bool) -> None:
    sparsity = SparsityConfig(update_unit=unit, update_every=every, update_timing="replaces-step")
    for allowed in (replace(sparsity, update_timing="after-step"), replace(sparsity, explore=False)):
        require_steps(allowed, steps_per_epoch)
    with pytest.raises(InvalidInput, match="leaves no gradient step") if refused else nullcontext():
        require_steps(sparsity, steps_per_epoch)


@pytest.mark.parametrize("sparsity", [SparsityConfig(explore=False), SparsityConfig(level="dense")])
def test_fixed_and_dense_networks_never_change_masks(sparsity: SparsityConfig) -> None:
    assert not _due(sparsity, epochs=100)


def test_the_share_does_not_rise() -> None:
    with pytest.raises(InvalidInput, match=r"must be at most sparsity\.initial_fraction, 0\.2"):
        SparsityConfig(initial_fraction=0.2, final_fraction=0.3)
