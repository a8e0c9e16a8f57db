"""Keep the results of a finished study here, and set them beside the published ones.

    python studies/results/compare.py table3_sparsity@subset [--workspace DIR]   # from a workspace
    python studies/results/compare.py                                            # every page again, from its files

A folder a study: ``trials.csv``, taken from the workspace; ``published.csv``, written by hand, if anything is published
(columns: ``pipeline.analysis.published.PUBLISHED_COLUMNS``); and ``README.md``. Of that page everything below the
line ``MARK`` is computed from the two tables, and what stands above it is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dsn.durable import write_atomic
from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results
from pipeline.analysis.published import read_published
from pipeline.analysis.reproduction import kept_trials, page, read_trials, trials_csv
from pipeline.cli import main
from pipeline.workspace.layout import Workspace

HERE = Path(__file__).parent

MARK = "<!-- Computed from trials.csv and published.csv by compare.py: edit above this line only. -->\n"


def keep(study: str, workspace: Workspace) -> None:
    """Take the trials of ``study`` from ``workspace``."""
    results = load_results(workspace, study)
    folder = HERE / study
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "trials.csv", trials_csv(kept_trials(results)))
    if not (folder / "README.md").exists():
        write_atomic(folder / "README.md", f"# {study}\n\n{results.question}\n\n{MARK}")


def computed(folder: Path) -> str:
    """The page of a folder as its tables have it."""
    above, mark, _ = (folder / "README.md").read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise InvalidInput(f"lacks the line that its tables follow: {MARK.strip()}", place=str(folder / "README.md"))
    published = read_published(folder / "published.csv") if (folder / "published.csv").exists() else ()
    return f"{above}{MARK}\n{page(read_trials((folder / 'trials.csv').read_text(encoding='utf-8')), published)}"


def compare() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", help="its name, with @PROFILE if one was used")
    parser.add_argument("--workspace", type=Path, help="where it was run (default: as dsn)")
    given = parser.parse_args()
    if given.study:
        keep(given.study, Workspace.locate(given.workspace))
    for trials in sorted(HERE.glob("*/trials.csv")):
        write_atomic(trials.parent / "README.md", computed(trials.parent))
        print(trials.parent / "README.md")


if __name__ == "__main__":
    main(compare)
