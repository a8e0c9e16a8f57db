"""Results of a study: its report, its tables, its frame, and all of it in one archive."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsn.errors import InvalidInput
from pipeline.commands.options import (
    STUDY_FILES,
    Against,
    AsJson,
    Place,
    Profile,
    StoreUri,
    StudyName,
    set_against,
    study_name,
)
from pipeline.commands.output import say, show_results, terminal_width, write_text, written_to
from pipeline.errors import ExitCode
from pipeline.wording import counted, listed
from pipeline.workspace.layout import AGAINST, PAGE, Workspace

if TYPE_CHECKING:
    from pipeline.workspace.source import StudySource


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
    from pipeline.driver.run import publish
    from pipeline.workspace.record import recorded_studies

    place, study = Workspace.locate(workspace), study_name(name, profile)
    published = set_against(against)
    if uri is None and out is None:
        show_results(*publish(place, study, published, pdf=pdf), place)
        return
    if out is None and study in recorded_studies(place):
        raise InvalidInput("is needed: the workspace has a study of this name, with a report of its own", key="--out")
    with _source(place, study, uri) as source:
        from pipeline.analysis.frames import results_of
        from pipeline.analysis.report.files import write_report

        folder = out or place.report(study)
        if against is None and (folder / AGAINST).exists():
            published = set_against(folder / AGAINST)  # what the report that is there was set beside
        with written_to(folder, "--out"):
            results = results_of(source, published)
            show_results(results, write_report(results, folder, pdf=pdf), place, uri)


def verify(
    given: Annotated[
        str, typer.Argument(metavar="REPORT", help="A study's name, a report's folder or its page.", show_default=False)
    ],
    *,
    profile: Profile = None,
    workspace: Place = None,
    uri: StoreUri = None,
    as_json: AsJson = False,
) -> None:
    """Compute a report again from the ledger, and say where what it shows differs. Exit code 6 if it does."""
    from pipeline.analysis.published import read_published
    from pipeline.analysis.verification.report import study_of, verify_report
    from pipeline.terminal.verification_text import verification_summary, verification_text

    place = Workspace.locate(workspace)
    page = _named_page(given)
    study = study_of(page) if page else study_name(given, profile)
    whole = page is None or not given.endswith(".html")
    with _source(place, study, uri) as source:
        from pipeline.analysis.frames import results_of

        page = page or place.report(source.record.name) / PAGE
        if not page.exists():
            raise InvalidInput(f"there is none yet; write it with: dsn report {study}", key="report", value=str(page))
        kept = page.parent / AGAINST
        # A page that was sent alone has left it behind; then it is what the workspace's report was set beside.
        beside = read_published(kept) if kept.exists() else () if whole else None
        results = replace(results_of(source, ()), published=beside) if beside is not None else results_of(source)
        found = verify_report(results, page, whole=whole)
    typer.echo(json.dumps(verification_summary(study, page, found), indent=2) if as_json else verification_text(found))
    if found.differences:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _named_page(given: str) -> Path | None:
    """The page of a report whose folder or page is named, rather than a study."""
    path = Path(given)
    if path.suffix == ".html":
        return path
    if (path / PAGE).is_file():
        return path / PAGE
    if path.name != given and path.suffix not in STUDY_FILES:
        raise InvalidInput(f"has no {PAGE}", key="report", value=given)
    return None


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
    from pipeline.analysis.renderings import FORMATS
    from pipeline.analysis.tables import chosen_tables

    if form not in FORMATS:
        raise InvalidInput("no such format", key="--format", value=form, choices=FORMATS)
    with _source(Workspace.locate(workspace), study_name(name, profile), uri) as source:
        results = results_of(source, set_against(against))
        found = chosen_tables(results, wanted or ())
    if form == "csv" and out is None and len(found) > 1:
        raise InvalidInput("of several tables needs --out, or name one", key="--format", value=form, choices=found)
    width = terminal_width() if out is None else None
    texts = {each: FORMATS[form].render(table, f"{results.name}:{each}", width) for each, table in found.items()}
    if out is None:
        typer.echo("\n".join(texts.values()), nl=False)
        return
    for each, text in texts.items():
        write_text(out / f"{each}{FORMATS[form].suffix}", text, folder=True)
        typer.echo(out / f"{each}{FORMATS[form].suffix}")


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
    with _source(Workspace.locate(workspace), study_name(name, profile), uri) as source:
        from pipeline.analysis.frames import results_of
        from pipeline.bundle.packing import write_bundle

        if out is not None:
            with written_to(out, "--out"):
                write_frame(results_of(source).trials, out)
            say(f"{out}: {counted(len(source.record.cells), 'row')}; docs/columns.md says what the columns are")
        if bundle is not None:
            with written_to(bundle, "--bundle"):
                write_bundle(source, bundle, networks=networks)
            size = f"{bundle.stat().st_size / 1e6:.1f} MB"
            say(f"{bundle}: {size}; on another machine: dsn import {shlex.quote(bundle.name)}")


def import_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `dsn export --bundle` wrote.")],
    workspace: Place = None,
) -> None:
    """Put a bundle's study into a workspace, and write its report from it. Needs none of its data sets."""
    from pipeline.bundle.unpacking import read_bundle
    from pipeline.driver.run import publish

    place = Workspace.locate(workspace)
    try:
        found = read_bundle(file, place)
    except OSError as error:
        raise InvalidInput(f"cannot be read into {place.root}: {error}", key="bundle", value=str(file)) from error
    results, paths = publish(place, found.study)
    show_results(results, paths, place)
    if found.kept:
        say(f"{counted(found.kept, 'trial')} of it were done in this workspace already, and stay as they were")
    differing = found.differing(paths.html.parent)
    by = " ".join(f"{name} {number}" for name, number in found.versions.items())
    say(
        f"report: not the bundle's in {listed(differing)}; that was written by {by}"
        if differing
        else "report: the bundle's own, byte for byte"
    )


@contextmanager
def _source(workspace: Workspace, study: str, uri: str | None) -> Iterator[StudySource]:
    """Where a study is read from: an MLflow store if one is named, the workspace otherwise."""
    from pipeline.workspace.source import WorkspaceSource

    if uri is None:
        yield WorkspaceSource(workspace, study)
        return
    from pipeline.tracking.launch import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    from pipeline.tracking.reader import TrackedSource

    with tempfile.TemporaryDirectory(prefix="dsn-") as folder:
        yield TrackedSource(uri, study, Path(folder))
