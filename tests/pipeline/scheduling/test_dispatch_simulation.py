"""Random lives of a run: the real dispatch, recorder, progress and ledger, under a made-up cluster and clock.

Workers begin, report, end in every way and are killed; what they say comes late, twice, out of order, and after the
driver that it was meant for has been killed; the driver is killed between any two events, and in the middle of a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from data_info import made_info

from pipeline.driver import recorder as recorder_module
from pipeline.driver.recorder import Recorder
from pipeline.planning.capacity import Capacity
from pipeline.planning.plan import Plan, make_plan
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.dispatch import Assignment, Dispatch
from pipeline.scheduling.retry import MOST_LOSSES
from pipeline.scheduling.stopping import Stopping
from pipeline.scheduling.todo import begin
from pipeline.study.resources import Resources
from pipeline.study.spec import read_study
from pipeline.terminal.broadcast import Broadcast
from pipeline.terminal.progress import Progress
from pipeline.trial.outcome import Checkpoint, EpochReport, ErrorKind, TrialError, TrialResult
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, ledger_file, read_records, read_states
from pipeline.workspace.lifecycle import TrialState, accounted

LIVES = 2000
STEPS = 60
EPOCHS = 4
ROOM = Capacity.of_one(cpus=2, memory=4 * 10**9)
GIVEN = Resources(memory="1GB", time_limit="100s")
KINDS = [kind for kind in get_args(ErrorKind) if kind not in ("time-limit", *MOST_LOSSES)]
"""How a trial can fail by itself."""


class Nowhere:
    """Neither terminal nor file."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@dataclass(kw_only=True)
class Worker:
    """What runs in a slot."""

    given: Assignment
    epoch: int
    begun: bool = False


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something that is on its way to the driver."""

    call: str
    trial: str
    attempt: int
    more: tuple[Any, ...] = ()


@dataclass(kw_only=True)
class Life:
    """A workspace, and the drivers that follow each other in it."""

    workspace: Workspace
    plan: Plan
    random: np.random.Generator
    seen: Counter[str]
    workers: dict[str, Worker] = field(default_factory=dict)
    post: list[Message] = field(default_factory=list)
    delivered: list[Message] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    states: Mapping[str, TrialState] = field(default_factory=dict)
    checked: int = -1
    """Bytes of the ledger when it was last looked at."""
    now: float = 0.0

    # The driver.

    def start(self) -> None:
        self.seen["driver started"] += 1
        self.checked = -1
        self.stopping = Stopping()
        self.ledger = Ledger(self.workspace, "s")
        todo, states = begin(self.workspace, self.ledger, self.plan, None)
        self.progress = Progress(
            study="s",
            question="",
            trials=self.plan.trials,
            cells=self.plan.cells,
            states=states,
            todo=[trial.trial_id for trial in todo.trials],
            began=0,
        )
        broadcast = Broadcast(self.progress, Nowhere(), Nowhere(), clock=lambda: self.now)
        self.recorder = Recorder(self.workspace, "s", self.ledger, broadcast, states)
        trials = [replace(trial, resources=GIVEN) for trial in todo.trials]
        self.costs = Costs.of(trials)
        self.fresh = {trial.trial_id for trial in trials}
        self.dispatch = Dispatch(trials, ROOM, self.recorder, self.stopping, self.costs)
        self.finished = False

    def kill(self) -> None:
        """Of the driver, its workers with it; what they have sent may still come."""
        self.seen["driver killed"] += 1
        begun = {
            (worker.given.trial.trial_id, worker.given.attempt) for worker in self.workers.values() if worker.begun
        }
        # A worker that had not begun has nothing to say that anybody could take for another's.
        self.post = [each for each in self.post if (each.trial, each.attempt) in begun]
        self.workers.clear()
        self.ledger.close()
        if self.random.random() < 0.5:
            self.seen["line torn"] += 1
            with ledger_file(self.workspace, "s").open("ab") as file:
                line = b'{"event":"done","trial":"%s","time":1.0}\n' % self.plan.trials[0].trial_id.encode()
                file.write(line[: self.random.integers(1, len(line))])
        self.start()

    def deliver(self, message: Message) -> None:
        self.seen["heard"] += 1
        self.delivered.append(message)
        getattr(self.dispatch, message.call)(message.trial, message.attempt, *message.more)

    # What can happen.

    def hand_out(self) -> None:
        if len(self.workers) == ROOM.cpus:
            return
        given = self.dispatch.next()
        if isinstance(given, str):
            self.finished = given == "finished"
            self.seen[f"nothing: {given}"] += 1
            return
        trial_id = given.trial.trial_id
        assert trial_id not in self.workers, "a trial in two slots"
        assert trial_id not in self.results, "a trial that is done is run again"
        self.seen["went on from a checkpoint" if given.checkpoint else "handed out"] += 1
        if trial_id in self.fresh:
            assert self.costs.seconds(trial_id) == max(map(self.costs.seconds, self.fresh)), "not the longest"
            self.seen["the longest by what was learnt"] += self.costs.corrections > 0
            self.fresh.remove(trial_id)
        self.workers[trial_id] = Worker(given=given, epoch=int(given.checkpoint or 0))

    def begin(self) -> None:
        for worker in self.workers.values():
            if not worker.begun:
                if self.dispatch.withdraw(worker.given.trial.trial_id, worker.given.attempt):
                    self.seen["taken back"] += 1
                    del self.workers[worker.given.trial.trial_id]
                    return
                worker.begun = True
                self.deliver(self.message(worker, "started", self.now))
                return

    def train(self) -> None:
        worker = self.some_worker()
        if worker and worker.epoch < EPOCHS:
            worker.epoch += 1
            self.send(worker, "progressed", EpochReport(epoch=worker.epoch, train_loss=0.5))
            if self.random.random() < 0.4:
                content = str(worker.epoch).encode()
                self.send(worker, "checkpointed", Checkpoint(epoch=worker.epoch, content=content))

    def end(self) -> None:
        worker = self.some_worker()
        if worker is None:
            return
        if self.random.random() < 0.25:
            kind = KINDS[self.random.integers(len(KINDS))]
            error = TrialError(kind=kind, message=f"planted {worker.given.attempt}")
            self.seen[f"failed: {kind}"] += 1
        elif worker.epoch == EPOCHS:
            error = None
        else:
            return
        self.send(worker, "ended", self.result(worker, error), self.now)
        if self.random.random() < 0.1:
            self.seen["worker died after its result"] += 1
            self.lose(worker)
        else:
            del self.workers[worker.given.trial.trial_id]

    def put_back(self) -> None:
        """The hosts that an attempt might have begun on have left."""
        waiting = [worker for worker in self.workers.values() if not worker.begun]
        if waiting:
            self.seen["put back"] += 1
            assert self.dispatch.put_back(waiting[0].given.trial.trial_id, waiting[0].given.attempt)
            del self.workers[waiting[0].given.trial.trial_id]

    def kill_worker(self) -> None:
        if self.workers:
            self.seen["worker killed"] += 1
            self.lose(list(self.workers.values())[self.random.integers(len(self.workers))])

    def wait(self) -> None:
        self.now += float(self.random.integers(20, 90))
        for trial_id, attempt in self.dispatch.overdue(self.now):
            worker = self.workers.get(trial_id)
            if worker and worker.given.attempt == attempt:
                self.seen["time was up"] += 1
                self.lose(worker)

    def receive(self) -> None:
        if self.post:
            self.deliver(self.post.pop(self.random.integers(len(self.post))))

    def receive_again(self) -> None:
        if self.delivered:
            self.seen["heard again"] += 1
            self.deliver(self.delivered[self.random.integers(len(self.delivered))])

    def stop(self) -> None:
        self.seen["asked to stop"] += 1
        self.stopping.asked = 1

    # Of workers.

    def some_worker(self) -> Worker | None:
        begun = [worker for worker in self.workers.values() if worker.begun]
        return begun[self.random.integers(len(begun))] if begun else None

    def message(self, worker: Worker, call: str, *more: Any) -> Message:
        return Message(call=call, trial=worker.given.trial.trial_id, attempt=worker.given.attempt, more=more)

    def send(self, worker: Worker, call: str, *more: Any) -> None:
        self.post.append(self.message(worker, call, *more))

    def lose(self, worker: Worker) -> None:
        kind: ErrorKind = "host-lost" if self.random.random() < 0.3 else "worker-lost"
        self.seen[f"lost: {kind}"] += 1
        self.send(worker, "lost", TrialError(kind=kind, message="killed"), self.now, self.now)
        del self.workers[worker.given.trial.trial_id]

    def result(self, worker: Worker, error: TrialError | None) -> TrialResult:
        trial_id, attempt = worker.given.trial.trial_id, worker.given.attempt
        metrics = {} if error else {"test_accuracy": 0.5, "train_seconds": 1.0, "attempt": attempt}
        status = "failed" if error else "done"
        return TrialResult(trial_id=trial_id, status=status, started=1.0, metrics=metrics, error=error)

    # What must hold.

    def check(self) -> None:
        """What the ledger says is looked at again when it says more; what is shown, and kept, every time."""
        size = ledger_file(self.workspace, "s").stat().st_size
        if size != self.checked:
            self.checked = size
            self.states = read_states(self.workspace)
            self.check_ledger()
        counts = accounted([trial.trial_id for trial in self.plan.trials], self.states)
        assert sum(counts.values()) == len(self.plan.trials)
        snapshot = self.progress.snapshot(self.now)
        shown = {"done": snapshot.done, "failed": snapshot.failed, "pruned": snapshot.pruned}
        assert shown == {name: counts[name] for name in shown}
        assert snapshot.pending == counts["pending"] + counts["running"] - len(snapshot.running) >= 0
        kept = self.workspace.checkpoints
        there = {path.name for path in kept.iterdir()} if kept.exists() else set()
        ended = {trial_id for trial_id, state in self.states.items() if state.status in ("done", "failed")}
        assert not there & ended, "a checkpoint of a trial that has ended"
        self.seen["checked"] += 1

    def check_ledger(self) -> None:
        self.seen["ledger read"] += 1
        lines, _ = read_records(ledger_file(self.workspace, "s"))
        assert max(Counter(line["trial"] for line in lines if line["event"] == "done").values(), default=0) <= 1
        begun = [
            (line["trial"], line.get("generation", 0), line["attempt"]) for line in lines if line["event"] == "started"
        ]
        assert len(begun) == len(set(begun)), "an attempt begun twice"
        logs = set()
        for line in lines:
            if line["event"] == "done":
                kept = self.results.setdefault(line["trial"], line)
                assert kept == line == self.states[line["trial"]].record, "a result has changed"
            if line.get("error") and line["error"].get("log"):
                assert line["error"]["log"] not in logs, "a log overwritten"
                logs.add(line["error"]["log"])
        assert logs <= self.logs(), "a log is missing"
        self.check_losses(lines)

    def logs(self) -> set[str]:
        folder = self.workspace.study("s") / "failures"
        at = folder.relative_to(self.workspace.root)
        return {f"{at}/{path.name}" for path in folder.iterdir()} if folder.exists() else set()

    def check_losses(self, lines: list[dict[str, Any]]) -> None:
        """No trial is tried again by one driver without end."""
        rows: Counter[tuple[str, str]] = Counter()
        reached: Counter[str] = Counter()
        for line in lines:
            trial_id = line["trial"]
            if line["event"] != "lost":
                continue
            kind = line["error"]["kind"]
            assert kind in (*MOST_LOSSES, "out-of-memory"), "what would happen again is tried again"
            if kind not in MOST_LOSSES or line["epoch"] is None:
                continue
            if line["epoch"] > reached[trial_id]:
                reached[trial_id] = line["epoch"]
                for each in MOST_LOSSES:
                    rows[trial_id, each] = 0
            rows[trial_id, kind] += 1
            # The last of a row is recorded as the failure; a driver that follows begins to count anew.
            assert rows[trial_id, kind] <= self.seen["driver started"] * (MOST_LOSSES[kind] - 1)

    def drain(self) -> None:
        """Let everything come to its end, undisturbed."""
        for _ in range(1000):
            if self.finished and not self.workers and not self.post:
                return
            self.finished = False
            self.hand_out()
            self.begin()
            while self.post:
                self.receive()
            for worker in list(self.workers.values()):
                if worker.begun:
                    worker.epoch = EPOCHS
                    self.send(worker, "ended", self.result(worker, None), self.now)
                    del self.workers[worker.given.trial.trial_id]
        raise AssertionError("the run does not come to its end")


HAPPENINGS = (
    *[Life.hand_out, Life.begin, Life.train, Life.train, Life.end, Life.receive, Life.receive] * 3,
    *(Life.kill_worker, Life.put_back, Life.wait, Life.wait, Life.receive_again, Life.receive_again),
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    file = tmp_path / "s.yaml"
    file.write_text("name: s\ndata: [{source: npz, path: /d, names: [A, B]}]\nseeds: 2\n")
    return make_plan(read_study(file), made_info)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(recorder_module, "code_provenance", dict)
    # Each line is synced; the simulation is of processes that die, not of disks.
    monkeypatch.setattr("os.fsync", lambda file: None)
    monkeypatch.setattr("os.fdatasync", lambda file: None)
    return tmp_path


def test_whatever_comes_in_whatever_order_every_trial_is_counted_once(plan: Plan, root: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(LIVES):
        random = np.random.default_rng(seed)
        life = Life(workspace=Workspace(root=root / str(seed)), plan=plan, random=random, seen=Counter())
        life.start()
        try:
            _live(life, random)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            life.ledger.close()
        seen += life.seen
    print(*(f"{count:7} {name}" for name, count in [("lives", LIVES), *sorted(seen.items())]), sep="\n")
    assert seen["checked"] == LIVES * (STEPS + 1)
    assert min(seen[f"failed: {kind}"] for kind in KINDS) > LIVES / 50
    assert min(seen.values()) > LIVES / 50
    assert {"taken back", "time was up", "went on from a checkpoint", "line torn", "heard again"} <= seen.keys()


def _live(life: Life, random: np.random.Generator) -> None:
    for _ in range(STEPS):
        chance = random.random()
        if chance < 0.02:
            life.kill()
        elif chance < 0.03:
            life.stop()
        else:
            HAPPENINGS[random.integers(len(HAPPENINGS))](life)
        life.check()
    life.kill()
    life.drain()
    life.check()
    states = read_states(life.workspace)
    assert {states[trial.trial_id].status for trial in life.plan.trials} <= {"done", "failed"}
