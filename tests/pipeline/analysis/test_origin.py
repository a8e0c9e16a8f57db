from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from dsn.config import DataConfig
from dsn.data import DataInfo
from pipeline.analysis import origin
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell
from pipeline.planning.plan import DataUse

MakeResults = Callable[..., StudyResults]


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def use(name: str, **config: Any) -> DataUse:
    info = DataInfo(
        name=name,
        content_hash="0123456789abcdef" * 4,
        train_n=20,
        test_n=30,
        channels=1,
        length=50,
        classes=2,
        files=(f"/home/somebody/data/{name}_TRAIN.ts", f"/home/somebody/data/{name}_TEST.ts"),
    )
    return DataUse(config=DataConfig(source="npz", name=name, path="/home/somebody/data", **config), info=info)


def test_data_table_names_files_without_their_folder(make_results: MakeResults) -> None:
    table = origin.data_table(make_results({("dsn", "A"): [0.5]}, data=(use("A", normalisation="global"),)))
    assert table is not None
    assert [column.name for column in table.columns][-6:] == [
        "classes",
        "channels",
        "length",
        "train",
        "test",
        "content",
    ]
    assert texts(table.rows[0]) == [
        *("A", "npz", "A_TRAIN.ts, A_TEST.ts", "2018", "global", "2", "1", "50", "20", "30", "0123456789ab")
    ]
    assert table.rows[0][-1].tooltip == "0123456789abcdef" * 4
    assert len(table.notes) == 1, "nothing is exchanged, nor asked to be"


def test_data_table_says_what_split_2015_exchanged(make_results: MakeResults) -> None:
    both = (use("Worms", split=2015), use("Coffee", split=2015), use("Worms", split=2018))
    table = origin.data_table(make_results({("dsn", "Worms"): [0.5], ("dsn", "Coffee"): [0.5]}, data=both))
    assert table is not None
    assert [texts(row)[3] for row in table.rows] == ["2015, exchanged", "2015", "2018"]
    assert table.notes[1].startswith("Split 2015 exchanges train and test of Worms;")
    none = origin.data_table(make_results({("dsn", "Coffee"): [0.5]}, data=both[1:2]))
    assert none is not None
    assert "of none of these sets" in none.notes[1]


def test_data_table_says_what_is_trained_on_a_part(make_results: MakeResults) -> None:
    both = (use("A", train_subset=20), use("B"))
    table = origin.data_table(make_results({("dsn", "A"): [0.5], ("dsn", "B"): [0.5]}, data=both))
    assert table is not None
    assert table.notes[1] == "Of A, train is a fixed stratified subset of the training set."


def test_a_study_of_an_earlier_version_has_no_data_table(make_results: MakeResults) -> None:
    assert origin.data_table(make_results({("dsn", "A"): [0.5]})) is None


def test_provenance_counts_distinct_values_in_reading_order(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [*[0.5] * 6, "failed"], ("dsn", "B"): ["pending"]})
    results.trials["provenance.engine"] = ["torch", "torch", "native", None, "torch", "torch", "torch", None]
    results.trials["provenance.host"] = [*(f"h{index}" for index in range(7)), None]
    results.trials["provenance.version"] = "0.1.0"
    results.trials["provenance.none"] = pd.NA
    results.trials["started"] = [1e9 + 10 * index for index in range(7)] + [float("nan")]
    results.trials["finished"] = results.trials["started"] + 60
    table = origin.provenance_table(results)
    assert table is not None
    assert [texts(row) for row in table.rows] == [
        ["dsn-pipeline", "0.1.0 (8 trials)"],
        ["engine", "torch (5 trials); native (1 trial)"],
        ["host", "7 distinct values, such as h0 (1 trial)"],
        ["code", "0.1.0 (8 trials)"],
        ["first trial began", "2001-09-09 01:46:40 UTC"],
        ["last trial ended", "2001-09-09 01:48:40 UTC"],
        ["compute time", "7.0 min, the sum over 7 trials, failed ones included"],
    ]


def test_a_shared_trial_counts_once(shared: StudyResults) -> None:
    table = origin.provenance_table(shared)
    assert table is not None
    assert texts(table.rows[0]) == ["engine", "torch (3 trials)"]
    assert texts(table.rows[-1]) == ["compute time", "4.5 min, the sum over 3 trials, failed ones included"]


def test_nothing_computed_has_no_provenance(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): ["pending"]})
    trials = results.trials.drop(columns=["provenance.engine", "provenance.code"])
    assert origin.provenance_table(replace(results, trials=trials)) is None
