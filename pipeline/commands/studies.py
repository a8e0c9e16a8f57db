"""Studies: planning, running, watching and listing them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsn.errors import InvalidInput
from pipeline.commands.data import description_cache
from pipeline.commands.options import (
    AsJson,
    Place,
    Plain,
    Profile,
    Settings,
    SkipAbsent,
    StudyFile,
    StudyName,
    study_name,
)
from pipeline.commands.output import show_results, terminal_width
from pipeline.errors import ExitCode
from pipeline.workspace.layout import Workspace

if TYPE_CHECKING:
    from pipeline.planning.plan import Plan
    from pipeline.study.spec import Study


def plan(
    file: StudyFile,
    *,
    profile: Profile = None,
    settings: Settings = None,
    workspace: Place = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Show every setting that the trials will have.")] = False,
    skip_absent: SkipAbsent = False,
    as_json: AsJson = False,
) -> None:
    """Show what a study would run: trials, arms, estimated cost and time, what is done already. Trains nothing."""
    from pipeline.planning.absent import ways_out
    from pipeline.scheduling.standing import standing
    from pipeline.terminal.plan_text import plan_summary, plan_text
    from pipeline.workspace.disk import estimated_bytes
    from pipeline.workspace.ledger import read_times

    place = Workspace.locate(workspace)
    study, made = _planned(file, profile, settings, place, skip_absent=skip_absent)
    disk, now = estimated_bytes(made, study.spec.tracking), standing(made, read_times(place))
    if as_json:
        typer.echo(json.dumps(plan_summary(made, disk, now=now, resolved=resolved), indent=2))
    else:
        ways = ways_out(study, made)
        typer.echo(plan_text(made, disk, now=now, ways_out=ways, resolved=resolved, width=terminal_width()))


def run(
    file: StudyFile,
    *,
    profile: Profile = None,
    settings: Settings = None,
    workspace: Place = None,
    rerun: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="Train again what failed, what is stale, or all: failed, stale, all."),
    ] = None,
    skip_absent: SkipAbsent = False,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on the Ray cluster at HOST:PORT, or auto: the one that this machine is a host of "
            "(default: on this machine alone).",
        ),
    ] = None,
    plain: Plain = False,
) -> None:
    """Run what is missing of a study, then write its report. May be stopped and repeated at any time."""
    from pipeline.driver.run import run_study
    from pipeline.scheduling.todo import require_rerun
    from pipeline.terminal.choice import make_display

    again = require_rerun(rerun)
    place = Workspace.locate(workspace)
    study, made = _planned(file, profile, settings, place, skip_absent=skip_absent, to_run=True)
    display = make_display(sys.stderr, plain=plain)
    results, report = run_study(study, made, place, display, rerun=again, address=address)
    show_results(results, report, place)
    if (results.trials["status"] == "failed").any():
        raise typer.Exit(ExitCode.TRIALS_FAILED)


def status(
    name: StudyName,
    *,
    profile: Profile = None,
    workspace: Place = None,
    as_json: AsJson = False,
    failed: Annotated[bool, typer.Option("--failed", help="List each failed trial with its id.")] = False,
    follow: Annotated[bool, typer.Option("--watch", help="Show the run that goes on until it ends.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1, max=3600)] = 1.0,
    plain: Plain = False,
) -> None:
    """Count a study's trials: planned = done + pruned + failed + running + pending; say what runs and what failed."""
    from pipeline.terminal.status import read_status, status_summary, status_text
    from pipeline.workspace.record import load_record

    place = Workspace.locate(workspace)
    record = load_record(place, study_name(name, profile))
    if follow:
        if as_json:
            raise InvalidInput("cannot be combined with --json", key="--watch")
        from pipeline.terminal.choice import make_display
        from pipeline.terminal.watch import watch

        watch(place, record.name, make_display(sys.stdout, plain=plain, onlooker=True), interval)
    found, now = read_status(place, record), time.time()
    if as_json:
        typer.echo(json.dumps(status_summary(found, now)))
    else:
        width = terminal_width() if sys.stdout.isatty() else None  # a line a failure, for grep
        typer.echo(status_text(found, now, every_failure=failed, width=width))


def studies(workspace: Place = None, as_json: AsJson = False) -> None:
    """List the workspace's studies: what they ask, how far they are, what they have cost and will cost."""
    from pipeline.terminal.studies import read_studies, studies_summary, studies_text

    place = Workspace.locate(workspace)
    found = read_studies(place)
    typer.echo(
        json.dumps(studies_summary(found), indent=2) if as_json else studies_text(found, place, terminal_width())
    )


def _planned(
    file: Path,
    profile: str | None,
    settings: list[str] | None,
    workspace: Workspace,
    *,
    skip_absent: bool,
    to_run: bool = False,
) -> tuple[Study, Plan]:
    from dsn.data import describe
    from pipeline.planning.absent import require_present
    from pipeline.planning.plan import make_plan
    from pipeline.study.spec import read_study

    study = read_study(file, profile, settings or ())
    with description_cache(workspace) as cache:
        made = make_plan(study, lambda config: describe(config, cache), skip_absent=skip_absent)
        if to_run:
            require_present(study, made)
    return study, made
