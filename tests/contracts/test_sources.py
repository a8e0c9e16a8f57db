"""What every source of data promises, on a small set in the layout that users have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import SOURCES, DescriptionCache, describe, load, names, sources_at, survey
from dsn.data.files import content_hash
from dsn.data.preparation import EXCHANGED
from dsn.errors import AbsentData, InvalidData

READS_ITS_OWN = {"aeon"}
"""Sources without a path: their sets come with a package."""


def config(layout: Any, folder: Path, **settings: Any) -> DataConfig:
    return DataConfig(source=layout.source, name=layout.name, path=str(folder), **settings)


@pytest.fixture
def folder(layout: Any, tmp_path: Path) -> Path:
    layout.write(tmp_path / "sets")
    return tmp_path / "sets"


def test_every_source_has_a_layout_here(layouts: dict[str, Any]) -> None:
    assert {layout.source for layout in layouts.values()} == set(SOURCES) - READS_ITS_OWN


def test_it_lists_the_set_and_no_other_source_claims_the_folder(layout: Any, folder: Path) -> None:
    assert names(layout.source, str(folder)) == [layout.name]
    assert sources_at(str(folder)) == {layout.found_by or layout.source: [layout.name]}


def test_planning_and_training_see_the_same(layout: Any, folder: Path) -> None:
    info, data = describe(config(layout, folder)), load(config(layout, folder))
    assert data.x_train.shape == (info.train_n, info.channels, info.length)
    assert data.x_test.shape == (info.test_n, info.channels, info.length)
    assert len(data.classes) == info.classes
    assert data.content_hash == info.content_hash
    assert data.classes == tuple(survey(config(layout, folder)).train.classes)


def test_the_hash_is_that_of_the_content_wherever_it_lies(layout: Any, folder: Path, tmp_path: Path) -> None:
    before = describe(config(layout, folder)).content_hash
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)
    assert describe(config(layout, elsewhere)).content_hash == before
    found = describe(config(layout, elsewhere)).files
    for file in found:
        content = Path(file).read_bytes()
        Path(file).write_bytes(content + b"\n")
        assert hashed(layout, elsewhere) != before
        Path(file).write_bytes(content)
    assert hashed(layout, elsewhere) == before


def test_who_looks_for_a_set_finds_what_its_own_source_reads(layout: Any, folder: Path) -> None:
    if not layout.found_by:
        pytest.skip("it looks for none")
    own = replace(config(layout, folder), source=layout.found_by)
    assert describe(config(layout, folder)) == describe(own)
    assert np.array_equal(load(config(layout, folder)).x_test, load(own).x_test)


def test_what_is_not_there_is_absent_and_not_broken(layout: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "no"):
        with pytest.raises(AbsentData):
            describe(config(layout, place))
    # One of its files less is another matter.
    files = [Path(file) for file in describe(config(layout, folder)).files]
    if len(files) > 1:
        files[-1].unlink()
        with pytest.raises(InvalidData) as caught:
            describe(config(layout, folder))
        assert not isinstance(caught.value, AbsentData)


def hashed(layout: Any, folder: Path) -> str:
    return content_hash(SOURCES[layout.source].find(config(layout, folder)))


def test_a_known_description_saves_the_reading(
    layout: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DescriptionCache(tmp_path / "cache" / "data.json")
    first = describe(config(layout, folder), cache)
    cache.save()
    monkeypatch.setitem(SOURCES, layout.source, replace(SOURCES[layout.source], read=None))
    assert describe(config(layout, folder), DescriptionCache(tmp_path / "cache" / "data.json")) == first


def test_normalisation_brings_the_training_set_to_mean_0(layout: Any, folder: Path) -> None:
    data = load(config(layout, folder, normalisation="global"))
    # Missing values count for nothing, and become the mean: 0.
    assert abs(data.x_train.mean(dtype=np.float64)) < 1e-6


def test_the_2015_split_exchanges_the_parts(layout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout.write(tmp_path)
    monkeypatch.setattr("dsn.data.preparation.EXCHANGED", EXCHANGED | {layout.name})
    late, early = (load(config(layout, tmp_path, split=split)) for split in (2018, 2015))
    assert np.array_equal(late.x_train, early.x_test)
    assert np.array_equal(late.y_test, early.y_train)
    assert late.content_hash == early.content_hash


def test_another_name_is_refused_with_the_names_there_are(layout: Any, folder: Path) -> None:
    with pytest.raises(InvalidData, match=r"no such data set|has one data set") as caught:
        describe(DataConfig(source=layout.source, name=f"{layout.name}x", path=str(folder)))
    assert caught.value.key == "name"
    assert caught.value.choices == (layout.name,)


def test_a_path_is_needed_and_must_be_there(layout: Any, tmp_path: Path) -> None:
    for path, words in ((None, f"^path: source '{layout.source}' needs the folder"), (str(tmp_path / "no"), "no such")):
        with pytest.raises(InvalidData, match=words):
            describe(DataConfig(source=layout.source, name=layout.name, path=path))
        with pytest.raises(InvalidData, match=words):
            names(layout.source, path)


def test_an_empty_folder_has_no_sets(layout: Any, tmp_path: Path) -> None:
    assert names(layout.source, str(tmp_path)) == []
    with pytest.raises(InvalidData):
        describe(config(layout, tmp_path))


def test_nothing_slow_is_imported(layouts: dict[str, Any], tmp_path: Path) -> None:
    sets = []
    for number, layout in enumerate(layouts.values()):
        layout.write(tmp_path / str(number))
        sets.append((layout.source, layout.name, str(tmp_path / str(number))))
    script = (
        "import sys; from dsn.config import DataConfig; import dsn.data\n"
        f"for source, name, path in {sets!r}:\n"
        "    dsn.data.load(DataConfig(source=source, name=name, path=path))\n"
        "    print(source)\n"
        "print([m for m in ('torch', 'aeon', 'pandas', 'scipy', 'sklearn', 'ray', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *loaded, slow = done.stdout.split("\n")[:-1]
    assert loaded == [source for source, _, _ in sets]
    assert slow == "[]"
