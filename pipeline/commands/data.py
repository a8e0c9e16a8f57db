"""``dsn data``: which data sets there are, what is in one, and fetching more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsn.errors import InvalidInput
from pipeline.commands.options import AsJson, Place
from pipeline.commands.output import say, terminal_width
from pipeline.errors import ExitCode
from pipeline.workspace.layout import Workspace

if TYPE_CHECKING:
    from dsn.data import DescriptionCache

app = typer.Typer(no_args_is_help=True, help="List, examine and fetch data sets.")

SetName = Annotated[str, typer.Argument(metavar="NAME", help="The data set.", show_default=False)]
SetNames = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="UCR or UEA data sets.", show_default=False)
]
SourceName = Annotated[str | None, typer.Option("--source", help="As in a study (default: what the path fits).")]
DataPath = Annotated[str | None, typer.Option("--path", help="Folder of the data (default: what comes with aeon).")]


@app.command("list")
def list_sets(
    source: SourceName = None, path: DataPath = None, workspace: Place = None, as_json: AsJson = False
) -> None:
    """List the data sets of a folder with their sizes, and what is wrong with broken ones."""
    from dsn.data import names, sources_at
    from pipeline.terminal.data_text import list_text, listed

    found = {source: names(source, path)} if source is not None else sources_at(path)
    with description_cache(Workspace.locate(workspace)) as cache:
        sets = list(listed(found, path, cache))
    if as_json:
        typer.echo(json.dumps([each.to_dict() for each in sets], indent=2))
    else:
        typer.echo(list_text(sets, path, terminal_width()), nl=False)


@app.command()
def show(name: SetName, source: SourceName = None, path: DataPath = None, as_json: AsJson = False) -> None:
    """Show what is in a data set: sizes, classes, missing values, and what could mislead an experiment."""
    from dsn.config import DataConfig
    from dsn.data import survey
    from pipeline.terminal.data_text import survey_text

    found = survey(DataConfig(source=source or _guessed(name, path), name=name, path=path))
    typer.echo(json.dumps(asdict(found), indent=2) if as_json else survey_text(found), nl=as_json)


@app.command()
def fetch(
    sets: SetNames = None,
    path: Annotated[Path | None, typer.Option("--path", help="Folder to put them in; source folder reads it.")] = None,
    study: Annotated[Path | None, typer.Option(help="Fetch what this study lacks, to where it looks for it.")] = None,
    profile: Annotated[str | None, typer.Option(help="With --study: apply this profile of the file.")] = None,
) -> None:
    """Download data sets of the UCR and UEA archives. What is there is left alone; a set comes whole or not at all."""
    from dsn.data import fetching

    if study is not None:
        if sets or path is not None:
            raise InvalidInput("says which data sets and where: leave out NAME and --path", key="--study")
        _fetch_for(study, profile)
        return
    if profile is not None:
        raise InvalidInput("is of a study: say which with --study", key="--profile", value=profile)
    if not sets or path is None:
        raise InvalidInput("needs NAME... and --path FOLDER, or --study FILE", key="fetch")
    wanted, folder = dict.fromkeys(sets), path.expanduser()
    missing = [name for name in wanted if not fetching.present(name, folder)]
    records = fetching.known_records() if missing else {}
    for name in missing:
        fetching.require_known(name, records)
    for name in wanted:
        if name in missing:
            _fetch(name, folder, records)
        else:
            typer.echo(f"{name}: is there already")


def _fetch_for(file: Path, profile: str | None) -> None:
    """What can be fetched of what a study lacks; if it lacks more, that fails a check."""
    from dsn.data import fetching
    from pipeline.planning.absent import absent_from, why_not_fetched
    from pipeline.study.spec import read_study

    absent = absent_from(read_study(file, profile))
    reasons = [reason for config in absent if (reason := why_not_fetched(config))]
    wanted = {config.name: Path(str(config.path)) for config in absent if not why_not_fetched(config)}
    records = fetching.known_records() if wanted else {}
    places = {config.name: place for config, place in absent.items()}
    for name, folder in wanted.items():
        fetching.require_known(name, records, places[name])
        fetching.present(name, folder)  # refuses what would be in its way
    for name, folder in wanted.items():
        _fetch(name, folder, records)
    for reason in dict.fromkeys(reasons):
        say(f"dsn: {reason}")
    if reasons:
        raise typer.Exit(ExitCode.CHECK_FAILED)
    if not absent:
        typer.echo(f"{file}: all of its data sets are there")


def _fetch(name: str, folder: Path, records: Mapping[str, int]) -> None:
    from dsn.data import fetching

    info = fetching.fetch(name, records[name], folder, fetching.ZENODO)
    typer.echo(f"{name}: fetched, {info.train_n} training and {info.test_n} test series")


def _guessed(name: str, path: str | None) -> str:
    """The source that finds ``name`` under ``path``; which one it was is said on standard error."""
    from dsn.data import SOURCES, sources_at

    found = sources_at(path)
    # Where only one source finds anything, its own error says best that this name is not there.
    having = [source for source, sets in found.items() if name in sets] or list(found)
    if len(having) != 1:
        problem = "several sources read this folder" if having else "no source finds a data set in this folder"
        raise InvalidInput(f"{problem}; say which with --source", key="path", value=path, choices=having or SOURCES)
    say(f"source: {having[0]}")
    return having[0]


@contextmanager
def description_cache(workspace: Workspace) -> Iterator[DescriptionCache]:
    """What the workspace knows of data sets, with what is found out inside the block kept at its end."""
    from dsn.data import DescriptionCache

    cache = DescriptionCache(workspace.data_cache)
    yield cache
    try:
        cache.save()
    except OSError as error:
        # Only a cache: whoever asks is answered also beside a workspace that cannot be written.
        say(f"dsn: what was found out about the data sets is not kept: {error}")
