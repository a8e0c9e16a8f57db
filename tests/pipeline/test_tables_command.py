"""``dsn tables``, and ``--against``, as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.workspace.layout import Workspace
from pipeline.workspace.record import make_record, save_record

PUBLISHED = "dataset,arm,system,accuracy,std,source\nA,,OS-CNN,91.5,,Table 8\nB,,OS-CNN,90,,Table 8\n"


@pytest.fixture
def dsn(tmp_path: Path, make_plan_of: Callable[[str], Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``dsn`` in a folder with a file of published accuracies, and a workspace that knows a study of two arms."""
    study, plan = make_plan_of("arms: {dsn: {}, dense: {sparsity.level: dense}}\nseeds: 2\n")
    workspace = Workspace(root=tmp_path / "workspace")
    save_record(workspace, replace(make_record(study, plan), name="known"))
    (tmp_path / "published.csv").write_text(PUBLISHED, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DSN_WORKSPACE": str(workspace.root), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


def test_tables_are_printed(dsn: Callable[..., Any]) -> None:
    answer = dsn("tables", "known", "accuracy", "--against", "published.csv")
    assert answer.returncode == 0, answer.stderr
    assert ["data", "set", "dsn", "dense", "OS-CNN"] in [line.split() for line in answer.stdout.splitlines()]
    assert "Published, not computed here: OS-CNN (Table 8)." in answer.stdout
    assert "1 published data set is not in the study: B." in answer.stdout


def test_a_file_a_table_for_a_paper(dsn: Callable[..., Any], tmp_path: Path) -> None:
    answer = dsn("tables", "known", "--format", "latex", "--out", "paper/tables")
    assert answer.returncode == 0, answer.stderr
    written = [Path(line) for line in answer.stdout.splitlines()]
    assert all((tmp_path / path).read_text(encoding="utf-8").startswith("% In the preamble") for path in written)
    assert {"accuracy.tex", "comparison.tex", "status.tex"} <= {path.name for path in written}
    assert r"\label{tab:known:accuracy}" in (tmp_path / "paper" / "tables" / "accuracy.tex").read_text(encoding="utf-8")


def test_the_report_shows_what_is_published(dsn: Callable[..., Any], tmp_path: Path) -> None:
    answer = dsn("report", "known", "--against", "published.csv")
    assert answer.returncode == 0, answer.stderr
    assert "OS-CNN" in answer.stdout
    for name in ("report.html", "report.md"):
        assert "OS-CNN (Table 8)" in (tmp_path / "workspace" / "reports" / "known" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["known", "acuracy"], "dsn: table: no such table (got 'acuracy'); did you mean 'accuracy'? Valid: accuracy, "),
        (["known", "factors"], "dsn: table: the study has nothing for this table (got 'factors'); valid: accuracy, "),
        (["known", "--format", "tex"], "dsn: --format: no such format (got 'tex')"),
        (["known", "--format", "csv"], "dsn: --format: of several tables needs --out, or name one (got 'csv')"),
        (["known", "--against", "none.csv"], "dsn: none.csv: cannot be read: No such file or directory"),
        (["known", "--format", "csv", "--out", "published.csv"], "cannot be written: "),
        (["other"], "other"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(dsn: Callable[..., Any], arguments: list[str], message: str) -> None:
    answer = dsn("tables", *arguments)
    assert answer.returncode == 2, answer.stderr
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
