"""How the commands speak, and where they write."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dsn.errors import InvalidInput
from pipeline.workspace.layout import Workspace

if TYPE_CHECKING:
    from pipeline.analysis.report.files import ReportPaths
    from pipeline.analysis.results import StudyResults


def say(line: str) -> None:
    """Progress goes to standard error: standard output carries results alone."""
    print(line, file=sys.stderr, flush=True)


def terminal_width() -> int:
    """Columns of the terminal; enough for most tables where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


@contextmanager
def written_to(path: Path, option: str) -> Iterator[None]:
    """What cannot be written is the fault of whoever named the place."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror or error}", key=option, value=str(path)) from error


def write_text(path: Path, text: str, *, folder: bool = False) -> None:
    """Where the user asked for it; ``folder`` makes the folder, too."""
    from dsn.durable import write_atomic

    with written_to(path, "--out"):
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)


def show_results(results: StudyResults, report: ReportPaths, workspace: Workspace, uri: str | None = None) -> None:
    """``uri``: of the MLflow store that they were read from, if they were."""
    from pipeline.analysis.renderings.text import to_text
    from pipeline.analysis.tables import accuracy_table, cost_table, status_table
    from pipeline.planning.absent import omission
    from pipeline.study.tracking_uri import shown
    from pipeline.workspace.record import load_outline

    for table in (accuracy_table(results), cost_table(results), status_table(results)):
        typer.echo(to_text(table, width=terminal_width()) + "\n")
    if results.left_out:
        typer.echo(f"{omission(results.left_out, len(results.datasets))}\n")
    typer.echo(f"Report:    {report.html}")
    elsewhere = uri is not None or load_outline(workspace, results.name).tracking.uri is not None
    server = "that of the server in tracking.uri" if uri is None else f"that of {shown(uri)}"
    typer.echo(f"MLflow UI: {server if elsewhere else _ui_command(workspace)}")


def _ui_command(workspace: Workspace) -> str:
    """The command as it can be typed here: with what is not found without being named."""
    command = "dsn" if shutil.which("dsn") else os.path.relpath(Path(sys.executable).parent / "dsn")
    where = [] if workspace == Workspace.locate() else ["--workspace", os.path.relpath(workspace.root)]
    return shlex.join([command, "ui", *where])
