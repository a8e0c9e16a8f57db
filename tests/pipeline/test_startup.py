"""The command line starts, and plans, without any heavy library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "mlflow", "optuna", "aeon", "pandas", "matplotlib", "pyarrow", "scipy", "sklearn")

# Runs a command in a fresh process, and says which modules it left there, on the last line.
RUN = """
import json, sys
from pipeline.cli import app
code = 0
try:
    app(sys.argv[1:], standalone_mode=False)
except SystemExit as stop:
    code = stop.code
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def _modules(tmp_path: Path, *arguments: str) -> tuple[str, set[str]]:
    """What the command printed, and the packages that it imported."""
    answer = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        env={**os.environ, "DSN_WORKSPACE": str(tmp_path / "workspace")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *printed, last = answer.stdout.splitlines()
    code, modules = json.loads(last)
    assert code == 0
    return "\n".join(printed), set(modules)


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("--help",), "Ablation studies of dynamic sparse networks"),
        (("run", "--help"), "Run what is missing of a study"),
        (("schema",), '"title": "DSN pipeline: a study"'),
        (("plan", "studies/quickstart.yaml"), "quickstart: 45 trials"),
        (("plan", "studies/quickstart.yaml", "--profile", "tiny", "--json"), '"study": "quickstart@tiny"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_that_trains_nothing_imports_no_heavy_library(
    tmp_path: Path, arguments: tuple[str, ...], printed: str
) -> None:
    text, modules = _modules(tmp_path, *arguments)
    assert printed in text
    assert "typer" in modules
    assert modules.isdisjoint(HEAVY)


def test_asking_for_a_status_imports_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['dsn', 'status', 'none']\n"
        "from pipeline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    print(stop.code, *{name.partition('.')[0] for name in sys.modules})\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "DSN_WORKSPACE": str(tmp_path / "workspace")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    exit_code, *modules = answer.stdout.split()
    assert exit_code == "2"
    assert "pipeline" in modules
    assert set(modules).isdisjoint(HEAVY)
