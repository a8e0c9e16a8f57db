"""Every table of every study that comes with the project, and of each of its profiles, in every form."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_info import made_info

from dsn.config import DataConfig
from dsn.data import DataInfo
from dsn.data.catalogue import expected
from pipeline.analysis.beside import set_beside
from pipeline.analysis.frames import load_results
from pipeline.analysis.published import Published
from pipeline.analysis.renderings import FORMATS
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.analysis.tables import TABLES, chosen_tables
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study
from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import make_record, save_record

FOLDER = Path(__file__).parents[3] / "studies"


def _profiles(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8").partition("\nprofiles:")[2]
    return re.findall(r"^  (\w+):(?: #.*)?$", text, re.MULTILINE)


CASES = [(path.stem, profile) for path in sorted(FOLDER.glob("*.yaml")) for profile in (None, *_profiles(path))]

SHAPES = {
    "table1_ucr85": {"accuracy_and_cost", "pairwise"},
    "table2_uci": {"accuracy_and_cost", "pairwise"},
    "table3_sparsity": {"factors", "pairwise"},
    "table4_grouping": {"two_factors", "factors", "pairwise"},
    "table5_extreme_sparsity": {"factors", "pairwise"},
    "fig12_dense_kernel": {"factors", "pairwise"},
    "fig15_groups": {"factors", "pairwise"},
    "fig17_initial_topology": {"two_factors", "pairwise"},
}
"""Study -> tables in the paper's layouts that it has at least."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data folder with nothing in it."""
    monkeypatch.setenv("DSN_DATA", str(tmp_path))


def _describe(config: DataConfig) -> DataInfo:
    """As if the files were there; of a set that nobody knows, any sizes."""
    known = expected(config)
    if known is None:
        return made_info(config, train_n=468, test_n=480, channels=64, length=256)
    return replace(known, content_hash=config.name)


def _results(name: str, profile: str | None, folder: Path) -> StudyResults:
    """The study with made-up numbers: nine trials in ten are done, and a published system stands beside it."""
    # A seed is enough of the whole studies, which have thousands of trials.
    study = read_study(FOLDER / f"{name}.yaml", profile, [] if profile else ["seeds=1"])
    plan = make_plan(study, _describe)
    workspace = Workspace(root=folder / "workspace")
    save_record(workspace, make_record(study, plan))
    results = load_results(workspace, study.spec.name)
    trials, generator = results.trials, np.random.default_rng(0)
    ids = trials["trial_id"].unique()
    numbers = {metric: dict(zip(ids, generator.uniform(0.5, 1.0, len(ids)), strict=True)) for metric in METRICS}
    done = trials["trial_id"].map(dict(zip(ids, generator.uniform(size=len(ids)) < 0.9, strict=True)))
    known = {metric: trials["trial_id"].map(values).where(done) for metric, values in numbers.items()}
    error = done.map({True: "", False: "the loss is not finite & 50 % of it"})
    made = trials.assign(status=done.map({True: "done", False: "failed"}), error=error, **known)
    published = tuple(
        Published(dataset=dataset, arm="", system="OS-CNN", accuracy=75.0, std=math.nan, source="Table 8, 50 %")
        for dataset in results.datasets[:60]
    )
    return set_beside(replace(results, trials=made), published)


@pytest.mark.parametrize(("name", "profile"), CASES, ids=str)
def test_every_table_in_every_form(name: str, profile: str | None, tmp_path: Path) -> None:
    results = _results(name, profile, tmp_path)
    found = chosen_tables(results, ())
    assert SHAPES.get(name, {"accuracy"}) <= set(found) <= set(TABLES)
    for each, table in found.items():
        assert table.rows or table.summary, f"{each} is empty, and yet a table"
        for form in FORMATS.values():
            assert form.render(table, each, 100).strip()


def _paper(folder: Path) -> Iterator[str]:
    """LaTeX of every table of a few studies of all shapes, written into ``folder``: the names of the files."""
    for study in ("table1_ucr85", "table3_sparsity", "table4_grouping", "fig15_groups", "quickstart"):
        results = _results(study, None, folder)
        for each, table in chosen_tables(results, ()).items():
            if each != "trials" or study == "quickstart":  # thousands of rows, all alike
                (folder / f"{study}-{each}.tex").write_text(FORMATS["latex"].render(table, f"{study}:{each}", None))
                yield f"{study}-{each}"


def test_latex_sets_every_table_of_a_report(tmp_path: Path) -> None:
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("no pdflatex here (Debian: texlive-latex-recommended)")
    inputs = "".join(f"\\input{{{name}}}\n\\clearpage\n" for name in _paper(tmp_path))
    head = "\\documentclass{article}\n\\usepackage{booktabs,longtable}\n\\begin{document}\n"
    (tmp_path / "paper.tex").write_text(f"{head}{inputs}\\end{{document}}\n")
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        encoding="latin-1",
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    # A letter is about four points wide.
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", done.stdout)]
    assert max(wide, default=0.0) < 12, "a table that a page cannot hold"
    assert "too large for page" not in done.stdout
