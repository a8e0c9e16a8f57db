"""``dsn export --out``: the frame as a file, and the page that says what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd
import pyarrow.parquet
import pytest
from made_workspace import ended, planned

from dsn.config import DataConfig, ModelConfig, SparsityConfig, TrainingConfig
from pipeline.analysis.export import AS_TEXT
from pipeline.analysis.frames import load_results
from pipeline.workspace.layout import Workspace

ROOT = Path(__file__).parents[2]
ROOMS = {"data": DataConfig, "model": ModelConfig, "sparsity": SparsityConfig, "training": TrainingConfig}

Dsn = Callable[..., tuple[object, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, dsn: Dsn) -> Workspace:
    made = Workspace(root=tmp_path / "workspace")
    ended(made)
    return made


def _expected(workspace: Workspace) -> pd.DataFrame:
    """The frame, with what may be a number or a word as text."""
    trials = load_results(workspace, "first").trials
    level = [str(value) for value in trials["sparsity.level"]]
    return trials.assign(**{"sparsity.level": level}).astype({"data.path": "str"})


def test_a_parquet_file_holds_the_frame(workspace: Workspace, dsn: Dsn, tmp_path: Path) -> None:
    code, out, err = dsn("export", "first", "--out", "x.parquet")
    assert (code, out) == (0, "")
    assert err == "x.parquet: 18 rows; docs/columns.md says what the columns are\n"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), _expected(workspace), check_exact=True)


def test_a_csv_file_holds_every_digit(workspace: Workspace, dsn: Dsn, tmp_path: Path) -> None:
    assert dsn("export", "first", "--out", "x.csv")[0] == 0
    expected = _expected(workspace)
    found = pd.read_csv(
        tmp_path / "x.csv",
        float_precision="round_trip",
        dtype={name: expected[name].dtype for name in expected},
        keep_default_na=False,
        na_values={name: "" for name in expected if name not in ("error_kind", "error", "traceback")},
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_columns_have_one_type_in_the_files_of_all_studies(workspace: Workspace, dsn: Dsn, tmp_path: Path) -> None:
    planned(workspace, "third", seeds=[7])  # nothing of it has ended
    for study in ("first", "third"):
        assert dsn("export", study, "--out", f"{study}.parquet")[0] == 0
    first, third = (pyarrow.parquet.read_schema(tmp_path / f"{study}.parquet") for study in ("first", "third"))
    assert {name: third.field(name).type for name in third.names} == {
        name: first.field(name).type for name in first.names if not name.startswith("provenance.")
    }


def test_settings_that_may_be_of_several_types_are_text() -> None:
    several = {
        f"{room}.{name}"
        for room, kind in ROOMS.items()
        for name, hint in get_type_hints(kind).items()
        if len(_types(hint)) > 1
    }
    assert several - {"data.train_subset"} == set(AS_TEXT), "the frame has integers that may be absent of one already"


def _types(hint: Any) -> set[object]:
    """``float | Literal["dense"]`` is a number or text."""
    if hint is type(None) or isinstance(hint, type):
        return set() if str(hint).startswith("typing.ClassVar") else {hint}
    if "ClassVar" in str(hint):
        return set()
    return set().union(*(_types(each) if not isinstance(each, str | int) else {type(each)} for each in get_args(hint)))


def test_the_page_of_columns_lists_those_that_there_are(workspace: Workspace) -> None:
    page = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    listed = [
        name for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    ]
    assert len(listed) == len(set(listed))
    columns = {name for name in load_results(workspace, "first").trials if not name.startswith("provenance.")}
    assert {name for name in listed if not name.startswith("provenance.")} == columns
    trial = (ROOT / "pipeline" / "trial" / "training.py").read_text(encoding="utf-8")
    functions = [trial[trial.index(f"def {name}(") :].partition("\n\n\n")[0] for name in ("_provenance", "_resumed")]
    recorded = [name for text in functions for name in re.findall(r'"(\w+)": ', text)]
    assert {f"provenance.{name}" for name in (*recorded, "version", "revision")} == {
        name for name in listed if name.startswith("provenance.")
    }


@pytest.mark.parametrize("name", ["x.xlsx", "x", "x.CSV", ".csv"])
def test_an_ending_that_names_no_format_is_refused_before_anything_is_read(dsn: Dsn, tmp_path: Path, name: str) -> None:
    code, _, err = dsn("export", "none", "--out", name)
    assert code == 2
    assert "has an ending that names no format" in err
    assert err.rstrip().endswith(".csv, .parquet")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_said(dsn: Dsn) -> None:
    assert dsn("export", "none") == (2, "", "dsn: --out: is missing, and so is --bundle: nothing is to be written\n")
    assert dsn("export", "none", "--out", "a.csv", "--networks")[0] == 2


def test_a_place_that_cannot_be_written_is_said(workspace: Workspace, dsn: Dsn) -> None:
    code, _, err = dsn("export", "first", "--out", "absent/x.csv")
    assert code == 2
    assert "--out: cannot be written: No such file or directory (got 'absent/x.csv')" in err
