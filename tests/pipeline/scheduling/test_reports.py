"""How often running trials report."""

from __future__ import annotations

import pytest

from pipeline.scheduling.reports import MOST, SHORTEST, report_every


@pytest.mark.parametrize(("slots", "seconds"), [(1, SHORTEST), (100, SHORTEST), (1000, 20.0), (4000, 80.0)])
def test_however_many_run_the_driver_hears_a_bounded_number(slots: int, seconds: float) -> None:
    assert report_every(slots) == seconds
    assert slots / report_every(slots) <= MOST
