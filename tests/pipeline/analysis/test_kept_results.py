"""The results that come with the project: pages say what their tables hold, and nothing published is misplaced."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from dsn.errors import InvalidInput
from pipeline.analysis.published import read_published
from pipeline.study.resolution import data_entries, expanded_arms
from pipeline.study.spec import read_study

STUDIES = Path(__file__).parents[3] / "studies"
FOLDERS = {path.parent.name: path.parent for path in sorted((STUDIES / "results").glob("*/README.md"))}


@pytest.fixture
def compare() -> ModuleType:
    """The script; it is in no package."""
    spec = importlib.util.spec_from_file_location("compare", STUDIES / "results" / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FOLDERS)
def test_a_page_is_what_its_tables_make_it(name: str, compare: ModuleType) -> None:
    folder = FOLDERS[name]
    written = (folder / "README.md").read_text(encoding="utf-8")
    if not (folder / "trials.csv").exists():
        assert written.endswith(compare.MARK), "no trials, and yet there are results"
        return
    assert written == compare.computed(folder)


@pytest.mark.parametrize("name", [name for name in FOLDERS if (FOLDERS[name] / "published.csv").exists()])
def test_what_is_published_belongs_to_the_study(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DSN_DATA", str(tmp_path))
    file, _, profile = name.partition("@")
    study = read_study(STUDIES / f"{file}.yaml", profile or None)
    arms = {arm.label for arm in expanded_arms(study)}
    datasets = {entry["name"] for entry, _ in data_entries(study)}
    published = read_published(FOLDERS[name] / "published.csv")
    assert {one.arm for one in published} <= arms
    assert {one.dataset for one in published} == datasets


def test_a_page_without_its_mark_is_refused(compare: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(next(iter(FOLDERS.values())), tmp_path / "study")
    (tmp_path / "study" / "README.md").write_text("# study\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="lacks the line that its tables follow"):
        compare.computed(tmp_path / "study")
