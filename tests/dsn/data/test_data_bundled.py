"""The data sets that aeon ships: our readers agree with aeon's own loaders on its files."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsn.config import DataConfig
from dsn.data import SOURCES, describe, load, names
from dsn.data.archive import FORMATS
from dsn.data.labels import sorted_labels
from dsn.data.raw import raw_part
from dsn.errors import InvalidData

HAVE_AEON = importlib.util.find_spec("aeon") is not None
needs_aeon = pytest.mark.skipif(not HAVE_AEON, reason="aeon is not installed")
NAMES = names("aeon") if HAVE_AEON else []


@needs_aeon
def test_names() -> None:
    assert {"GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1", "BasicMotions", "UnitTest"} <= set(NAMES)
    assert sorted(NAMES) == NAMES
    # Regression, and a set without a test part.
    assert not {"CardanoSentiment", "Covid3Month", "UnitTestTimeStamps"} & set(NAMES)


def aeons(file: Path) -> tuple[Any, Any]:
    """What aeon's own loader makes of a file."""
    datasets = importlib.import_module("aeon.datasets")
    loaders = {
        ".ts": datasets.load_from_ts_file,
        ".tsv": datasets.load_from_tsv_file,
        ".arff": datasets.load_from_arff_file,
    }
    x, y = loaders[file.suffix](str(file))
    return x, y


@pytest.mark.parametrize("name", NAMES)
def test_both_parts_equal_what_aeon_reads(name: str) -> None:
    files = SOURCES["aeon"].find(DataConfig(source="aeon", name=name))
    raw = SOURCES["aeon"].read(files)
    for part, file in ((raw.train, files["train"]), (raw.test, files["test"])):
        expected = raw_part(*aeons(file), place="")
        assert np.array_equal(part.x, expected.x, equal_nan=True)
        # aeon lower-cases labels; the classes and their order are the same for all that.
        assert [label.lower() for label in part.labels] == expected.labels.tolist()
        classes = sorted_labels(part.labels.tolist())
        assert tuple(label.lower() for label in classes) == sorted_labels(expected.labels.tolist())


@needs_aeon
@pytest.mark.parametrize("ending", [".tsv", ".arff"])
def test_its_files_of_other_formats_equal_what_aeon_reads(ending: str) -> None:
    folder = SOURCES["aeon"].find(DataConfig(source="aeon", name="GunPoint"))["train"].parents[1]
    files = sorted(folder.glob(f"*/*_TRAIN{ending}"))
    assert "GunPoint" in {file.parent.name for file in files}
    for file in files:
        x, y = aeons(file)
        part = FORMATS[ending](file)
        assert np.array_equal(part.x, raw_part(x, y, place="").x, equal_nan=True)
        assert part.labels.tolist() == [str(label) for label in y]


@pytest.mark.parametrize("name", NAMES)
def test_description_equals_load(name: str) -> None:
    config = DataConfig(source="aeon", name=name)
    info, data = describe(config), load(config)
    assert data.x_train.shape == (info.train_n, info.channels, info.length)
    assert data.x_test.shape == (info.test_n, info.channels, info.length)
    assert len(data.classes) == info.classes
    assert data.content_hash == info.content_hash


@needs_aeon
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("GunPoint", (50, 150, 1, 150, 2)),
        ("ItalyPowerDemand", (67, 1029, 1, 24, 2)),
        ("BasicMotions", (40, 40, 6, 100, 4)),
        ("JapaneseVowels", (270, 370, 12, 29, 9)),
        ("PickupGestureWiimoteZ", (50, 50, 1, 361, 10)),
    ],
)
def test_known_sizes(name: str, sizes: tuple[int, ...]) -> None:
    info = describe(DataConfig(source="aeon", name=name))
    assert (info.train_n, info.test_n, info.channels, info.length, info.classes) == sizes


@needs_aeon
def test_numeric_labels_are_in_numeric_order() -> None:
    classes = load(DataConfig(source="aeon", name="PickupGestureWiimoteZ")).classes
    assert classes == tuple(str(label) for label in range(1, 11))


@needs_aeon
def test_unknown_name() -> None:
    with pytest.raises(InvalidData, match="did you mean 'GunPoint'") as caught:
        describe(DataConfig(source="aeon", name="Gunpoint"))
    assert caught.value.key == "name"
    assert list(caught.value.choices) == NAMES


@needs_aeon
def test_a_path_would_not_be_read() -> None:
    with pytest.raises(InvalidData, match=r"^path: source 'aeon' reads its own files and takes no path"):
        describe(DataConfig(source="aeon", name="GunPoint", path="data"))


def test_what_counts_as_a_classification_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "datasets" / "data" / "Some"
    folder.mkdir(parents=True)
    labels = "@classLabel true a b\n"
    headers = {"Plain": labels, "Stamped": "@timeStamps TRUE\n" + labels, "Numbers": "@targetlabel true\n"}
    for name, header in headers.items():
        for part in ("TRAIN", "TEST"):
            (folder / f"{name}_{part}.ts").write_text(f"# text\n{header}@data\n1,2:a\n")
    (folder / "Alone_TRAIN.ts").write_text(f"{labels}@data\n1,2:a\n")
    spec = ModuleSpec("aeon", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert names("aeon") == ["Plain"]


def test_without_aeon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InvalidData, match="pip install aeon"):
        describe(DataConfig(source="aeon", name="GunPoint"))


@needs_aeon
def test_planning_and_loading_import_nothing_slow() -> None:
    script = (
        "import sys; from dsn.config import DataConfig; import dsn.data\n"
        "dsn.data.describe(DataConfig(source='aeon', name='GunPoint'))\n"
        "dsn.data.load(DataConfig(source='aeon', name='GunPoint'))\n"
        "print([m for m in ('torch', 'aeon', 'pandas', 'sklearn', 'ray', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
