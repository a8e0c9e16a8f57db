"""Runs trials through Ray Tune; the driver's side of it holds no results.

A searcher of our own hands Tune the plan, trial by trial, and a callback of our own hears what happened.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from pipeline.cluster.amendments import amend_tune
from pipeline.cluster.daemons import Death, require_alive
from pipeline.cluster.hosts import Placement
from pipeline.cluster.remains import error_of
from pipeline.cluster.worker import CHECKPOINT, REPORT, RESULT, TrialActor
from pipeline.planning.plan import TrialSpec
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.dispatch import Dispatch, Listener
from pipeline.scheduling.reports import report_every
from pipeline.scheduling.stopping import Stopping
from pipeline.study.resources import Resources
from pipeline.trial.outcome import TrialError, TrialResult

# Tune lists what did not end well in its own words, retries too; ours are in the ledger.
logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)

LABELS = "labels"
"""Key of a trial's configuration: what the host that it is placed on must have."""

_NO_RESULT = TrialError(kind="no-result", message="came to an end without a result")


class PlanSearcher(Searcher):
    """Feeds Tune what is to be run, as it is asked."""

    def __init__(
        self,
        dispatch: Dispatch,
        placement: Placement,
        death: Death,
        passed_on: PassedOn,
        settings: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._dispatch = dispatch
        self._placement = placement
        self._death = death
        self._passed_on = passed_on
        self._settings = settings

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a string
        with self._passed_on.remembered():
            # Without the raylet, the first object that is put somewhere ends this process.
            require_alive(self._death)
            # All hosts may have left, and others may come.
            given = self._dispatch.next() if self._placement.capacity.hosts else "wait"
        if isinstance(given, str):
            return Searcher.FINISHED if given == "finished" else None
        # Tune copies and keeps configurations: it gets references to what the worker needs.
        return {
            "trial": given.trial.trial_id,
            "attempt": given.attempt,
            "resources": _wanted(given.trial.resources),
            LABELS: dict(self._placement.labels()),
            "spec": ray.put(given.trial.to_dict()),
            CHECKPOINT: None if given.checkpoint is None else ray.put(given.checkpoint),
            **self._settings,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The listener has been told by then."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger is what a run resumes from."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles searchers into its snapshots; the plan has no place there.
        return {}


class PassedOn:
    """What the listener raises is kept as it is: Tune turns it into an error of its own, of which a text is left."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Around every call that may reach the listener."""
        try:
            yield
        except Exception as error:
            self.failure = error
            raise


class Reporter(tune.Callback):
    """Passes on what Tune sees, and takes results out of Tune's hands so that it keeps none in memory."""

    def __init__(self, dispatch: Dispatch, death: Death, passed_on: PassedOn) -> None:
        self._dispatch = dispatch
        self._death = death
        self._passed_on = passed_on

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        # The worker has it, and Tune would keep it until the run ends.
        for kept in (trial.config, trial.evaluated_params):
            kept.pop(CHECKPOINT, None)
        with self._passed_on.remembered():
            self._dispatch.started(*_attempt(trial), time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        attempt = _attempt(trial)
        checkpoint, report = result.pop(CHECKPOINT, None), result.pop(REPORT, None)
        with self._passed_on.remembered():
            if report is not None:
                self._dispatch.progressed(*attempt, report)
            if checkpoint is not None:
                self._dispatch.checkpointed(*attempt, checkpoint)
            if report is None and checkpoint is None:
                ended = result.pop(RESULT, None)
                if isinstance(ended, TrialResult):
                    self._dispatch.ended(*attempt, ended, time.time())
                else:
                    self._dispatch.lost(*attempt, _NO_RESULT, time.monotonic(), time.time())

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The worker itself was lost: what a trial raises comes back as a result."""
        with self._passed_on.remembered():
            # Of a worker that went down with Ray nothing is said against its trial.
            require_alive(self._death)
            self._dispatch.lost(*_attempt(trial), error_of(trial), time.monotonic(), time.time())

    def __getstate__(self) -> dict[str, Any]:
        return {}


class QueueScheduler(FIFOScheduler):
    """First in, first out, as Tune's own queue of pending trials already is.

    Tune's FIFOScheduler walks all trials ever made at every event, which grows with the study. Asked at every turn of
    Tune's loop, ten times a second while nothing happens, this one looks after the hosts, ends what has had its time,
    and takes back what no worker has begun when no more is to be, or none is left that could.
    """

    def __init__(self, dispatch: Dispatch, placement: Placement) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dispatch = dispatch
        self._placement = placement

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        left = self._placement.look()
        overdue = self._dispatch.overdue(time.monotonic())
        if left or overdue or self._dispatch.finishing:
            live: list[Trial] = list(tune_controller.get_live_trials())  # type: ignore[no-untyped-call]
            for trial in live:
                if _attempt(trial) in overdue:
                    _end_worker(trial)
                elif self._taken_back(trial):
                    # In the end Tune lists the folders of all trials, and this one has none yet.
                    trial.init_local_path()  # type: ignore[no-untyped-call]
                    # Tune prints that such a trial has completed.
                    with redirect_stdout(None):
                        tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]
        return None

    def _taken_back(self, trial: Trial) -> bool:
        """Whether no worker has begun it and none is to, or none could: its hosts have all left."""
        if self._dispatch.finishing:
            return self._dispatch.withdraw(*_attempt(trial))
        return not self._placement.serves(trial.config[LABELS]) and self._dispatch.put_back(*_attempt(trial))

    def __getstate__(self) -> dict[str, Any]:
        return {}


def run_trials(
    trials: list[TrialSpec],
    placement: Placement,
    listener: Listener,
    *,
    death: Death,
    keep_model: bool,
    checkpoint_every: float,
    stopping: Stopping,
    costs: Costs | None = None,
) -> None:
    """Run ``trials`` where ``placement`` says, as many at a time as there is room for, the longest first by ``costs``
    (without, by the plan), which are told of each that is done.

    Returns when all have finished or failed; once ``stopping`` is asked, when those that run have. What the listener
    raises, and a KeyboardInterrupt, is passed on; leaving the cluster ends the workers.
    """
    amend_tune()
    # Tune's own number is one for searchers: a worker that starts would hold up all others, and be dropped for the next
    # that comes free, so that short trials ran one after the other.
    slots = max(placement.capacity.slots(resources) for resources in {trial.resources for trial in trials})
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots + 1)
    passed_on = PassedOn()
    dispatch = Dispatch(trials, placement.capacity, listener, stopping, costs)
    settings = {
        "keep_model": keep_model,
        "checkpoint_every": checkpoint_every,
        "report_every": report_every(slots),
    }
    searcher = PlanSearcher(dispatch, placement, death, passed_on, settings)
    scheduler = QueueScheduler(dispatch, placement)
    # Tune insists on a folder for the bookkeeping that nothing here relies on.
    # Where a run is stopped at once, its workers may still write there.
    with tempfile.TemporaryDirectory(prefix="dsn-tune-", ignore_cleanup_errors=True) as folder:
        try:
            _tuner(searcher, scheduler, Reporter(dispatch, death, passed_on), Path(folder)).fit()
        except Exception:
            if passed_on.failure is not None:
                raise passed_on.failure from None
            raise


def _tuner(searcher: PlanSearcher, scheduler: QueueScheduler, reporter: Reporter, folder: Path) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(TrialActor, _place),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            # As many as the searcher has: a trial may be run again.
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=_tune_name,
            trial_dirname_creator=_tune_name,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(folder),
            verbose=0,
            callbacks=[reporter],
            failure_config=tune.FailureConfig(max_failures=0),
            # Tune's default for classes is a checkpoint at the end; ours come back as results.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )


def _place(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    selected: dict[str, Any] = {"bundle_label_selector": [config[LABELS]]} if config[LABELS] else {}
    return tune.PlacementGroupFactory([config["resources"]], **selected)


def _wanted(resources: Resources) -> dict[str, float]:
    """As Ray calls them. It sets memory aside; the worker keeps to it (``pipeline.cluster.memory``)."""
    wanted: dict[str, float] = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory_bytes or 0}
    return {name: amount for name, amount in wanted.items() if amount}


def _attempt(trial: Trial) -> tuple[str, int]:
    """Which trial of ours one of Tune's is, and which attempt at it."""
    return trial.config["trial"], trial.config["attempt"]


def _tune_name(trial: Trial) -> str:
    return "{}.{}".format(*_attempt(trial))


def _end_worker(trial: Trial) -> None:
    """Tune hears of it as of any worker that is lost."""
    actor = trial.temporary_state.ray_actor
    assert actor is not None, "a worker has begun it"
    ray.kill(actor)
