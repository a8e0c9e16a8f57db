"""All benchmarks, for seconds: what they print and write, and never how long anything took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.native import usable_engines
from dsn.native.library import instruction_set

ROOT = Path(__file__).parents[2]


def _found(tmp_path: Path, names: list[str]) -> dict[str, Any]:
    """Title -> rows of the tables of these benchmarks, which are printed, too."""
    file = tmp_path / "found.json"
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", file, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    found = json.loads(file.read_text(encoding="utf-8"))
    assert {"processor", "native engine", "PyTorch", "load"} <= found["machine"].keys()
    rows = {table["title"]: table["rows"] for table in found["tables"]}
    assert all(f"\n{title}\n===" in answer.stdout for title in rows)
    return rows


def test_whole_runs_quickly(tmp_path: Path) -> None:
    rows = _found(tmp_path, ["idle_trials"])
    assert [(row["trials"], row["reports"]) for row in rows["Trials that do nothing"]] == [(120, 0), (120, 10)]
    assert all(row["driver MiB"] <= row["with report MiB"] for row in rows["Trials that do nothing"])
    commands = [row["command"] for row in rows["Commands on the larger of these studies"]]
    assert commands == ["dsn status", "dsn studies", "dsn report"]


def test_all_others_quickly(tmp_path: Path) -> None:
    names = [name for name in BENCHMARKS if name != "idle_trials"]
    rows = _found(tmp_path, names)
    assert len(rows) == len(names)
    assert [row["trials"] for row in rows["Plan of a study"]] == [20, 120]
    assert {row["slots"] for row in rows["Where it saturates"]} == {2, 16, 100, 1000}

    steps = rows["Training step"]
    engines = usable_engines()
    for engine in engines:
        assert [(row["shape"], row["moments"]) for row in steps if row["engine"] == engine][:4] == [
            (shape, moments) for shape in ("B16 L24", "B2 L24") for moments in ("fresh", "warm")
        ]
    assert all((row["verdict"] in {"met", "missed"}) == (row["target"] is not None) for row in steps)
    assert all(row["ms a step"] > 0 for row in steps)
    assert {row["predicted by"] for row in rows["Prediction"]} == {"PyTorch, dense", *engines}
    assert {row["engine"] for row in rows["Start-up and memory"]} == {"published", *engines}
    memory = rows["Growth of memory"]
    assert sorted((row["engine"], row["moments"], row["steps"]) for row in memory) == sorted(
        (engine, moments, 400 if engine == "native" else 40) for engine in engines for moments in ("fresh", "warm")
    )
    assert {row["engine"] for row in rows["Training of GunPoint, 2 epochs"]} == set(engines)
    assert [(row["read from"], row["trials"]) for row in rows["Frame of a study's results"]] == [
        (place, 120) for place in ("the ledger", "MLflow, SQLite", "MLflow, run by run")
    ]
    uneven = rows["Makespan of uneven trials"]
    assert [(row["begun"], row["trials"], row["slots"], row["target"]) for row in uneven] == [
        ("the first first", 12, 2, None),
        ("the longest first, by the plan", 12, 2, None),
        ("the longest first, corrected", 12, 2, 1.1),
    ]
    assert all(row["s"] >= row["s at least"] for row in uneven)


@pytest.mark.parametrize(
    ("arguments", "instructions", "problem"),
    [
        (["inferense"], "", "no such benchmark: inferense; choose from training_step, "),
        (["--epochs", "0"], "", "must be at least 1, not 0"),
        (["mask_update"], "avx3", "DSN_INSTRUCTION_SET: no such instruction set (got 'avx3')"),
    ],
)
def test_what_it_cannot_do_is_refused(
    arguments: list[str],
    instructions: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if instructions and instruction_set() is None:
        pytest.skip("no native library is built here")
    monkeypatch.setenv("DSN_INSTRUCTION_SET", instructions)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert problem in capsys.readouterr().err
