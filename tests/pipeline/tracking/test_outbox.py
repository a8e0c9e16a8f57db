"""What is sent to a store that goes away, comes back, or refuses a line: with a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.tracking.outbox import Line, LineRefused, Outbox, StoreAway


class MadeStore:
    """Keeps the last line of each trial; may be away, be emptied, and refuse trials."""

    def __init__(self) -> None:
        self.now = 0.0
        self.away = False
        self.refused: set[str] = set()
        self.shown: dict[str, Line] = {}
        self.counted: list[int] = []
        self.connected: list[float] = []
        self.settled = 0

    def connect(self) -> MadeStore:
        self.connected.append(self.now)
        self._require()
        return self

    def apply(self, line: Line) -> None:
        self._require()
        if line["trial"] in self.refused:
            raise LineRefused("no such letter")
        self.shown[line["trial"]] = line

    def count(self, lines: Mapping[str, Line]) -> None:
        self._require()
        self.counted.append(len(lines))

    def settle(self) -> None:
        self._require()
        self.settled += 1

    def _require(self) -> None:
        if self.away:
            raise StoreAway("nobody answers")


@pytest.fixture
def store() -> MadeStore:
    return MadeStore()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def outbox(store: MadeStore, said: list[str]) -> Outbox:
    return Outbox(store.connect, said.append, lambda: store.now)


def line(trial: str, event: str = "done", **more: Any) -> dict[str, Any]:
    return {"trial": trial, "event": event, **more}


def test_the_last_line_of_each_trial_is_told(outbox: Outbox, store: MadeStore) -> None:
    outbox.put([line("a", "started"), line("b", "started"), line("a")])
    assert outbox.send()
    assert store.shown == {"a": line("a"), "b": line("b", "started")}
    assert outbox.missing() == {}
    assert outbox.settle()
    assert store.settled == 1


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        ((("done", 0), ("started", 0)), ("done", 0)),
        ((("done", 0), ("failed", 0), ("lost", 0)), ("done", 0)),
        ((("failed", 0), ("started", 0)), ("started", 0)),
        ((("done", 0), ("reopened", 1)), ("reopened", 1)),
        ((("done", 0), ("reopened", 1), ("done", 0)), ("reopened", 1)),
        ((("reopened", 1), ("done", 1), ("failed", 1)), ("done", 1)),
    ],
)
def test_a_result_stands_until_the_trial_is_opened_again(
    outbox: Outbox, store: MadeStore, lines: tuple[tuple[str, int], ...], last: tuple[str, int]
) -> None:
    for event, generation in lines:
        outbox.put([line("a", event, generation=generation)])
        outbox.send()
    assert (store.shown["a"]["event"], store.shown["a"]["generation"]) == last


def test_a_store_that_is_away_is_asked_less_and_less_often(outbox: Outbox, store: MadeStore, said: list[str]) -> None:
    store.away = True
    outbox.put([line(str(number)) for number in range(100)])
    for tenth in range(1200):
        store.now = tenth / 10
        assert not outbox.send()
    assert store.connected == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]
    assert said == ["MLflow's store is away, and will be told later: nobody answers"]
    assert outbox.missing() == {str(number): "nobody answers" for number in range(100)}
    store.now = 120.0
    outbox.hurry()
    for tenth in range(1200, 1401):
        store.now = tenth / 10
        outbox.send()
    assert store.connected[8:] == [120.0, 121.0, 123.0, 127.0, 131.0, 135.0, 139.0]
    assert outbox.stuck_for() == 20.0


def test_a_store_that_comes_back_is_told_of_all_trials(outbox: Outbox, store: MadeStore, said: list[str]) -> None:
    outbox.put([line("a")])
    assert outbox.send()
    store.away = True
    outbox.put([line("b")])
    assert not outbox.send()
    store.away, store.now, store.shown = False, 1.0, {}
    outbox.put([line("c")])
    assert outbox.send()
    assert store.shown.keys() == {"a", "b", "c"}
    assert said[1:] == ["MLflow's store is back"]


def test_a_line_that_is_refused_stops_no_other_and_is_tried_thrice(
    outbox: Outbox, store: MadeStore, said: list[str]
) -> None:
    store.refused = {"a"}
    outbox.put([line("a"), line("b")])
    for second, over in ((0, False), (1, False), (2, False), (5, False), (6, True)):
        store.now = float(second)
        assert outbox.send() is over
    assert store.shown.keys() == {"b"}
    assert outbox.missing() == {"a": "no such letter"}
    assert said == ["MLflow refuses trial a: no such letter"]
    store.refused = set()
    outbox.put([line("a", generation=1)])
    assert outbox.send()
    assert outbox.missing() == {}


def test_telling_again_is_no_progress(outbox: Outbox, store: MadeStore) -> None:
    outbox.put([line("a")])
    outbox.send()
    outbox.hurry()
    outbox.put([line("b")])
    store.refused = {"b"}
    for second in range(1, 30):
        store.now = float(second)
        store.away = True
        outbox.settle()
        store.away = False
        outbox.send()
    assert outbox.stuck_for() == 29.0


def test_counts_are_told_at_most_once_a_second(outbox: Outbox, store: MadeStore) -> None:
    for number in range(50):
        store.now = number / 10
        outbox.put([line(str(number))])
        outbox.send()
    assert store.counted == [1, 11, 21, 31, 41]


def test_whatever_happens_in_between_the_store_has_the_last_lines_in_the_end() -> None:
    for seed in range(300):
        random, store = np.random.default_rng(seed), MadeStore()
        outbox = Outbox(store.connect, lambda _: None, lambda made=store: made.now)
        ends: dict[str, str] = {}
        for step in range(60):
            trial = str(random.integers(6))
            match random.integers(6):
                case 0 if trial not in ends:
                    outbox.put([line(trial, "started")])
                case 1 | 2 if trial not in ends:
                    ends[trial] = str(random.choice(["done", "failed"]))
                    outbox.put([line(trial, ends[trial])])
                case 3:
                    store.away = not store.away
                case 4:
                    store.refused ^= {trial}
                case 5:
                    store.away, store.shown = True, {}  # it lost what it had, and that it was away is noticed
                    outbox.put([line(f"new-{step}")])
                    outbox.send()
            store.now += float(random.exponential(3))
            outbox.send()
        store.away, store.refused = False, set()
        store.now += 40
        outbox.send()
        given_up = outbox.missing()
        expected = {trial: event for trial, event in ends.items() if trial not in given_up}
        found = {trial: shown["event"] for trial, shown in store.shown.items() if shown["event"] != "started"}
        assert {trial: found.get(trial) for trial in expected} == expected, seed
