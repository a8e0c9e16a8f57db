"""The worker's side: a process of Ray's that trains one trial after the other, and reports."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from typing import Any

import ray
from ray import tune

from pipeline.cluster.memory import limit_memory
from pipeline.planning.plan import TrialSpec
from pipeline.trial.cause import cause_of
from pipeline.trial.outcome import Checkpoint, EpochReport, TrialResult

# Keys of what goes between driver and worker.
RESULT = "dsn_result"
REPORT = "dsn_report"
CHECKPOINT = "dsn_checkpoint"


class Spoilt(Exception):
    """Ends a worker that is fit for no other trial, and whose own has ended."""


class TrialActor(tune.Trainable):
    """A worker process that runs one trial after the other.

    Memory that ran out, or an import that failed, may have left modules half imported and libraries half initialised,
    and the next trial would fail by what is none of its doing. So that worker hands in the result, and raises when Tune
    asks for the next step: Tune then gives the next trial a process of its own.
    """

    _fit = True
    """Whether the process may have another trial after this one."""
    _ended = False

    def setup(self, config: dict[str, Any]) -> None:
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial: a new process would cost a second, and two with torch."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        limit_memory(None)
        self._ended = False
        self._report_every: float = config["report_every"]
        trial = TrialSpec.from_dict(ray.get(config["spec"]))
        checkpoint = None if config[CHECKPOINT] is None else ray.get(config[CHECKPOINT])
        if trial.resources.gpus == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        try:
            self._epochs = self._training(trial, checkpoint, config)
        except Exception as error:  # noqa: BLE001  # a result: what is raised, Ray writes to its logs, credentials too
            self._fit = False
            self._epochs = _failed(trial, error)
        if trial.resources.memory_bytes is not None:
            limit_memory(trial.resources.memory_bytes)

    def _training(self, trial: TrialSpec, checkpoint: bytes | None, config: dict[str, Any]) -> Iterator[Any]:
        # Imported here: torch looks for GPUs when it is, and the driver has no need of it.
        from pipeline.trial.training import trial_epochs

        return trial_epochs(
            trial,
            keep_model=config["keep_model"],
            checkpoint=checkpoint,
            checkpoint_every=config["checkpoint_every"],
        )

    def step(self) -> dict[str, Any]:
        """Train for a moment and report; the last report carries the result.

        Raises:
            Spoilt: the result has been handed in, and the process is to end.
        """
        if self._ended:
            raise Spoilt
        until = time.monotonic() + self._report_every
        told: dict[str, Any] = {}
        try:
            while not told or (CHECKPOINT not in told and time.monotonic() < until):
                heard = next(self._epochs)
                if isinstance(heard, Checkpoint):
                    told[CHECKPOINT] = heard
                else:
                    told[REPORT] = EpochReport(epoch=heard.epoch, train_loss=heard.train_loss)
        except StopIteration as finished:
            # Room to send the result.
            limit_memory(None)
            self._ended = True
            return {"done": self._fit and not _memory_ran_out(finished.value), RESULT: finished.value}
        return told


def _failed(trial: TrialSpec, error: Exception) -> Generator[Any, None, TrialResult]:
    """A training that has ended before it began."""
    result = TrialResult(trial_id=trial.trial_id, status="failed", started=time.time(), error=cause_of(error))
    yield from ()
    return result


def _memory_ran_out(result: TrialResult | None) -> bool:
    return result is not None and result.error is not None and result.error.kind == "out-of-memory"
