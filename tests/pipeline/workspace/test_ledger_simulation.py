"""The ledger and what a run makes of it, through thousands of seeded histories of two studies that share trials.

A driver that is made of nothing but a queue opens the real ledger under the real lock, asks ``scheduling.todo`` what to
do and writes what happens. It crashes, also in the middle of a write; what it was told comes twice or too late; the
clock jumps; somebody asks for trials again. Beside it a model keeps what happened in the order in which it did, one
state a trial and no lines. After each step the files must say what the model knows.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_info import made_info

from pipeline.planning import identity
from pipeline.planning.identity import former_ids
from pipeline.planning.plan import Plan, make_plan
from pipeline.scheduling.todo import RERUNS, Rerun, begin
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, decisive_lines, ledger_file, read_records, read_states, read_times
from pipeline.workspace.lifecycle import STATUSES, TrialState, prevailing, states_of
from pipeline.workspace.lock import driver_lock
from pipeline.workspace.record import StudyRecord, make_record

HISTORIES = 2000
STEPS = 15
SLOTS = 2
MOST_ATTEMPTS = 3

STUDIES = {"a": [0, 1, 2, 3, 4], "b": [3, 4, 5, 6]}
"""Seeds: the studies share two trials."""

LOST = {"kind": "worker-lost", "message": "m", "traceback": ""}
DIVERGED = {"kind": "diverged", "message": "m", "traceback": ""}

Told = tuple[str, str, Mapping[str, Any]]
"""An event, its trial and the details, as ``Ledger.append`` takes them."""


@dataclass
class Fate:
    """What has become of one trial."""

    generation: int = 0
    ended: str = ""
    kind: str = ""
    number: int = 0
    mentioned: bool = False
    running: bool = False

    def hear(self, event: str, details: Mapping[str, Any]) -> None:
        self.mentioned = True
        if event == "reopened":
            self.generation, self.ended, self.running = self.generation + 1, "", False
        elif self.ended == "done":
            return
        elif event in ("done", "failed"):
            self.ended, self.running = event, False
            self.kind = details["error"]["kind"] if event == "failed" else ""
            self.number = details.get("number", 0)
        elif not self.ended:
            self.running = event == "started"

    @property
    def status(self) -> str:
        return self.ended or ("running" if self.running else "pending")


@dataclass
class Driver:
    """A ``dsn run`` that goes on: it holds the lock, and trains."""

    study: str
    held: ExitStack
    ledger: Ledger
    queue: list[str]
    slots: dict[str, int] = field(default_factory=dict)
    """Trial -> attempt of those that are being trained."""
    trained: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Science:
    """What is the same in every history."""

    plans: Mapping[str, Plan]
    records: Mapping[str, StudyRecord]
    former: Mapping[str, str]


class World:
    """One history, from an empty workspace."""

    def __init__(self, root: Path, science: Science, seed: int, happened: Counter[str]) -> None:
        self.random = np.random.default_rng(seed)
        self.workspace = Workspace(root=root)
        self.science = science
        self.happened = happened
        self.clock = 1e9
        self.driver: Driver | None = None
        self.fates = {trial.trial_id: Fate() for plan in science.plans.values() for trial in plan.trials}
        self.stale = {trial_id for trial_id in self.fates if self.random.random() < 0.1}
        self.results = 0
        self.finished: dict[str, int] = {}
        """Trial -> number of the result that it has in its present life, as it was first seen."""
        with Ledger(self.workspace, "of the first program") as ledger:
            for trial_id in sorted(self.stale):
                ledger.append("done", science.former[trial_id])

    def chosen(self, *choices: str, weights: Sequence[float]) -> str:
        return str(self.random.choice(choices, p=np.array(weights) / sum(weights)))

    def step(self) -> None:
        self.clock += self.random.choice([1.0, 1.0, 60.0, -7200.0])
        if self.driver is None:
            self._run()
            return
        act = self.chosen("act", "tear", "crash", "stop", weights=(12, 1, 1, 0.5))
        if act == "act":
            self._hear(self._act())
        elif act == "tear":
            self._torn(self._act)
        else:
            self.happened["crash between writes" if act == "crash" else "stop"] += 1
            self._end()

    def _run(self, *, plain: bool = False) -> None:
        """Begin a run of either study; some crash while they write what they are about to do."""
        study = str(self.random.choice(list(STUDIES)))
        rerun = None if plain or self.random.random() < 0.6 else RERUNS[int(self.random.integers(3))]
        if not plain and self.random.random() < 0.15:
            self._torn(lambda: self._begin(study, rerun))
        else:
            self._hear(self._begin(study, rerun))

    def _begin(self, study: str, rerun: Rerun | None) -> list[Told]:
        held = ExitStack()
        held.enter_context(driver_lock(self.workspace, study))
        ledger = held.enter_context(Ledger(self.workspace, study))
        _, offset = read_records(ledger_file(self.workspace, study))
        todo, _ = begin(self.workspace, ledger, self.science.plans[study], rerun)
        lines, _ = read_records(ledger_file(self.workspace, study), offset)
        self._expect_todo(study, rerun, [trial.trial_id for trial in todo.trials])
        self.driver = Driver(study, held, ledger, [trial.trial_id for trial in todo.trials])
        self.happened[f"run --rerun {rerun}" if rerun else "run"] += 1
        for line in lines:
            self.happened[f"{line['event']} when a run began"] += 1
        return [(line["event"], line["trial"], line) for line in lines]

    def _expect_todo(self, study: str, rerun: Rerun | None, found: list[str]) -> None:
        def wanted(trial_id: str) -> bool:
            fate = self.fates[trial_id]
            if rerun == "all":
                return True
            if fate.ended == "failed":
                return rerun == "failed" or fate.kind == "worker-lost"
            held = trial_id in self.stale and not fate.mentioned
            return not fate.ended and (rerun == "stale" or not held)

        planned = [trial.trial_id for trial in self.science.plans[study].trials]
        assert found == [trial_id for trial_id in planned if wanted(trial_id)]

    def _act(self) -> list[Told]:
        """Something happens to the driver, and it writes a line of it, or none."""
        driver = self.driver
        assert driver is not None
        if driver.queue and len(driver.slots) < SLOTS and self.random.random() < 0.5:
            trial_id = driver.queue.pop(0)
            assert not self.fates[trial_id].ended, "a trial that has ended is trained again"
            driver.slots[trial_id] = 1
            driver.trained.append(trial_id)
            return self._written("started", trial_id, attempt=1)
        if driver.slots and self.random.random() < 0.85:
            trial_id = str(self.random.choice(list(driver.slots)))
            return self._reported(driver, trial_id)
        return self._late()

    def _reported(self, driver: Driver, trial_id: str) -> list[Told]:
        attempt = driver.slots[trial_id]
        outcome = self.chosen("done", "failed", "lost", "restarted", weights=(6, 1.5, 2, 2))
        if outcome == "restarted" and self.fates[trial_id].running:
            return []
        if outcome == "restarted":
            driver.slots[trial_id] = attempt + 1
            return self._written("started", trial_id, attempt=attempt + 1)
        if outcome == "lost" and attempt < MOST_ATTEMPTS:
            return self._written("lost", trial_id, attempt=attempt, epoch=1, error=LOST)
        del driver.slots[trial_id]
        if outcome == "done":
            self.results += 1
            return self._written("done", trial_id, attempt=attempt, started=self.clock - 5, number=self.results)
        return self._written("failed", trial_id, error=LOST if outcome == "lost" else DIVERGED)

    def _late(self) -> list[Told]:
        """Of a trial that has ended in this run: what was said is said again, or comes after what it should precede."""
        assert self.driver is not None
        ended = [trial_id for trial_id in self.driver.trained if self.fates[trial_id].ended]
        if not ended:
            return []
        trial_id = str(self.random.choice(ended))
        if self.fates[trial_id].ended == "failed":
            return self._written("lost", trial_id, attempt=1, epoch=0, error=LOST, late=True)
        event = self.chosen("started", "lost", "failed", "done", weights=(1, 1, 1, 1))
        details: dict[str, Any] = {"error": DIVERGED} if event in ("lost", "failed") else {}
        return self._written(event, trial_id, late=True, number=-1, **details)

    def _written(self, event: str, trial_id: str, *, late: bool = False, **details: Any) -> list[Told]:
        assert self.driver is not None
        self.driver.ledger.append(event, trial_id, **details)
        self.happened[f"{event} too late" if late else event] += 1
        return [(event, trial_id, details)]

    def _torn(self, act: Callable[[], list[Told]]) -> None:
        """The driver crashes in a write, at any byte of what it wrote: nobody has been told of it."""
        ends = {study: read_records(ledger_file(self.workspace, study))[1] for study in STUDIES}
        told = act()
        assert self.driver is not None
        path, before = ledger_file(self.workspace, self.driver.study), ends[self.driver.study]
        cut = int(self.random.integers(before, path.stat().st_size + 1))
        whole = path.read_bytes()[before:cut].count(b"\n")
        self._end()
        os.truncate(path, cut)
        self.happened["crash in a write"] += 1
        self.happened["lines lost with it"] += len(told) - whole
        self._hear(told[:whole])
        for fate in self.fates.values():
            fate.running = False

    def _end(self) -> None:
        assert self.driver is not None
        self.driver.held.close()
        self.driver = None
        for fate in self.fates.values():
            fate.running = False

    def _hear(self, told: Sequence[Told]) -> None:
        for event, trial_id, details in told:
            if event == "reopened":
                self.finished.pop(trial_id, None)
            self.fates[trial_id].hear(event, details)

    def check(self) -> None:
        """The files say what has happened, by every way to read them."""
        states, times = read_states(self.workspace), read_times(self.workspace)
        for trial_id, fate in self.fates.items():
            state = states.get(trial_id, TrialState(status="pending"))
            assert (state.status, state.generation) == (fate.status, fate.generation)
            assert (trial_id in states) == fate.mentioned
            if state.status == "done":
                assert state.record is not None
                assert state.record["number"] == fate.number
                assert self.finished.setdefault(trial_id, fate.number) == fate.number
            assert trial_id not in self.finished or state.status == "done", "a result is gone"
        assert {key: (state.status, state.generation) for key, state in times.items()} == {
            key: (state.status, state.generation) for key, state in states.items()
        }
        for study, record in self.science.records.items():
            counts = record.counts(states)
            assert sum(counts.values()) == len(STUDIES[study])
            found = Counter(self.fates[trial.trial_id].status for trial in record.trials)
            assert counts == {status: found[status] for status in STATUSES}
        if self.driver is None:
            alone = prevailing(states_of(decisive_lines(self.workspace, self.fates), driven=False))
            assert alone == {key: state for key, state in states.items() if key in self.fates}

    def drain(self) -> None:
        """No more accidents: plain runs end whatever is left, and then one of each kind finds nothing to do."""
        if self.driver is not None:
            self._end()
        for study in STUDIES:
            for rerun in ("stale", None):
                self._hear(self._begin(study, rerun))  # type: ignore[arg-type]
                assert self.driver is not None
                for trial_id in self.driver.queue:
                    self._hear(self._written("started", trial_id, attempt=1))
                    self.results += 1
                    self._hear(self._written("done", trial_id, number=self.results))
                assert rerun or not self.driver.queue
                self._end()
        assert {fate.status for fate in self.fates.values()} <= {"done", "failed"}
        assert all(fate.kind != "worker-lost" for fate in self.fates.values())


@pytest.fixture
def science(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Science:
    """The second program, that computes otherwise than the first did."""
    monkeypatch.setattr(identity, "SEMANTICS", 2)
    plans, records = {}, {}
    for name, seeds in STUDIES.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"name: {name}\ndata: [{{source: aeon, names: [A]}}]\nseeds: {seeds}\n", encoding="utf-8")
        study = read_study(file)
        plans[name] = make_plan(study, made_info)
        records[name] = make_record(study, plans[name])
    former = {
        trial.trial_id: next(former_ids(trial.config, trial.seed, trial.content_hash))
        for plan in plans.values()
        for trial in plan.trials
    }
    return Science(plans, records, former)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible: a disk takes milliseconds for what happens here a hundred thousand times."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_whatever_happens_the_ledgers_say_what_happened(
    science: Science, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fsync", "fdatasync"):
        # What a crash of the machine would take is taken by hand.
        monkeypatch.setattr(os, name, lambda file: None)
    happened = Counter[str]()
    for seed in range(HISTORIES):
        world = World(place / str(seed), science, seed, happened)
        monkeypatch.setattr("time.time", lambda world=world: world.clock)
        try:
            for _ in range(STEPS):
                world.step()
                world.check()
            world.drain()
            world.check()
        except AssertionError as error:
            raise AssertionError(f"history {seed}") from error
        finally:
            if world.driver is not None:
                world.driver.held.close()
    sizes = [("histories", HISTORIES), ("steps, each checked", HISTORIES * STEPS)]
    print(*(f"{count:7} {name}" for name, count in [*sizes, *sorted(happened.items())]), sep="\n")
    assert happened.keys() == EVERYTHING
    assert min(happened.values()) >= HISTORIES / 20


EVERYTHING = {
    *("run", "run --rerun failed", "run --rerun stale", "run --rerun all"),
    *("reopened when a run began", "lost when a run began"),
    *("started", "lost", "failed", "done"),
    *("started too late", "lost too late", "failed too late", "done too late"),
    *("crash between writes", "crash in a write", "lines lost with it", "stop"),
}
"""What happens in the histories, each at least once in twenty of them."""
