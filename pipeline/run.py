"""``dsn run``: what is missing of a study is run, recorded and projected."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, Any

from dsn.durable import write_atomic
from pipeline.analysis.wording import duration
from pipeline.errors import Interrupted
from pipeline.ledger import Ledger, read_states
from pipeline.outcome import TrialResult
from pipeline.planning import Plan, TrialSpec
from pipeline.provenance import code_provenance
from pipeline.record import make_record, save_record
from pipeline.spec import Study
from pipeline.tracking_process import TrackingProcess
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.analysis.report import ReportPaths
    from pipeline.analysis.results import StudyResults

Say = Callable[[str], None]


class Recorder:
    """Makes every result durable before anyone is told of it: artifacts, then the ledger, then the terminal."""

    def __init__(self, workspace: Workspace, ledger: Ledger, todo: list[TrialSpec], slots: int, say: Say) -> None:
        self._workspace = workspace
        self._ledger = ledger
        self._say = say
        self._provenance = code_provenance()
        self._total = len(todo)
        self._finished = 0
        self._slots = slots
        self._all = sum(trial.seconds for trial in todo)
        self._estimated = 0.0
        self._began = 0.0

    def started(self, trial: TrialSpec) -> None:
        self._began = self._began or time.monotonic()
        self._ledger.append("started", trial.trial_id)

    def progressed(self, trial: TrialSpec, summary: dict[str, Any]) -> None:
        """Running trials are not recorded yet: a trial that is cut off starts again."""

    def finished(self, trial: TrialSpec, result: TrialResult) -> None:
        folder = self._workspace.trial(trial.trial_id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in result.artifacts.items():
            write_atomic(folder / name, content)
        error = asdict(result.error) if result.error else None
        self._ledger.append(
            result.status,
            trial.trial_id,
            started=result.started,
            config=trial.config.to_dict(),
            seed=trial.seed,
            metrics=result.metrics,
            artifacts=sorted(result.artifacts),
            provenance=result.provenance | self._provenance,
            error=error,
        )
        self._tell(trial, result)

    def _tell(self, trial: TrialSpec, result: TrialResult) -> None:
        self._finished += 1
        self._estimated += trial.seconds
        if result.error:
            outcome = f"failed ({result.error.kind}): {result.error.message}"
        else:
            accuracy, seconds = result.metrics["test_accuracy"], result.metrics["train_seconds"]
            outcome = f"test accuracy {100 * accuracy:.2f} %, {seconds:.1f} s"
        self._say(f"[{self._finished}/{self._total}] {trial.title}: {outcome}{self._left()}")

    def _left(self) -> str:
        """The time left, from the plan's estimates corrected by how long the finished ones really took."""
        if self._finished == self._total:
            return ""
        # What the other slots are at counts half: on average they are half way.
        mean = self._estimated / self._finished
        done = self._estimated + mean * min(self._slots - 1, self._total - self._finished) / 2
        elapsed = time.monotonic() - self._began
        return f"; about {duration(elapsed * max(self._all - done, 0) / done)} left"


def run_study(
    study: Study, plan: Plan, workspace: Workspace, say: Say, *, rerun_failed: bool = False
) -> tuple[StudyResults, ReportPaths]:
    """Run every trial of the plan that is not done (and, unless ``rerun_failed``, has not failed); write the report.

    Raises:
        Locked: another process drives this study.
        Interrupted: SIGINT or SIGTERM came; finished trials are safe.
    """
    with Ledger.open(workspace, plan.study) as ledger:
        todo = _missing(plan, workspace, rerun_failed)
        save_record(workspace, make_record(study, plan))
        say(
            f"{plan.study}: {len(plan.trials)} trials, {len(plan.trials) - len(todo)} already there, {len(todo)} to run"
        )
        with TrackingProcess(workspace, plan.study, say), _signals_as_interrupts():
            if todo:
                _train(study, todo, workspace, ledger, say)
            # Inside, so that the report is there before MLflow's last word: it is an artifact of the study's run.
            return publish(workspace, plan.study)


def publish(workspace: Workspace, study: str) -> tuple[StudyResults, ReportPaths]:
    """Write the report from what the ledgers say now."""
    # Imported only when needed: pandas, matplotlib and jinja take a second.
    from pipeline.analysis.frames import load_results
    from pipeline.analysis.report import write_report

    results = load_results(workspace, study)
    folder = workspace.report(study)
    folder.mkdir(parents=True, exist_ok=True)
    return results, write_report(results, folder)


def _missing(plan: Plan, workspace: Workspace, rerun_failed: bool) -> list[TrialSpec]:
    states = read_states(workspace)
    settled = {"done", "pruned"} if rerun_failed else {"done", "pruned", "failed"}
    return [
        trial for trial in plan.trials if trial.trial_id not in states or states[trial.trial_id].status not in settled
    ]


def _train(study: Study, todo: list[TrialSpec], workspace: Workspace, ledger: Ledger, say: Say) -> None:
    # Imported only when something is to be trained: ray and torch take seconds.
    from pipeline.ray_runner import run_trials, slots

    resources = study.spec.resources
    recorder = Recorder(workspace, ledger, todo, slots(resources), say)
    try:
        run_trials(todo, resources, recorder, keep_model=study.spec.tracking.keep_models == "all")
    except KeyboardInterrupt:
        raise Interrupted("stopped by a signal; the same command runs what is missing") from None


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """SIGTERM stops a run as SIGINT does."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
