"""What the commands share: options that mean the same in each, and how they speak."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from dsn.data import DescriptionCache

# Defaults in round brackets: the help takes square ones for markup, and leaves them out.
Place = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of all results (default: $DSN_WORKSPACE or ./workspace).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def say(line: str) -> None:
    """Progress goes to standard error: standard output carries results alone."""
    print(line, file=sys.stderr, flush=True)


def terminal_width() -> int:
    """Columns of the terminal; enough for most tables where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


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
