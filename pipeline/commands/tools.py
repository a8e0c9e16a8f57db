"""Beside the running of studies: one trial alone, MLflow, checks of the machine, the schema for editors."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dsn.errors import InvalidInput
from pipeline.commands.options import AsJson, Place, Profile, StudyName, study_name
from pipeline.commands.output import say, write_text
from pipeline.errors import ExitCode, Locked, UnknownStudy
from pipeline.workspace.layout import Workspace


def trial(
    trial_id: Annotated[str, typer.Argument(metavar="ID", help="A trial's id, or its first digits.")],
    workspace: Place = None,
) -> None:
    """Train one trial in this process for a debugger, with its record's engine; no Ray, no MLflow. Records nothing."""
    from pipeline.workspace.ledger import read_states
    from pipeline.workspace.record import find_trial
    from pipeline.workspace.repetition import engine_of_repetition

    place = Workspace.locate(workspace)
    found = find_trial(place, trial_id)
    # Imported only when there is something to train: torch takes seconds.
    from pipeline.trial.training import device_for, run_trial

    say(f"{found.trial_id}: {found.title}")
    engine, line = engine_of_repetition(found, read_states(place).get(found.trial_id), device_for(found))
    say(line)
    result = run_trial(replace(found, engine=engine), keep_model=False)
    if result.error:
        say(result.error.traceback if result.error.kind == "exception" else f"dsn: {result.error.message}")
        raise typer.Exit(ExitCode.TRIALS_FAILED)
    typer.echo(json.dumps({"trial": found.trial_id, "config": found.config.to_dict(), **result.metrics}, indent=2))


def sync(
    name: StudyName,
    profile: Profile = None,
    workspace: Place = None,
    compare: Annotated[
        bool, typer.Option("--verify", help="Compare MLflow with the ledger, point by point, and mend what differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring MLflow up to date with the ledger; rebuilds it if the store is new."""
    from pipeline.terminal.sync_text import sync_text
    from pipeline.tracking.launch import sync as project
    from pipeline.tracking.launch import verify
    from pipeline.workspace.lock import driven_study
    from pipeline.workspace.record import load_record

    place = Workspace.locate(workspace)
    study = load_record(place, study_name(name, profile)).name
    if driven_study(place) == study:
        raise Locked(study, "a driver, which keeps MLflow up to date itself")
    if as_json and not compare:
        raise InvalidInput("says what --verify found, and that was not asked for", key="--json")
    if not compare:
        if project(place, study):
            raise typer.Exit(ExitCode.CHECK_FAILED)
        return
    found = verify(place, study)
    if found is None:
        raise typer.Exit(ExitCode.CHECK_FAILED)
    typer.echo(json.dumps(found, indent=2) if as_json else sync_text(found))
    if found["left"]:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def ui(
    workspace: Place = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve the MLflow UI on the workspace, to this machine only; Ctrl-C ends it."""
    from pipeline.tracking.ui import serve

    place = Workspace.locate(workspace)
    if not place.ledgers.is_dir():
        raise UnknownStudy("has no studies yet; run one first", key="workspace", value=str(place.root))

    def ready(address: str, studies: Mapping[str, str]) -> None:
        say(f"MLflow answers on {address} (Ctrl-C ends it)")
        for study, page in studies.items():
            say(f"  {study}: {page}")
        if open_page:
            webbrowser.open(address)

    serve(place, port, ready)


def doctor(
    studies: Annotated[
        list[Path] | None, typer.Argument(metavar="[STUDY]...", help="Study files whose data sets are to be there.")
    ] = None,
    workspace: Place = None,
    tracking_uri: Annotated[str | None, typer.Option(help="An MLflow server that is to answer.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what takes seconds: Ray, MLflow, CUDA.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine, the installation and the workspace; say what to do about what is wrong."""
    from pipeline.health.checks import examine
    from pipeline.health.finding import Subject
    from pipeline.terminal.doctor_text import finding_text, findings_summary, healthy, verdict_text

    # Whatever the terminal's encoding is: one of the checks tells of it.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    subject = Subject(workspace=Workspace.locate(workspace), studies=tuple(studies or ()), tracking_uri=tracking_uri)
    findings = []
    for finding in examine(subject, quick=quick):
        findings.append(finding)
        if not as_json:
            typer.echo(finding_text(finding))
    typer.echo(json.dumps(findings_summary(findings), indent=2) if as_json else verdict_text(findings))
    if not healthy(findings):
        raise typer.Exit(ExitCode.CHECK_FAILED)


def schema(
    out: Annotated[Path | None, typer.Option(help="Write it to this file; to standard output otherwise.")] = None,
) -> None:
    """Print the JSON Schema of a study file, with which an editor completes, explains and checks one."""
    from pipeline.study.schema import schema_text

    if out is None:
        typer.echo(schema_text(), nl=False)
        return
    write_text(out, schema_text())
    say(f"{out}: point an editor to it by a study's first line, # yaml-language-server: $schema={out.name}")
