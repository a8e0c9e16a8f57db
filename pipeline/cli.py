"""The command line. Every command is a thin layer over one function elsewhere, which is imported when it is called."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsn.errors import DSNError, InvalidInput
from pipeline.data_commands import app as data_commands
from pipeline.errors import ExitCode, Interrupted, Locked, UnknownStudy, WorkspaceFailed
from pipeline.options import AsJson, Place, description_cache, say, terminal_width
from pipeline.wording import counted, listed
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.analysis.report import ReportPaths
    from pipeline.analysis.results import StudyResults
    from pipeline.planning import Plan
    from pipeline.source import StudySource
    from pipeline.study.spec import Study

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ablation studies of dynamic sparse networks: a study file in; trained models, MLflow runs and a report out.",
)
app.add_typer(data_commands, name="data")

StudyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The study's YAML file.", show_default=False)]
StudyName = Annotated[str, typer.Argument(metavar="NAME", help="A study's name, or its YAML file.", show_default=False)]
Profile = Annotated[str | None, typer.Option(help="Apply this profile of the study file.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Edit the study, e.g. base.training.epochs=40.")
]
SkipAbsent = Annotated[bool, typer.Option("--skip-absent", help="Leave out the data sets whose files are not there.")]
Against = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Published accuracies, CSV of dataset, arm, system, accuracy, std, source."),
]
StoreUri = Annotated[
    str | None,
    typer.Option("--from", metavar="URI", help="Read it from this MLflow store: http://HOST:PORT, sqlite:///FILE."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a picture that is drawn again in place.")]


@app.command()
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
    """Show what a study would run: trials, arms, estimated cost and time. Trains nothing."""
    from pipeline.absent import ways_out
    from pipeline.disk import estimated_bytes
    from pipeline.terminal.plan_text import plan_summary, plan_text

    study, made = _planned(file, profile, settings, Workspace.locate(workspace), skip_absent=skip_absent)
    disk = estimated_bytes(made, study.spec.tracking)
    if as_json:
        typer.echo(json.dumps(plan_summary(made, disk, resolved=resolved), indent=2))
    else:
        ways = ways_out(study, made)
        typer.echo(plan_text(made, disk, ways_out=ways, resolved=resolved, width=terminal_width()))


@app.command()
def run(
    file: StudyFile,
    *,
    profile: Profile = None,
    settings: Settings = None,
    workspace: Place = None,
    rerun_failed: Annotated[bool, typer.Option("--rerun-failed", help="Try failed trials again.")] = False,
    skip_absent: SkipAbsent = False,
    plain: Plain = False,
) -> None:
    """Run what is missing of a study, then write its report. May be stopped and repeated at any time."""
    from pipeline.run import run_study
    from pipeline.terminal.choice import make_display

    place = Workspace.locate(workspace)
    study, made = _planned(file, profile, settings, place, skip_absent=skip_absent, to_run=True)
    display = make_display(sys.stderr, plain=plain)
    results, report = run_study(study, made, place, display, rerun_failed=rerun_failed)
    _show_results(results, report, place)
    if (results.trials["status"] == "failed").any():
        raise typer.Exit(ExitCode.TRIALS_FAILED)


@app.command()
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
    from pipeline.record import load_record
    from pipeline.terminal.status import read_status, status_summary, status_text

    place = Workspace.locate(workspace)
    record = load_record(place, _study_name(name, profile))
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
        typer.echo(status_text(found, now, every_failure=failed))


@app.command()
def studies(workspace: Place = None, as_json: AsJson = False) -> None:
    """List the workspace's studies: what they ask, how far they are, what they have cost and will cost."""
    from pipeline.terminal.studies import read_studies, studies_summary, studies_text

    place = Workspace.locate(workspace)
    found = read_studies(place)
    typer.echo(
        json.dumps(studies_summary(found), indent=2) if as_json else studies_text(found, place, terminal_width())
    )


@app.command()
def report(
    name: StudyName,
    *,
    profile: Profile = None,
    workspace: Place = None,
    uri: StoreUri = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write it there (default: reports/NAME in the workspace).")
    ] = None,
    against: Against = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also write every figure as PDF, for print.")] = False,
) -> None:
    """Write a study's report (Markdown, HTML, CSV) from what is known now, and print its table."""
    from pipeline.analysis.published import read_published, set_beside
    from pipeline.record import recorded_studies
    from pipeline.run import publish

    place, study = Workspace.locate(workspace), _study_name(name, profile)
    published = read_published(against) if against else ()
    if uri is None and out is None:
        _show_results(*publish(place, study, published, pdf=pdf), place)
        return
    if out is None and study in recorded_studies(place):
        raise InvalidInput("is needed: the workspace has a study of this name, with a report of its own", key="--out")
    with _source(place, study, uri) as source:
        from pipeline.analysis.frames import results_of
        from pipeline.analysis.report import write_report

        folder = out or place.report(study)
        with _written_to(folder, "--out"):
            results = set_beside(results_of(source), published)
            _show_results(results, write_report(results, folder, pdf=pdf), place, uri)


@app.command()
def tables(
    name: StudyName,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Such as accuracy or pairwise; all, if none is named."),
    ] = None,
    *,
    profile: Profile = None,
    workspace: Place = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, csv, latex or html.")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write a file a table into this folder.")] = None,
    against: Against = None,
    uri: StoreUri = None,
) -> None:
    """Print a study's tables, or write them for a paper: LaTeX with booktabs, CSV, Markdown, HTML, text."""
    from pipeline.analysis.frames import results_of
    from pipeline.analysis.published import read_published, set_beside
    from pipeline.analysis.renderings import FORMATS
    from pipeline.analysis.tables import chosen_tables

    if form not in FORMATS:
        raise InvalidInput("no such format", key="--format", value=form, choices=FORMATS)
    with _source(Workspace.locate(workspace), _study_name(name, profile), uri) as source:
        results = results_of(source)
        found = chosen_tables(set_beside(results, read_published(against)) if against else results, wanted or ())
    if form == "csv" and out is None and len(found) > 1:
        raise InvalidInput("of several tables needs --out, or name one", key="--format", value=form, choices=found)
    width = terminal_width() if out is None else None
    texts = {each: FORMATS[form].render(table, f"{results.name}:{each}", width) for each, table in found.items()}
    if out is None:
        typer.echo("\n".join(texts.values()), nl=False)
        return
    for each, text in texts.items():
        _write(out / f"{each}{FORMATS[form].suffix}", text, folder=True)
        typer.echo(out / f"{each}{FORMATS[form].suffix}")


@app.command()
def export(
    name: StudyName,
    *,
    profile: Profile = None,
    workspace: Place = None,
    uri: StoreUri = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The frame, a row a trial of each arm: .parquet or .csv.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="The whole study, for `dsn import` on another machine.")
    ] = None,
    networks: Annotated[bool, typer.Option("--networks", help="With --bundle: the trained networks too.")] = False,
) -> None:
    """Write a study's results as one table for other programs (docs/columns.md), or all of it as one archive."""
    if out is None and bundle is None:
        raise InvalidInput("is missing, and so is --bundle: nothing is to be written", key="--out")
    if networks and bundle is None:
        raise InvalidInput("goes with --bundle alone", key="--networks")
    from pipeline.analysis.export import require_format, write_frame
    from pipeline.bundle.contents import require_ending

    if out is not None:
        require_format(out)
    if bundle is not None:
        require_ending(bundle)
    with _source(Workspace.locate(workspace), _study_name(name, profile), uri) as source:
        from pipeline.analysis.frames import results_of
        from pipeline.bundle.packing import write_bundle

        if out is not None:
            with _written_to(out, "--out"):
                write_frame(results_of(source).trials, out)
            say(f"{out}: {counted(len(source.record.cells), 'row')}; docs/columns.md says what the columns are")
        if bundle is not None:
            with _written_to(bundle, "--bundle"):
                write_bundle(source, bundle, networks=networks)
            size = f"{bundle.stat().st_size / 1e6:.1f} MB"
            say(f"{bundle}: {size}; on another machine: dsn import {shlex.quote(bundle.name)}")


@app.command("import")
def import_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `dsn export --bundle` wrote.")],
    workspace: Place = None,
) -> None:
    """Put a bundle's study into a workspace, and write its report from it. Needs none of its data sets."""
    from pipeline.bundle.unpacking import read_bundle
    from pipeline.run import publish

    place = Workspace.locate(workspace)
    try:
        found = read_bundle(file, place)
    except OSError as error:
        raise InvalidInput(f"cannot be read into {place.root}: {error}", key="bundle", value=str(file)) from error
    results, paths = publish(place, found.study)
    _show_results(results, paths, place)
    if found.kept:
        say(f"{counted(found.kept, 'trial')} of it were done in this workspace already, and stay as they were")
    differing = found.differing(paths.html.parent)
    by = " ".join(f"{name} {number}" for name, number in found.versions.items())
    say(
        f"report: not the bundle's in {listed(differing)}; that was written by {by}"
        if differing
        else "report: the bundle's own, byte for byte"
    )


@app.command()
def trial(
    trial_id: Annotated[str, typer.Argument(metavar="ID", help="A trial's id, or its first digits.")],
    workspace: Place = None,
) -> None:
    """Train one trial in this process for a debugger, with its record's engine; no Ray, no MLflow. Records nothing."""
    from pipeline.ledger import read_states
    from pipeline.record import find_trial
    from pipeline.repetition import engine_of_repetition

    place = Workspace.locate(workspace)
    found = find_trial(place, trial_id)
    # Imported only when there is something to train: torch takes seconds.
    from pipeline.trial import device_for, run_trial

    say(f"{found.trial_id}: {found.title}")
    engine, line = engine_of_repetition(found, read_states(place).get(found.trial_id), device_for(found))
    say(line)
    result = run_trial(replace(found, engine=engine), keep_model=False)
    if result.error:
        say(result.error.traceback if result.error.kind == "exception" else f"dsn: {result.error.message}")
        raise typer.Exit(ExitCode.TRIALS_FAILED)
    typer.echo(json.dumps({"trial": found.trial_id, "config": found.config.to_dict(), **result.metrics}, indent=2))


@app.command()
def sync(name: StudyName, profile: Profile = None, workspace: Place = None) -> None:
    """Bring MLflow up to date with the ledger; rebuilds it if the store is new."""
    from pipeline.lock import driven_study
    from pipeline.record import load_record
    from pipeline.tracking_process import sync as project

    place = Workspace.locate(workspace)
    study = load_record(place, _study_name(name, profile)).name
    if driven_study(place) == study:
        raise Locked(study, "a driver, which keeps MLflow up to date itself")
    if project(place, study):
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command()
def ui(
    workspace: Place = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000,
) -> None:
    """Serve the MLflow UI on the workspace, to this machine only."""
    from pipeline.tracking_process import UI_HOST, show_ui

    place = Workspace.locate(workspace)
    if not place.ledgers.is_dir():
        raise UnknownStudy("has no studies yet; run one first", key="workspace", value=str(place.root))
    say(f"MLflow on http://{UI_HOST}:{port} (Ctrl-C stops it)")
    raise typer.Exit(show_ui(place, port))


@app.command()
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


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="Write it to this file; to standard output otherwise.")] = None,
) -> None:
    """Print the JSON Schema of a study file, with which an editor completes, explains and checks one."""
    from pipeline.study.schema import schema_text

    if out is None:
        typer.echo(schema_text(), nl=False)
        return
    _write(out, schema_text())
    say(f"{out}: point an editor to it by a study's first line, # yaml-language-server: $schema={out.name}")


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
    from pipeline.absent import require_present
    from pipeline.planning import make_plan
    from pipeline.study.spec import read_study

    study = read_study(file, profile, settings or ())
    with description_cache(workspace) as cache:
        made = make_plan(study, lambda config: describe(config, cache), skip_absent=skip_absent)
        if to_run:
            require_present(study, made)
    return study, made


def _write(path: Path, text: str, *, folder: bool = False) -> None:
    """Where the user asked for it; ``folder`` makes the folder, too."""
    from dsn.durable import write_atomic

    with _written_to(path, "--out"):
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)


def _study_name(given: str, profile: str | None) -> str:
    """A name as given, or the one inside a study file."""
    if not given.endswith((".yaml", ".yml")):
        return given if profile is None else f"{given}@{profile}"
    from pipeline.study.spec import read_study

    return read_study(Path(given), profile).spec.name


@contextmanager
def _source(workspace: Workspace, study: str, uri: str | None) -> Iterator[StudySource]:
    """Where a study is read from: an MLflow store if one is named, the workspace otherwise."""
    from pipeline.source import WorkspaceSource

    if uri is None:
        yield WorkspaceSource(workspace, study)
        return
    from pipeline.tracking_process import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    from pipeline.tracking.reader import TrackedSource

    with tempfile.TemporaryDirectory(prefix="dsn-") as folder:
        yield TrackedSource(uri, study, Path(folder))


@contextmanager
def _written_to(path: Path, option: str) -> Iterator[None]:
    """What cannot be written is the fault of whoever named the place."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror or error}", key=option, value=str(path)) from error


def _show_results(results: StudyResults, report: ReportPaths, workspace: Workspace, uri: str | None = None) -> None:
    """``uri``: of the MLflow store that they were read from, if they were."""
    from pipeline.absent import omission
    from pipeline.analysis.renderings.text import to_text
    from pipeline.analysis.tables import accuracy_table, cost_table, status_table
    from pipeline.record import load_record
    from pipeline.tracking_store import shown

    for table in (accuracy_table(results), cost_table(results), status_table(results)):
        typer.echo(to_text(table, width=terminal_width()) + "\n")
    if results.left_out:
        typer.echo(f"{omission(results.left_out, len(results.datasets))}\n")
    typer.echo(f"Report:    {report.html}")
    elsewhere = uri is not None or load_record(workspace, results.name).tracking.uri is not None
    server = "that of the server in tracking.uri" if uri is None else f"that of {shown(uri)}"
    typer.echo(f"MLflow UI: {server if elsewhere else _ui_command(workspace)}")


def _ui_command(workspace: Workspace) -> str:
    """The command as it can be typed here: with what is not found without being named."""
    command = "dsn" if shutil.which("dsn") else os.path.relpath(Path(sys.executable).parent / "dsn")
    where = [] if workspace == Workspace.locate() else ["--workspace", os.path.relpath(workspace.root)]
    return shlex.join([command, "ui", *where])


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
