"""Runs trials through Ray Tune. The only file that imports ray; the driver's side of it holds no results.

Tune decides where and when: a searcher of our own hands it the plan, trial by trial, and a callback of our own hears
what happened. Nothing of Tune's own bookkeeping is relied on after a crash (its snapshots are minutes old, see
pipeline/README.md); the ledger is.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Protocol

from pipeline.outcome import EpochReport, TrialError, TrialResult
from pipeline.planning import TrialSpec
from pipeline.resources import OBJECT_STORE, Capacity, Resources, local_cpus
from pipeline.stopping import Stopping

# Read by ray and tune when they are imported.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Ray hides no GPU from actors that asked for none, unless told to; ours hide them (see setup).
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune writes no logs, no snapshots, and leaves signals to the command line: 4-7 ms a trial instead of 30.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # What went wrong is in the ledger and in a line of ours.
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
os.environ.update({key: value for key, value in _ENVIRONMENT.items() if key not in os.environ})

import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.error import TuneError  # noqa: E402
from ray.tune.execution.tune_controller import TuneController  # noqa: E402
from ray.tune.experiment import Trial  # noqa: E402
from ray.tune.schedulers import FIFOScheduler  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

REPORT_EVERY = 2.0
"""Seconds between two reports of a running trial."""

_PUT_BACK_EVERY = 0.01

_RESULT = "dsn_result"
_REPORT = "dsn_report"


class Listener(Protocol):
    """Hears of every trial, in the driver's process."""

    def started(self, trial: TrialSpec) -> None: ...

    def progressed(self, trial: TrialSpec, report: EpochReport) -> None: ...

    def finished(self, trial: TrialSpec, result: TrialResult) -> None: ...


class TrialActor(tune.Trainable):
    """A worker process that runs one trial after the other."""

    def setup(self, config: dict[str, Any]) -> None:
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial: a new process would cost a second, and two with torch."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        trial = TrialSpec.from_dict(ray.get(config["spec"]))
        if trial.resources.gpus == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        # Imported here: torch looks for GPUs when it is, and the driver has no need of it.
        from pipeline.trial import trial_epochs

        self._epochs = trial_epochs(trial, keep_model=config["keep_model"])

    def step(self) -> dict[str, Any]:
        """Train for a moment and report; the last report carries the result."""
        until = time.monotonic() + REPORT_EVERY
        try:
            record = next(self._epochs)
            while time.monotonic() < until:
                record = next(self._epochs)
        except StopIteration as finished:
            return {"done": True, _RESULT: finished.value}
        return {_REPORT: EpochReport(epoch=record.epoch, train_loss=record.train_loss)}


class PlanSearcher(Searcher):
    """Feeds Tune the trials of a plan, in order."""

    def __init__(self, trials: Sequence[TrialSpec], stopping: Stopping, *, keep_model: bool) -> None:
        super().__init__()
        self.trials = len(trials)
        self._waiting: Iterator[TrialSpec] = iter(trials)
        self._stopping = stopping
        self._keep_model = keep_model

    def suggest(self, trial_id: str) -> dict[str, Any] | str:  # type: ignore[override]  # FINISHED is a string
        trial = None if self._stopping.asked else next(self._waiting, None)
        if trial is None:
            return Searcher.FINISHED
        # Tune copies and keeps configurations: it gets a reference to what the worker needs.
        return {"trial": trial.trial_id, "spec": ray.put(trial.to_dict()), "keep_model": self._keep_model}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The listener has been told by then."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger is what a run resumes from."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles searchers into its snapshots; the plan has no place there.
        return {}


class Reporter(tune.Callback):
    """Passes on what Tune sees, and takes results out of Tune's hands so that it keeps none in memory."""

    def __init__(self, trials: Iterable[TrialSpec], listener: Listener) -> None:
        self.failure: Exception | None = None
        self._trials = {trial.trial_id: trial for trial in trials}
        self._listener = listener

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        with self._remembered():
            self._listener.started(self._spec(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        finished = result.pop(_RESULT, None)
        with self._remembered():
            if finished is None:
                self._listener.progressed(self._spec(trial), result[_REPORT])
            else:
                self._listener.finished(self._spec(trial), finished)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The worker itself was lost: what a trial raises comes back as a result."""
        error = TrialError(kind="worker-lost", message=_cause(trial))
        spec = self._spec(trial)
        result = TrialResult(trial_id=spec.trial_id, status="failed", started=time.time(), error=error)
        with self._remembered():
            self._listener.finished(spec, result)

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        """What the listener raises is kept as it is, and passed on."""
        try:
            yield
        except Exception as error:
            self.failure = error
            raise

    def _spec(self, trial: Trial) -> TrialSpec:
        return self._trials[trial.config["trial"]]

    def __getstate__(self) -> dict[str, Any]:
        return {}


class QueueScheduler(FIFOScheduler):
    """First in, first out, as Tune's own queue of pending trials already is.

    Tune's FIFOScheduler walks all trials ever made at every event, which grows with the study.
    """

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stopping = stopping

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        if self._stopping.asked:
            # Tune holds a trial in readiness for the next free place; it must not begin either.
            live = list(tune_controller.get_live_trials())  # type: ignore[no-untyped-call]
            # It prints that such a trial has completed.
            with redirect_stdout(None):
                for trial in (each for each in live if each.status == Trial.PENDING):
                    tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Forking(threading.local):
    """Whether what this thread starts leaves the process group of the driver."""

    leaves = False


_forking = _Forking()
# Of what Python starts, this reaches just what runs a function of its own before its program, as all of Ray's does.
os.register_at_fork(after_in_child=lambda: os.setpgid(0, 0) if _forking.leaves else None)


@contextmanager
def cluster() -> Iterator[Capacity]:
    """Ray on this machine, for a block; yields what it can give."""
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        _start(on_termination)
        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        yield Capacity(cpus=int(there.get("CPU", 0)), gpus=int(there.get("GPU", 0)))
    finally:
        with _kept(on_termination):
            ray.shutdown()


@contextmanager
def _kept(on_termination: Any) -> Iterator[None]:
    """Keep the handler of SIGTERM. Ray takes it away a second or two before its end is over, and Python does not know:
    the next signal would end the process without a word. So it is put back again and again."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.signal(signal.SIGTERM, on_termination))
    timer = signal.setitimer(signal.ITIMER_REAL, _PUT_BACK_EVERY, _PUT_BACK_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGTERM, on_termination)


def _start(on_termination: Any) -> None:
    """Start Ray, out of reach of signals that are for the driver: a terminal, or ``timeout``, sends them to its group.

    Args:
        on_termination: the handler of SIGTERM. Ray's own would leave in the middle of whatever is being done.
    """
    _forking.leaves = True
    try:
        ray.init(
            # A cluster that the environment happens to name is not meant.
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=local_cpus(),
            object_store_memory=OBJECT_STORE,
        )
    except SystemExit as left:
        # What Ray's handler makes of the signal while it starts.
        if left.code == signal.SIGTERM and callable(on_termination):
            on_termination(signal.SIGTERM, None)
        raise
    finally:
        _forking.leaves = False
        signal.signal(signal.SIGTERM, on_termination)


def probe() -> str:
    """Start Ray, run a task and stop, for `dsn doctor`; says what there is."""
    with cluster() as capacity:
        assert ray.get(ray.remote(num_cpus=1)(lambda: 1).remote()) == 1
        return f"{capacity.cpus} CPUs, {capacity.gpus} GPUs"


def run_trials(
    trials: list[TrialSpec], resources: Resources, listener: Listener, stopping: Stopping, *, keep_model: bool
) -> None:
    """Run ``trials`` on the cluster, as many at a time as ``resources`` allow.

    Returns when all have finished or failed, or, once ``stopping`` was asked for, those that had begun. What the
    listener raises, and a KeyboardInterrupt, is passed on; leaving the cluster ends the workers.
    """
    reporter = Reporter(trials, listener)
    # Tune insists on a folder for the bookkeeping that nothing here relies on.
    with tempfile.TemporaryDirectory(prefix="dsn-tune-") as folder:
        try:
            searcher = PlanSearcher(trials, stopping, keep_model=keep_model)
            _tuner(searcher, QueueScheduler(stopping), resources, reporter, Path(folder)).fit()
        except TuneError:
            # Tune turns whatever a callback raises into its own error, of which only a text is left.
            if reporter.failure is not None:
                raise reporter.failure from None
            raise


def _tuner(
    searcher: PlanSearcher, scheduler: QueueScheduler, resources: Resources, reporter: Reporter, folder: Path
) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(TrialActor, {"cpu": resources.cpus, "gpu": resources.gpus}),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=searcher.trials,
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


def _cause(trial: Trial) -> str:
    """Ray's words for what happened to a worker, on one line."""
    written = Path(trial.error_file) if trial.error_file else None
    if written is None or not written.exists():
        return "the worker was lost"
    _, _, words = written.read_text(encoding="utf-8").rpartition("Failure #")
    return " ".join(words.partition("\n")[2].split())


def _tune_name(trial: Trial) -> str:
    return str(trial.config["trial"])
