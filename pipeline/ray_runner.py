"""Runs trials through Ray Tune. The only file that imports ray; the driver's side of it holds no results.

Tune decides where and when: a searcher of our own hands it the plan, trial by trial, and a callback of our own hears
what happened. Nothing of Tune's own bookkeeping is relied on after a crash (its snapshots are minutes old, see
pipeline/README.md); the ledger is.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from pipeline.dispatch import Dispatch, Listener
from pipeline.memory import limit_memory
from pipeline.outcome import Checkpoint, EpochReport, TrialError, TrialResult
from pipeline.planning import TrialSpec
from pipeline.resources import OBJECT_STORE, Capacity, Resources, local_cpus
from pipeline.stopping import Stopping
from pipeline.worker_death import cause_of_death, plain

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
from ray.tune.execution.tune_controller import TuneController  # noqa: E402
from ray.tune.experiment import Trial  # noqa: E402
from ray.tune.schedulers import FIFOScheduler  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

# Tune lists what did not end well in its own words, retries too; ours are in the ledger.
logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)

REPORT_EVERY = 2.0
"""Seconds between two reports of a running trial."""

_PUT_BACK_EVERY = 0.01

_RESULT = "dsn_result"
_REPORT = "dsn_report"
_CHECKPOINT = "dsn_checkpoint"

_MOST_OUTPUT = 8192
"""Bytes of a worker's output that are kept when it is lost."""


class TrialActor(tune.Trainable):
    """A worker process that runs one trial after the other."""

    def setup(self, config: dict[str, Any]) -> None:
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial: a new process would cost a second, and two with torch."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        limit_memory(None)
        trial = TrialSpec.from_dict(ray.get(config["spec"]))
        checkpoint = None if config[_CHECKPOINT] is None else ray.get(config[_CHECKPOINT])
        if trial.resources.gpus == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._epochs = self._training(trial, checkpoint, config)
        if trial.resources.memory_bytes is not None:
            limit_memory(trial.resources.memory_bytes)

    def _training(self, trial: TrialSpec, checkpoint: bytes | None, config: dict[str, Any]) -> Iterator[Any]:
        # Imported here: torch looks for GPUs when it is, and the driver has no need of it.
        from pipeline.trial import trial_epochs

        return trial_epochs(
            trial,
            keep_model=config["keep_model"],
            checkpoint=checkpoint,
            checkpoint_every=config["checkpoint_every"],
        )

    def step(self) -> dict[str, Any]:
        """Train for a moment and report; the last report carries the result."""
        until = time.monotonic() + REPORT_EVERY
        told: dict[str, Any] = {}
        try:
            while not told or (_CHECKPOINT not in told and time.monotonic() < until):
                heard = next(self._epochs)
                if isinstance(heard, Checkpoint):
                    told[_CHECKPOINT] = heard
                else:
                    told[_REPORT] = EpochReport(epoch=heard.epoch, train_loss=heard.train_loss)
        except StopIteration as finished:
            # Room to send the result.
            limit_memory(None)
            return {"done": True, _RESULT: finished.value}
        return told


class PlanSearcher(Searcher):
    """Feeds Tune what is to be run, as it is asked."""

    def __init__(self, dispatch: Dispatch, passed_on: PassedOn, *, keep_model: bool, checkpoint_every: float) -> None:
        super().__init__()
        self._dispatch = dispatch
        self._passed_on = passed_on
        self._settings = {"keep_model": keep_model, "checkpoint_every": checkpoint_every}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a string
        with self._passed_on.remembered():
            given = self._dispatch.next()
        if isinstance(given, str):
            return Searcher.FINISHED if given == "finished" else None
        # Tune copies and keeps configurations: it gets references to what the worker needs.
        return {
            "trial": given.trial.trial_id,
            "attempt": given.attempt,
            "resources": _wanted(given.trial.resources),
            "spec": ray.put(given.trial.to_dict()),
            _CHECKPOINT: None if given.checkpoint is None else ray.put(given.checkpoint),
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

    def __init__(self, dispatch: Dispatch, passed_on: PassedOn) -> None:
        self._dispatch = dispatch
        self._passed_on = passed_on

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        # The worker has it, and Tune would keep it until the run ends.
        for kept in (trial.config, trial.evaluated_params):
            kept.pop(_CHECKPOINT, None)
        with self._passed_on.remembered():
            self._dispatch.started(*_attempt(trial), time.monotonic())

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        attempt = _attempt(trial)
        checkpoint, report = result.pop(_CHECKPOINT, None), result.pop(_REPORT, None)
        with self._passed_on.remembered():
            if report is not None:
                self._dispatch.progressed(*attempt, report)
            if checkpoint is not None:
                self._dispatch.checkpointed(*attempt, checkpoint)
            if report is None and checkpoint is None:
                ended = result.pop(_RESULT, None)
                self._dispatch.ended(*attempt, ended if isinstance(ended, TrialResult) else _no_result(attempt[0]))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """The worker itself was lost: what a trial raises comes back as a result."""
        with self._passed_on.remembered():
            self._dispatch.lost(*_attempt(trial), _error_of(trial), time.time())

    def __getstate__(self) -> dict[str, Any]:
        return {}


class QueueScheduler(FIFOScheduler):
    """First in, first out, as Tune's own queue of pending trials already is.

    Tune's FIFOScheduler walks all trials ever made at every event, which grows with the study. Asked at every turn of
    Tune's loop, ten times a second while nothing happens, this one ends what has had its time, and takes back what no
    worker has begun when no more is to be.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dispatch = dispatch

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        overdue = self._dispatch.overdue(time.monotonic())
        if overdue or self._dispatch.finishing:
            live: list[Trial] = list(tune_controller.get_live_trials())  # type: ignore[no-untyped-call]
            for trial in live:
                if _attempt(trial) in overdue:
                    _end_worker(trial)
                elif self._dispatch.withdraw(*_attempt(trial)):
                    # In the end Tune lists the folders of all trials, and this one has none yet.
                    trial.init_local_path()  # type: ignore[no-untyped-call]
                    # Tune prints that such a trial has completed.
                    with redirect_stdout(None):
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
        yield Capacity(cpus=int(there.get("CPU", 0)), gpus=int(there.get("GPU", 0)), memory=int(there.get("memory", 0)))
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
    trials: list[TrialSpec],
    capacity: Capacity,
    listener: Listener,
    *,
    keep_model: bool,
    checkpoint_every: float,
    stopping: Stopping,
) -> None:
    """Run ``trials`` on the cluster, as many at a time as ``capacity`` allows for the resources that they have.

    Returns when all have finished or failed; once ``stopping`` is asked, when those that run have. What the listener
    raises, and a KeyboardInterrupt, is passed on; leaving the cluster ends the workers.
    """
    passed_on = PassedOn()
    dispatch = Dispatch(trials, capacity, listener, stopping)
    searcher = PlanSearcher(dispatch, passed_on, keep_model=keep_model, checkpoint_every=checkpoint_every)
    # Tune insists on a folder for the bookkeeping that nothing here relies on.
    with tempfile.TemporaryDirectory(prefix="dsn-tune-") as folder:
        try:
            _tuner(dispatch, searcher, Reporter(dispatch, passed_on), Path(folder)).fit()
        except Exception:
            if passed_on.failure is not None:
                raise passed_on.failure from None
            raise


def _tuner(dispatch: Dispatch, searcher: PlanSearcher, reporter: Reporter, folder: Path) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(TrialActor, lambda config: tune.PlacementGroupFactory([config["resources"]])),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=QueueScheduler(dispatch),
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


def _wanted(resources: Resources) -> dict[str, float]:
    """As Ray calls them. It sets memory aside; the worker keeps to it (``pipeline.memory``)."""
    wanted: dict[str, float] = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory_bytes or 0}
    return {name: amount for name, amount in wanted.items() if amount}


def _attempt(trial: Trial) -> tuple[str, int]:
    """Which trial of ours one of Tune's is, and which attempt at it."""
    return trial.config["trial"], trial.config["attempt"]


def _tune_name(trial: Trial) -> str:
    return "{}.{}".format(*_attempt(trial))


def _no_result(trial_id: str) -> TrialResult:
    error = TrialError(kind="no-result", message="came to an end without a result")
    return TrialResult(trial_id=trial_id, status="failed", started=time.time(), error=error)


def _end_worker(trial: Trial) -> None:
    """Tune hears of it as of any worker that is lost."""
    actor = trial.temporary_state.ray_actor
    assert actor is not None, "a worker has begun it"
    ray.kill(actor)


def _error_of(trial: Trial) -> TrialError:
    """What became of a worker, from what Ray says and from what the worker itself has left."""
    words = _words(trial)
    pid = re.search(r"\bpid[:=] ?(\d+)", words)
    output = _worker_output(int(pid[1])) if pid else ""
    kind, message = cause_of_death(words, output)
    return TrialError(kind=kind, message=message, traceback="\n\n".join(filter(None, [words, output])))


def _words(trial: Trial) -> str:
    """Ray's, for what happened to a worker: Tune has written them to a file."""
    written = Path(trial.error_file) if trial.error_file else None
    if written is None or not written.exists():
        return "the worker was lost"
    _, _, words = written.read_text(encoding="utf-8").rpartition("Failure #")
    return plain(words.partition("\n")[2]).strip()


def _worker_output(pid: int) -> str:
    """The last that a worker of this machine wrote to standard error."""
    node = ray._private.worker.global_worker.node
    assert node is not None, "ray has been started"
    for path in Path(node.get_logs_dir_path()).glob(f"worker-*-{pid}.err"):
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _MOST_OUTPUT, 0))
            lines = plain(file.read().decode("utf-8", "replace")).splitlines()
        # Ray's own marks of who wrote what follows.
        return "\n".join(line for line in lines if not line.startswith((":job_id:", ":actor_name:"))).strip()
    return ""
