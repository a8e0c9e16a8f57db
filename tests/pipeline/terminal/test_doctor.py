"""``dsn doctor``: what it prints, its exit codes, and that one failing check hides no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.health.checks import CHECKS, SLOW, examine
from pipeline.health.finding import Finding, Subject, ok, problem, warning
from pipeline.terminal.doctor_text import finding_text, findings_summary, healthy, verdict_text
from pipeline.workspace.layout import Workspace

HEAVY = ("torch", "ray", "mlflow", "optuna", "aeon", "pandas", "matplotlib", "pyarrow")


def _dsn(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "doctor", *arguments],
        cwd=folder,
        env={**os.environ, "DSN_WORKSPACE": str(folder / "workspace"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_check_that_fails_itself_is_a_problem_and_the_others_go_on(tmp_path: Path) -> None:
    def broken(_: Subject) -> Finding:
        raise KeyError("core id\nof nothing")

    subject = Subject(workspace=Workspace(root=tmp_path))
    first, second = examine(subject, checks={"broken": broken, "python": CHECKS["python"]})
    assert (first.name, first.state) == ("broken", "problem")
    assert "KeyError" in first.found
    assert (second.name, second.state) == ("python", "ok")


def test_what_was_found_and_what_to_do() -> None:
    findings = [ok("python", "3.11"), warning("memory", "little\n of it", "buy"), problem("ray", "none", "install")]
    assert finding_text(findings[0]) == "ok       python           3.11"
    assert finding_text(findings[1]).splitlines() == [
        "warning  memory           little of it",
        "                          -> buy",
    ]
    assert verdict_text(findings) == "1 problem and 1 warning in 3 checks"
    assert verdict_text(findings[:1] * 2) == "all 2 checks are well"
    assert [healthy(findings), healthy(findings[:2])] == [False, True]
    assert findings_summary(findings[:1]) == {
        "healthy": True,
        "findings": [{"name": "python", "state": "ok", "found": "3.11", "advice": ""}],
    }


def test_a_problem_is_answered_with_exit_code_6_and_no_traceback(tmp_path: Path) -> None:
    answer = _dsn(tmp_path, "--quick", "none.yaml", PYTHONIOENCODING="ascii")
    assert answer.returncode == 6, answer.stderr
    assert answer.stderr == ""
    lines = [line for line in answer.stdout.splitlines() if not line.startswith(" ")]
    assert [line[9:].split("  ")[0] for line in lines[:-1]] == [name for name in CHECKS if name not in SLOW]
    # The encoding that cannot print tables, and the study that is not there.
    assert lines[-1].partition(" in ")[0].startswith("2 problems")
    assert list(tmp_path.iterdir()) == []


def test_the_quick_checks_import_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['dsn', 'doctor', '--quick', '--json']\n"
        "from pipeline.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DSN_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(answer.stdout)
    assert answer.returncode == (0 if report["healthy"] else 6)
    assert len(report["findings"]) == len(CHECKS) - len(SLOW)
    assert set(answer.stderr.split()).isdisjoint(HEAVY)
