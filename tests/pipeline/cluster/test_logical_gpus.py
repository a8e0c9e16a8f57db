"""Trials that share GPUs which Ray only counts, as there are none where this runs.

Who is given which, who is given more, and who sees none is real; what a GPU does is not.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import ray
from made_trials import made_trial
from remembering import Listener

from pipeline.cluster import runner
from pipeline.cluster.gpus import least_gpu_memory
from pipeline.cluster.hosts import Anywhere, capacity_there
from pipeline.cluster.worker import TrialActor
from pipeline.driver.allotment import allotted
from pipeline.planning.capacity import OBJECT_STORE, Capacity
from pipeline.planning.plan import TrialSpec
from pipeline.scheduling.stopping import Stopping
from pipeline.study.resources import Resources
from pipeline.trial.cause import cause_of
from pipeline.trial.outcome import TrialResult

MIB = 2**20
SMI = '#!/bin/sh\n[ "$*" = "--query-gpu=memory.total --format=csv,noheader,nounits" ] && echo 4000 && echo 8000\n'


class Report:
    """What a training yields after an epoch, as far as the runner reads it."""

    epoch, train_loss = 1, 0.5


class Sharing(TrialActor):
    """Says which GPUs it sees; an arm that is a number needs so much of one."""

    def _training(self, trial: TrialSpec, checkpoint: bytes | None, config: dict[str, Any]) -> Iterator[Any]:
        yield Report()
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
        told = {"began": time.time(), "gpus": trial.resources.gpus, "seen": seen}
        time.sleep(1)
        if trial.arm != "any" and trial.resources.gpus < float(trial.arm):
            error = cause_of(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
            return TrialResult(trial_id=trial.trial_id, status="failed", started=0.0, error=error)
        told["ended"] = time.time()
        return TrialResult(trial_id=trial.trial_id, status="done", started=time.time(), metrics=told)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capacity]:
    """Four cores and two GPUs, whatever this machine has; NVIDIA's program says that one has 4, one 8 GB."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    program = tmp_path_factory.mktemp("programs") / "nvidia-smi"
    program.write_text(SMI)
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        patch.setattr(runner, "TrialActor", Sharing)
        ray.init(
            address="local",
            num_cpus=4,
            num_gpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE,
        )
        try:
            yield capacity_there()
        finally:
            ray.shutdown()


def _run(there: Capacity, trials: list[TrialSpec]) -> Listener:
    listener = Listener()
    runner.run_trials(
        trials,
        Anywhere(capacity=there),
        listener,
        death=lambda: "",
        keep_model=False,
        checkpoint_every=60,
        stopping=Stopping(),
    )
    return listener


def _trials(*gpus: float, arm: str = "any") -> list[TrialSpec]:
    each = [made_trial(f"{number:016x}", 1.0, arm=arm) for number in range(len(gpus))]
    return [replace(trial, resources=Resources(gpus=share)) for trial, share in zip(each, gpus, strict=True)]


def test_two_trials_share_each_gpu_and_none_is_given_to_three(there: Capacity) -> None:
    assert (there.cpus, there.gpus) == (4, 2)
    told = [result.metrics for _, result in _run(there, _trials(*[0.5] * 8)).of("finished", "any")]
    assert len(told) == 8
    assert {each["seen"] for each in told} == {"0", "1"}, "each sees its own alone"
    for each in told:
        beside = [
            other
            for other in told
            if other["seen"] == each["seen"] and other["began"] <= each["began"] < other["ended"]
        ]
        assert len(beside) <= 2
    assert max(sum(o["began"] <= each["began"] < o["ended"] for o in told) for each in told) == 4


def test_a_trial_on_the_cpu_sees_no_gpu(there: Capacity) -> None:
    ((_, result),) = _run(there, _trials(0)).of("finished", "any")
    assert (result.metrics["gpus"], result.metrics["seen"]) == (0, "")


def test_a_trial_that_needs_more_of_a_gpu_is_given_twice_as_much_until_it_has_enough(there: Capacity) -> None:
    listener = _run(there, _trials(0.2, arm="0.7"))
    assert [error.kind for error, _ in listener.of("lost", "0.7")] == ["out-of-memory"] * 2
    ((attempt, result),) = listener.of("finished", "0.7")
    assert (attempt, result.status, result.metrics["gpus"]) == (3, "done", 0.8)


def test_the_parts_are_those_of_the_smallest_gpu_that_any_host_tells_of(there: Capacity) -> None:
    assert least_gpu_memory() == 4000 * MIB
    said: list[str] = []
    wanted = Resources(gpus=1, gpu_memory="1GB")
    trials = [replace(trial, resources=wanted) for trial in _trials(1, 1)]
    trials[1] = replace(trials[1], resources=replace(wanted, gpu_memory="3GB"))
    assert [trial.resources for trial in allotted(trials, wanted, said.append)] == [
        Resources(gpus=0.25),
        Resources(gpus=1),
    ]
    assert said == ["a GPU of 4 GB is shared by 1 to 4 trials, as far as there are cores for them"]
