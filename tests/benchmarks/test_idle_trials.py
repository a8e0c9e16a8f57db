"""What is read off a run whose trials do nothing."""

from __future__ import annotations

import pytest

from benchmarks.idle_trials import DRIVER_MIB, SLOWER, Run, _runs


def _run(gaps: list[float], reports: int = 0, mebibytes: float = 300.0) -> Run:
    ended = [10.0]
    for gap in gaps:
        ended.append(ended[-1] + gap)
    return Run(
        reports=reports,
        ended=tuple(ended),
        began=9.0,
        seconds=ended[-1] + 5,
        tracked=ended[-1] + 7,
        trial_bytes=mebibytes * 2**20,
        bytes=400 * 2**20,
        cpu=len(ended) * 0.004,
    )


def test_the_first_tenth_counts_for_nothing_and_ends_are_a_thousand_trials() -> None:
    run = _run([1.0] * 300 + [0.01] * 1500 + [0.02] * 1199)
    assert len(run.ended) == 3000
    assert run.steady == pytest.approx((1500 * 10 + 1199 * 20) / 2699)
    first, last = run.ends
    assert last == pytest.approx(20)
    assert first == pytest.approx((200 * 1000 + 699 * 10) / 899)


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (_run([0.02] * 99), "met"),
        (_run([0.031] * 99), "missed"),
        (_run([0.031] * 99, reports=10), "met"),
        (_run([0.02] * 99, mebibytes=DRIVER_MIB + 1), "missed"),
        (_run([0.01] * 1999 + [0.01 * SLOWER * 1.01] * 1000), "missed"),
        (_run([0.01] * 1999 + [0.01 * SLOWER * 0.99] * 1000), "met"),
    ],
)
def test_a_run_meets_its_targets_or_does_not(run: Run, verdict: str) -> None:
    table = _runs([run], 24.0)
    (row,) = table.plain()["rows"]
    assert row["verdict"] == verdict
    assert row["s after the last"] == pytest.approx(5)
    assert row["s to MLflow"] == pytest.approx(7)
    assert row["driver's CPU ms"] == pytest.approx(4)
    assert verdict in table.text()
