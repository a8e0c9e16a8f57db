"""Arguments and options that mean the same in every command that takes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.analysis.published import Published

# Defaults in round brackets: the help takes square ones for markup, and leaves them out.
Place = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of all results (default: $DSN_WORKSPACE or ./workspace).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
StudyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The study's YAML file.", show_default=False)]
StudyName = Annotated[str, typer.Argument(metavar="NAME", help="A study's name, or its YAML file.", show_default=False)]
Profile = Annotated[str | None, typer.Option(help="Apply this profile of the study file.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Edit the study, e.g. base.training.epochs=40.")
]
SkipAbsent = Annotated[bool, typer.Option("--skip-absent", help="Leave out the data sets whose files are not there.")]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Published accuracies, CSV of dataset, arm, system, accuracy, std, source; or none "
        "(default: what the study's report was last set beside).",
    ),
]
StoreUri = Annotated[
    str | None,
    typer.Option("--from", metavar="URI", help="Read it from this MLflow store: http://HOST:PORT, sqlite:///FILE."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a picture that is drawn again in place.")]


STUDY_FILES = (".yaml", ".yml")
"""Endings by which a study's file is told from its name."""


def set_against(given: Path | None) -> tuple[Published, ...] | None:
    """What ``--against`` names: nothing for ``none``, and None where it is not given.

    Raises:
        InvalidInput: it cannot be read.
    """
    if given is None or given == Path("none"):
        return None if given is None else ()
    from pipeline.analysis.published import read_published

    return read_published(given)


def study_name(given: str, profile: str | None) -> str:
    """A name as given, or the one inside a study file."""
    if not given.endswith(STUDY_FILES):
        return given if profile is None else f"{given}@{profile}"
    from pipeline.study.spec import read_study

    return read_study(Path(given), profile).spec.name
