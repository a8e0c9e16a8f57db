"""What the lines of a ledger say of a trial: every pair of events, generations, and ledgers beside each other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.workspace.lifecycle import (
    EVENTS,
    STATUSES,
    TrialState,
    accounted,
    counts_after,
    lifted,
    prevailing,
    states_of,
    tally,
)


def _line(event: str, generation: int = 0, **more: Any) -> dict[str, Any]:
    return {"event": event, "trial": "a1", "time": 0.0, **({"generation": generation} if generation else {}), **more}


def _told(*lines: dict[str, Any], driven: bool = False) -> tuple[str, int]:
    ((_, state),) = states_of(lines, driven=driven)
    return state.status, state.generation


AFTER: dict[tuple[str, str], bool] = {
    ("started", "started"): True,
    ("started", "lost"): True,
    ("started", "done"): True,
    ("started", "failed"): True,
    ("lost", "started"): True,
    ("lost", "lost"): True,
    ("lost", "done"): True,
    ("lost", "failed"): True,
    ("failed", "started"): True,
    ("failed", "lost"): False,
    ("failed", "done"): True,
    ("failed", "failed"): True,
    ("reopened", "started"): True,
    ("reopened", "lost"): True,
    ("reopened", "done"): True,
    ("reopened", "failed"): True,
    **{("done", event): False for event in EVENTS},
    **{(event, "reopened"): False for event in EVENTS},
}
"""Whether the second line counts, both of one generation."""


PAIRS = list(itertools.product(EVENTS, EVENTS))


@pytest.mark.parametrize(("last", "line"), PAIRS)
def test_of_two_lines_of_a_generation(last: str, line: str) -> None:
    for generation in (0, 3):
        assert counts_after(_line(last, generation), _line(line, generation)) == AFTER[last, line]


@pytest.mark.parametrize(("last", "line"), PAIRS)
def test_of_two_generations_the_later_counts_in_whatever_order(last: str, line: str) -> None:
    assert counts_after(_line(last, 1), _line(line, 2))
    assert not counts_after(_line(last, 2), _line(line, 1))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([_line("started"), _line("lost")], ("pending", 0)),
        ([_line("started"), _line("lost"), _line("started")], ("running", 0)),
        ([_line("started"), _line("done"), _line("done")], ("done", 0)),
        ([_line("done"), _line("reopened", 1)], ("pending", 1)),
        ([_line("done"), _line("reopened", 1), _line("started", 1)], ("running", 1)),
        ([_line("done"), _line("reopened", 1), _line("failed", 1)], ("failed", 1)),
        ([_line("done"), _line("started", 1), _line("done", 0)], ("running", 1)),
    ],
)
def test_a_trial_s_lines_while_its_study_is_driven(lines: list[dict[str, Any]], told: tuple[str, int]) -> None:
    assert _told(*lines, driven=True) == told
    status, generation = told
    assert _told(*lines) == ("pending" if status == "running" else status, generation)


def test_the_first_result_is_the_one_that_stays() -> None:
    ((_, state),) = states_of([_line("done", number=1), _line("done", number=2)], driven=False)
    assert state.record is not None
    assert state.record["number"] == 1


LINES = st.builds(
    lambda event, generation, number, when: _line(event, generation, number=number) | {"time": when},
    st.sampled_from(list(EVENTS)),
    st.integers(0, 2),
    st.integers(0, 1),
    st.floats(0, 2),
)


@given(ledgers=st.lists(st.lists(LINES, min_size=1, max_size=4), min_size=2, max_size=4), data=st.data())
def test_the_order_of_ledgers_decides_nothing(ledgers: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    states = [state for lines in ledgers for state in states_of(lines, driven=False)]
    shuffled = data.draw(st.permutations(states))
    assert prevailing(shuffled) == prevailing(states)


@given(ledgers=st.lists(st.lists(LINES, min_size=1, max_size=4), min_size=2, max_size=3), clocks=st.randoms())
def test_times_decide_nothing(ledgers: list[list[dict[str, Any]]], clocks: Any) -> None:
    def told(lines: list[list[dict[str, Any]]]) -> dict[str, Any]:
        (state,) = prevailing(state for each in lines for state in states_of(each, driven=False)).values()
        return {**(state.record or {}), "time": 0.0}

    other = [[line | {"time": clocks.random()} for line in lines] for lines in ledgers]
    assert told(other) == told(ledgers)


@given(here=st.lists(LINES, min_size=1, max_size=4), there=st.lists(LINES, min_size=1, max_size=4))
def test_lines_that_are_lifted_say_the_same_of_a_life_that_is_not_over(
    here: list[dict[str, Any]], there: list[dict[str, Any]]
) -> None:
    known = dict(states_of(here, driven=False))
    before, after = (dict(states_of(lines, driven=False))["a1"] for lines in (there, list(lifted(there, known))))
    assert after.status == before.status
    assert after.generation == max(before.generation, known["a1"].generation)


def test_an_account_adds_up_and_what_no_ledger_mentions_is_pending() -> None:
    states = {status: TrialState(status=status) for status in STATUSES}
    counts = accounted([*STATUSES, "unknown", "done"], states)
    assert counts == {"done": 2, "pruned": 1, "failed": 1, "running": 1, "pending": 2}
    assert tuple(counts) == STATUSES
    with pytest.raises(AssertionError, match="gone"):
        tally(["done", "gone"])
