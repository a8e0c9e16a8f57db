"""Asking a run to stop, from another terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.commands.options import Place, Profile, StudyName, study_name
from pipeline.workspace.layout import Workspace


def cancel(
    name: StudyName,
    *,
    profile: Profile = None,
    workspace: Place = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the trials that run.")] = False,
) -> None:
    """Ask a study's run to stop: no trial is begun, those that run are finished. Returns at once; nothing is lost."""
    from pipeline.driver.cancel import cancel as ask

    study = study_name(name, profile)
    asked = ask(Workspace.locate(workspace), study, now=now)
    how = "stops now" if now else "finishes what runs, then stops"
    typer.echo(f"{study}: {asked.who} {how}; `dsn status {study} --watch` waits for its end")
