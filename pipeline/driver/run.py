"""``dsn run``: what is missing of a study is run, recorded and projected."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from dsn.engine_choice import choose_engine
from dsn.errors import InvalidInput
from pipeline.driver.allotment import allotted
from pipeline.driver.on_finish import Ending
from pipeline.driver.recorder import Recorder, workspace_failures
from pipeline.errors import Interrupted
from pipeline.health.preflight import check_before_run
from pipeline.planning.absent import omission
from pipeline.planning.capacity import Capacity, local_cpus
from pipeline.planning.plan import Plan, TrialSpec
from pipeline.scheduling.costs import Costs
from pipeline.scheduling.stopping import Stopping
from pipeline.scheduling.times import Conditions
from pipeline.scheduling.todo import Rerun, begin, opening, what_to_do
from pipeline.study.spec import Study
from pipeline.terminal.broadcast import Broadcast
from pipeline.terminal.display import Display
from pipeline.terminal.progress import Progress
from pipeline.terminal.progress_file import ProgressFile
from pipeline.tracking.launch import TrackingProcess
from pipeline.wording import counted
from pipeline.workspace.disk import disk_space
from pipeline.workspace.layout import PAGE, Workspace
from pipeline.workspace.ledger import Ledger, read_states
from pipeline.workspace.lock import driver_lock, require_undriven
from pipeline.workspace.record import make_record, save_record
from pipeline.workspace.source import kept_against

if TYPE_CHECKING:
    from pipeline.analysis.published import Published
    from pipeline.analysis.report.files import ReportPaths
    from pipeline.analysis.results import StudyResults
    from pipeline.cluster.hosts import Placement
    from pipeline.study.resources import Resources


Say = Callable[[str], None]


def run_study(
    study: Study,
    plan: Plan,
    workspace: Workspace,
    display: Display,
    *,
    rerun: Rerun | None = None,
    address: str | None = None,
) -> tuple[StudyResults, ReportPaths]:
    """Run what is missing of the plan, and what ``rerun`` asks for again; write the report.

    Args:
        study: validated.
        plan: of it.
        workspace: where the results go.
        display: what is said.
        rerun: what is trained again although it has ended.
        address: of the Ray cluster that trains; without, this machine does.

    Raises:
        InvalidInput: the machine has not what the study asks for, or trials would fail (``pipeline.health.preflight``).
        Locked: another process drives a study of this workspace.
        Interrupted: a signal came before all was done (``pipeline.scheduling.stopping``), or Ray died; finished trials
            are safe.
        WorkspaceFailed: the results would not fit, or one could not be written; those before it are safe.
    """
    assert not plan.absent, "pipeline.planning.absent.require_present comes first"
    if address is None:
        _require_cores(study)
    _require_engine(study)
    stopping = Stopping()
    with stopping.heard():
        # ``ended`` before all else, calls included: Python looks for the next signal at each.
        try:
            published = _run(study, plan, workspace, display, stopping, rerun=rerun, address=address)
            stopping.ended = True
        except Interrupted:
            stopping.ended = True
            raise
        except KeyboardInterrupt:
            stopping.ended = True
            raise Interrupted("stopped by a signal; the same command runs what is missing") from None
        return published


def _run(
    study: Study,
    plan: Plan,
    workspace: Workspace,
    display: Display,
    stopping: Stopping,
    *,
    rerun: Rerun | None,
    address: str | None,
) -> tuple[StudyResults, ReportPaths]:
    ending = Ending(study, workspace, display.say)
    with display, ending.watched(), ExitStack() as held:
        _examine(study, plan, workspace, display.say, rerun)
        with workspace_failures(workspace):
            held.enter_context(driver_lock(workspace, plan.study))
            file = ProgressFile(workspace, plan.study, display.say)
            file.remove()
            ledger = held.enter_context(Ledger(workspace, plan.study))
            save_record(workspace, make_record(study, plan))
            todo, states = begin(workspace, ledger, plan, rerun)
            words = list(opening(plan, todo, workspace))
        for line in words:
            display.say(line)
        if plan.left_out:
            display.say(omission(plan.left_out, len(plan.datasets)))
        conditions = Conditions.here if address is None else Conditions.elsewhere
        costs = Costs.of(plan.trials, states, conditions(plan.engine, plan.resources))
        progress = Progress(
            study=plan.study,
            question=study.spec.question,
            trials=plan.trials,
            cells=plan.cells,
            states=states,
            todo=[trial.trial_id for trial in todo.trials],
            began=time.time(),
            costs=costs,
        )
        broadcast = held.enter_context(Broadcast(progress, display, file))
        ending.snapshot = broadcast.snapshot
        with workspace_failures(workspace):
            held.enter_context(TrackingProcess(workspace, plan.study, display.say))
        if todo.trials:
            recorder = Recorder(workspace, plan.study, ledger, broadcast, states)
            _train(
                study,
                list(todo.trials),
                recorder,
                broadcast,
                costs=costs,
                stopping=stopping,
                say=display.say,
                address=address,
            )
        broadcast.enter("reporting")
        # Inside, so that the report is there before MLflow's last word: it is an artifact of the study's run.
        published = publish(workspace, plan.study)
        ending.report = str(workspace.report(plan.study) / PAGE)
        broadcast.enter("tracking")
        left = broadcast.snapshot().to_go
        if stopping.asked and left:
            raise Interrupted(f"stopped by a signal with {counted(left, 'trial')} to go; the same command runs them")
        return published


def _examine(study: Study, plan: Plan, workspace: Workspace, say: Say, rerun: Rerun | None) -> None:
    """Refuse what could not be finished, before anything is written."""
    from pipeline.analysis.published import read_published

    with workspace_failures(workspace):
        require_undriven(workspace, plan.study)
        against = kept_against(workspace, plan.study)
        if against:
            read_published(against)  # the report at the end could not be written
        todo, space = what_to_do(plan, read_states(workspace), rerun), disk_space(workspace.root)
    check_before_run(study, replace(plan, trials=todo.trials), workspace, space, say)


def publish(
    workspace: Workspace, study: str, published: tuple[Published, ...] | None = None, *, pdf: bool = False
) -> tuple[StudyResults, ReportPaths]:
    """Write the report from what the ledgers say now, beside what others have published.

    Args:
        workspace: of the study.
        study: its name.
        published: to be set beside it from now on; without, what the last report was set beside.
        pdf: its figures for print too.

    Raises:
        InvalidInput: ``published`` has nothing to do with the study.
    """
    # Imported only when needed: pandas, matplotlib and jinja take a second.
    from pipeline.analysis.frames import load_results
    from pipeline.analysis.report.files import write_report

    with workspace_failures(workspace):
        results = load_results(workspace, study, published)
        folder = workspace.report(study)
        folder.mkdir(parents=True, exist_ok=True)
        return results, write_report(results, folder, pdf=pdf)


def _require_cores(study: Study) -> None:
    """Before anything is written: no trial of a study that wants more cores than there are would ever start."""
    place = study.document.place(("resources", "cpus"))
    try:
        Capacity.of_one(cpus=local_cpus()).fitted(study.spec.resources.without_gpu())
    except InvalidInput as error:
        raise InvalidInput(error.problem, key=error.key, value=error.value, place=place) from error


def _require_engine(study: Study) -> None:
    """An engine that the study names can be used on this machine, where the first workers are."""
    try:
        choose_engine(study.spec.engine)
    except InvalidInput as error:
        place = study.document.place(("engine",)) if error.key == "engine" else ""
        raise InvalidInput(
            error.problem, key=error.key, value=error.value, place=place, choices=error.choices
        ) from error


def _train(
    study: Study,
    todo: list[TrialSpec],
    recorder: Recorder,
    broadcast: Broadcast,
    *,
    costs: Costs,
    stopping: Stopping,
    say: Say,
    address: str | None,
) -> None:
    # Imported only when something is to be trained: ray takes seconds.
    from pipeline.cluster.runner import run_trials
    from pipeline.cluster.start import cluster

    with cluster(address) as death:
        trials = allotted(todo, study.spec.resources, say)
        least = min((trial.resources for trial in trials), key=lambda each: each.gpus)
        say(f"engine: {choose_engine(study.spec.engine, 'cuda' if least.gpus else 'cpu')}")
        placement = _placement(trials, least, broadcast, say, address)
        broadcast.have_workers(placement.capacity.slots(least))
        try:
            with stopping.finishing(broadcast.trains, broadcast.finish):
                run_trials(
                    trials,
                    placement,
                    recorder,
                    death=death,
                    keep_model=study.spec.tracking.keep_models == "all",
                    checkpoint_every=study.spec.recovery.checkpoint_every,
                    stopping=stopping,
                    costs=costs,
                )
        except BaseException:
            # Ending the workers takes seconds, and whoever pressed Ctrl-C wants to see that it was heard.
            broadcast.enter("stopping")
            raise


def _placement(
    trials: list[TrialSpec], given: Resources, broadcast: Broadcast, say: Say, address: str | None
) -> Placement:
    """Where trials may be placed: on this machine, or on the hosts of the cluster that are fit for them."""
    from pipeline.cluster.hosts import Anywhere, ExaminedHosts, capacity_there

    if address is None:
        return Anywhere(capacity=capacity_there())
    hosts = ExaminedHosts(
        given,
        {trial.config.data: trial.content_hash for trial in trials},
        say,
        lambda there: broadcast.have_workers(there.slots(given)),
    )
    hosts.admit_all()
    return hosts
