"""The command line: which commands there are, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from dsn.errors import DSNError, InvalidInput
from pipeline.commands import data, results, studies, tools
from pipeline.commands.cancel import cancel
from pipeline.commands.output import say
from pipeline.errors import ExitCode, Interrupted, Locked, WorkspaceFailed

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "plan": studies.plan,
    "run": studies.run,
    "status": studies.status,
    "cancel": cancel,
    "studies": studies.studies,
    "report": results.report,
    "verify": results.verify,
    "tables": results.tables,
    "export": results.export,
    "import": results.import_bundle,
    "trial": tools.trial,
    "sync": tools.sync,
    "ui": tools.ui,
    "doctor": tools.doctor,
    "schema": tools.schema,
}
"""In the order of the help."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ablation studies of dynamic sparse networks: a study file in; trained models, MLflow runs and a report out.",
)
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(data.app, name="data")


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    codes: tuple[tuple[type[DSNError], ExitCode], ...] = (
        (InvalidInput, ExitCode.INVALID_INPUT),
        (Locked, ExitCode.LOCKED),
        (Interrupted, ExitCode.INTERRUPTED),
        (WorkspaceFailed, ExitCode.INTERRUPTED),
    )
    try:
        yield
    except DSNError as error:
        say(f"dsn: {error}")
        sys.exit(next((code for kind, code in codes if isinstance(error, kind)), ExitCode.BUG))


def main(command: Callable[[], object] = app) -> None:
    """The entry point: runs a command and turns our exceptions into messages and exit codes."""
    with _errors_as_exit_codes():
        command()
