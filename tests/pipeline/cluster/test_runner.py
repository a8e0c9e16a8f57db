"""Trials that misbehave, under a real Ray: each ends alone, and what it ended by is told."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from data_info import made_info
from remembering import Listener

from pipeline.cluster import amendments, controller, runner
from pipeline.cluster.budget import Budget
from pipeline.cluster.controller import Controller
from pipeline.cluster.hosts import Anywhere, capacity_there
from pipeline.cluster.start import cluster
from pipeline.cluster.worker import TrialActor
from pipeline.planning.capacity import Capacity
from pipeline.planning.plan import TrialSpec, make_plan
from pipeline.scheduling.stopping import Stopping
from pipeline.study.resources import Resources
from pipeline.study.spec import read_study
from pipeline.trial.cause import cause_of
from pipeline.trial.outcome import Checkpoint, TrialResult

STUDY = "name: s\ndata: [{source: npz, path: /d, names: [A]}]\nseeds: 400\n"


GIVEN = Resources()


class Report:
    """What a training yields after an epoch, as far as the runner reads it."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.train_loss = epoch, 0.5


class Misbehaving(TrialActor):
    """Does what the ``arm`` of a trial is called, in three epochs, with a checkpoint after the first."""

    def _training(self, trial: TrialSpec, checkpoint: bytes | None, config: dict[str, Any]) -> Iterator[Any]:
        if trial.arm == "raises when it begins":
            raise ValueError("not even begun, at ftp://me:secret-in-an-error@host")
        return self._trained(trial, config["attempt"], int(checkpoint or 0))

    def _trained(self, trial: TrialSpec, attempt: int, epoch: int) -> Iterator[Any]:
        began = epoch
        while epoch < 3:
            epoch += 1
            yield Report(epoch)
            if epoch == 1:
                yield Checkpoint(epoch=epoch, content=b"1")
            try:
                self._misbehave(trial.arm, attempt, epoch)
            except MemoryError as error:
                told = {"pid": os.getpid()}
                return TrialResult(
                    trial_id=trial.trial_id, status="failed", started=0.0, metrics=told, error=cause_of(error)
                )
        if trial.arm == "no result":
            return None
        metrics = {"began": began, "epoch": epoch} | ({"pid": os.getpid()} if trial.arm == "tells its process" else {})
        return TrialResult(trial_id=trial.trial_id, status="done", started=time.time(), metrics=metrics)

    def _misbehave(self, fault: str, attempt: int, epoch: int) -> None:
        if fault == "is killed once" and attempt == 1 and epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "os._exit" and epoch == 2:
            os._exit(7)
        elif fault == "sys.exit" and epoch == 2:
            sys.exit(7)
        elif fault == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif fault == "is stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fault == "spins":
            while True:
                pass
        elif fault == "holds the interpreter":
            re.match(r"(a+)+$", "a" * 40 + "b")
        elif fault == "takes a moment":
            time.sleep(0.1)
        elif fault == "takes 300 MB":
            assert np.ones(300 * 10**6, dtype=np.int8).all()
        elif fault == "raises in a step":
            raise ValueError("told \x1b[31min colour")


@pytest.fixture(scope="module")
def there() -> Iterator[Capacity]:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "TrialActor", Misbehaving)
        with cluster():
            yield capacity_there()


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[TrialSpec]:
    file = tmp_path_factory.mktemp("study") / "s.yaml"
    file.write_text(STUDY)
    return list(make_plan(read_study(file), made_info).trials)


def _run(
    trials: list[TrialSpec],
    there: Capacity,
    arms: list[str],
    *,
    resources: Resources = GIVEN,
    stopping: Stopping | None = None,
    listener: Listener | None = None,
) -> Listener:
    listener = listener or Listener()
    named = [replace(trial, arm=arm, resources=resources) for trial, arm in zip(trials, arms, strict=False)]
    runner.run_trials(
        named,
        Anywhere(capacity=there),
        listener,
        death=lambda: "",
        keep_model=False,
        checkpoint_every=60,
        stopping=stopping or Stopping(),
    )
    return listener


FAULTS = {
    "no result": ("no-result", 1),
    "os._exit": ("worker-lost", 3),
    "sys.exit": ("exited", 1),
    "crashes": ("exited", 1),
    "raises in a step": ("exception", 1),
    "raises when it begins": ("exception", 1),
}
"""Arm -> how it ends, and after how many attempts."""


def test_a_trial_that_misbehaves_ends_alone(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = _run(trials, there, ["good", *FAULTS, "good"])
    for arm, (kind, attempts) in FAULTS.items():
        ((attempt, result),) = listener.of("finished", arm)
        assert (arm, result.status, result.error.kind, attempt) == (arm, "failed", kind, attempts)
        assert result.error.message.isprintable()
        assert "\x1b" not in result.error.traceback
    assert "\n" not in listener.result("sys.exit").error.message
    assert "exit code 7" in listener.result("sys.exit").error.message
    assert "SIGSEGV" in listener.result("crashes").error.message
    assert "not even begun" in listener.result("raises when it begins").error.message
    assert [result.status for _, result in listener.of("finished", "good")] == ["done", "done"]


def test_what_keeps_a_trial_from_beginning_is_told_without_credentials_even_to_ray(
    there: Capacity, trials: list[TrialSpec]
) -> None:
    listener = _run(trials, there, ["raises when it begins"])
    assert listener.result("raises when it begins").error.message == "ValueError: not even begun, at ftp://***@host"
    session = Path(ray._private.worker.global_worker.node.get_session_dir_path())
    files = [path for path in session.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"secret-in-an-error" in path.read_bytes()]


def test_a_killed_trial_goes_on_from_its_newest_checkpoint(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = _run(trials, there, ["is killed once", "good"])
    ((attempt, result),) = listener.of("finished", "is killed once")
    assert (attempt, result.status, result.metrics) == (2, "done", {"began": 1.0, "epoch": 3.0})
    ((error, epoch),) = listener.of("lost", "is killed once")
    assert (error.kind, epoch) == ("worker-lost", 1)


def test_a_trial_whose_memory_runs_out_gets_twice_as_much(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = _run(trials, there, ["takes 300 MB", "good"], resources=Resources(memory="100MB"))
    ((attempt, result),) = listener.of("finished", "takes 300 MB")
    assert (attempt, result.status) == (3, "done"), "100, 200, 400 MB"
    assert [error.kind for error, _ in listener.of("lost", "takes 300 MB")] == ["out-of-memory"] * 2
    assert listener.result("good").status == "done"


def test_a_process_whose_memory_ran_out_trains_nothing_more(there: Capacity, trials: list[TrialSpec]) -> None:
    """The limit is what the machine has, so that no retry takes another process for its size."""
    one = Capacity.of_one(cpus=1, memory=100 * 10**6)
    arms = ["tells its process", "takes 300 MB", *["tells its process"] * 8]
    listener = _run(trials, one, arms, resources=Resources(cpus=there.cpus, memory="100MB"))
    assert listener.result("takes 300 MB").error.kind == "out-of-memory"
    spoilt = listener.result("takes 300 MB").metrics["pid"]
    ended = [(event[1], event[3].metrics["pid"]) for event in listener.events if event[0] == "finished"]
    after = [pid for _, pid in ended[ended.index(("takes 300 MB", spoilt)) + 1 :]]
    assert after
    assert spoilt not in after
    # A trial that waits has asked for a process, too, which may be there first.
    assert len(set(after)) < len(after), "others are taken again"
    assert listener.of("lost", "tells its process") == listener.of("lost", "takes 300 MB") == []


HANGS = ["is stopped", "spins", "holds the interpreter"]


def test_hanging_trials_are_ended_and_the_others_go_on(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = _run(trials, there, [*HANGS, "good"], resources=Resources(time_limit="2s"))
    for arm in HANGS:
        assert listener.result(arm).error.kind == "time-limit"
        assert "resources.time_limit, 2s" in listener.result(arm).error.message
    assert listener.result("good").status == "done"


def test_after_the_first_request_to_stop_running_trials_finish_and_none_begins(
    there: Capacity, trials: list[TrialSpec]
) -> None:
    stopping, listener = Stopping(), Listener()

    def stop() -> None:
        stopping.asked = 1

    listener.on_event = stop
    _run(trials, there, ["good"] * 20, stopping=stopping, listener=listener)
    assert len(listener.of("started", "good")) == len(listener.of("finished", "good")) == 1


def test_what_the_listener_raises_is_passed_on_as_it_is(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = Listener()

    def fail() -> None:
        raise OSError("full")

    listener.on_event = fail
    with pytest.raises(OSError, match=r"^full$"):
        _run(trials, there, ["good"], listener=listener)


def test_the_same_error_in_three_trials_is_enough(there: Capacity, trials: list[TrialSpec]) -> None:
    listener = _run(trials, there, ["raises in a step"] * 8)
    ((error, count),) = [event[2:] for event in listener.events if event[0] == "gave_up"]
    assert count == 3
    assert "in colour" in error.message
    assert 3 <= len(listener.of("finished", "raises in a step")) <= 3 + there.cpus


def test_trials_that_are_shorter_than_a_workers_start_run_side_by_side(
    there: Capacity, trials: list[TrialSpec]
) -> None:
    stopping, listener = Stopping(), Listener()
    most = 0

    def count() -> None:
        nonlocal most
        said = [event[0] for event in listener.events]
        most = max(most, said.count("started") - said.count("finished"))
        if most == 2:
            stopping.asked = 1

    listener.on_event = count
    _run(trials, Capacity.of_one(cpus=2), ["takes a moment"] * 400, stopping=stopping, listener=listener)
    assert most == 2


def test_a_worker_for_which_there_is_no_room_holds_nothing_up_for_long(
    there: Capacity, trials: list[TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a host has left, or none alone has the room: it waits at Ray, and its trial gets one that is free."""
    twice = {"CPU": 2.0 * there.cpus}
    monkeypatch.setattr(amendments, "Budget", lambda: Budget(lambda: twice))
    monkeypatch.setattr(controller, "MAY_START", 1.0)
    listener = _run(trials, Capacity.of_one(cpus=2 * there.cpus), ["good"] * 2 * there.cpus)
    assert len(listener.of("finished", "good")) == 2 * there.cpus


def test_tune_forgets_trials_that_have_ended(
    there: Capacity, trials: list[TrialSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed ones, lost ones and good ones; and goes on with those that it still has."""
    monkeypatch.setattr(controller, "REMEMBERED", 2)
    known: list[int] = []
    on_step_end = Controller.on_step_end

    def counted(self: Controller) -> None:
        on_step_end(self)
        known.append(len(self.get_trials()))

    monkeypatch.setattr(Controller, "on_step_end", counted)
    listener = _run(trials, there, ["good"] * 10 + ["crashes"] + ["good"] * 10)
    assert len(listener.of("finished", "good")) == 20
    assert listener.result("crashes").error.kind == "exited"
    # Two that have ended, those that run and those that wait: as many as run, and one.
    assert 0 < max(known) <= 2 + there.cpus + there.cpus + 1 + 1
