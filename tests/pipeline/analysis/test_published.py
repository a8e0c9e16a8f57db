"""Published accuracies that ``--against`` sets beside a study's."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from dsn.errors import InvalidInput
from pipeline.analysis import tables
from pipeline.analysis.beside import set_beside, source_notes, systems
from pipeline.analysis.published import Published, read_published
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell

MakeResults = Callable[..., StudyResults]
HEADER = "dataset,arm,system,accuracy,std,source\n"


def _texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def _read(tmp_path: Path, text: str | bytes) -> tuple[Published, ...]:
    file = tmp_path / "published.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_published(file)


@pytest.fixture
def results(make_results: MakeResults) -> StudyResults:
    """Two arms; on C only the first has all of its trials."""
    return make_results(
        {
            ("dsn", "A"): [0.5, 0.7],
            ("dsn", "B"): [0.8, 0.8],
            ("dsn", "C"): [0.9, 0.9],
            ("dense", "A"): [0.6, 0.8],
            ("dense", "B"): [0.8, 0.7],
            ("dense", "C"): [0.9, "failed"],
        }
    )


def test_a_spreadsheet_s_file_with_costs_in_any_order(tmp_path: Path) -> None:
    text = "\ufeffsystem,dataset,arm,source,accuracy,std,flops,parameters\r\nOS-CNN,A,, Table 8 ,61.5,,2e8,262140\r\n"
    (one,) = _read(tmp_path, text)
    assert (one.system, one.dataset, one.arm, one.source) == ("OS-CNN", "A", "", "Table 8")
    assert (one.accuracy, one.flops, one.parameters) == (61.5, 2e8, 262140)
    assert math.isnan(one.std)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "published.csv:1: must have the columns dataset, arm, system, accuracy, std, source"),
        (
            HEADER.replace(",", ";"),
            "published.csv:1: must have the columns dataset, arm, system, accuracy, std, source",
        ),
        (HEADER.strip() + ",flop\n", "published.csv:1: no such column (got 'flop'); did you mean 'flops'?"),
        (HEADER.strip() + ",std\n", "published.csv:1: a column that is there twice (got 'std')"),
        (HEADER + "A,,DSN,91,,T,more\n", "published.csv:2: more fields than columns"),
        (HEADER + "A,,DSN,91\n", "published.csv:2: fewer fields than columns"),
        (HEADER + "A,, ,91,,T\n", "published.csv:2: system: must not be empty"),
        (HEADER + ",,DSN,91,,T\n", "published.csv:2: dataset: must not be empty"),
        (HEADER + "A,,DSN,91,-1,T\n", "published.csv:2: std: must be between 0 and 100 (got '-1')"),
        (HEADER.strip() + ",flops\nA,,DSN,91,,T,inf\n", "published.csv:2: flops: must not be negative"),
        (
            HEADER + "A,,DSN,91,,T\nA,,DSN,92,,T\n",
            "published.csv:3: system: the same data set, arm and system as in line 2",
        ),
        (HEADER + "A,,DSN,0.91,,T\n", "published.csv: accuracy: accuracies are in percent"),
        (HEADER + 'A,,"DSN,91,,T\n', "published.csv: is no CSV"),
        (b"\xff\xfe\x00", "published.csv: is not UTF-8"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(tmp_path, text)
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.csv: cannot be read: No such file"):
        read_published(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,dnse,DSN,91,,T\n", "published.csv:2: arm: no such arm in the study (got 'dnse'); did you mean 'dense'?"),
        ("a,,DSN,91,,T\nz,,DSN,91,,T\n", "published.csv:2: dataset: neither this nor any other data set of the file"),
    ],
)
def test_what_has_nothing_to_do_with_the_study(tmp_path: Path, results: StudyResults, row: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        set_beside(results, _read(tmp_path, HEADER + row))
    assert message in str(caught.value)


def test_systems_stand_in_the_table_of_accuracies(tmp_path: Path, results: StudyResults) -> None:
    text = HEADER + (
        "A,,OS-CNN,60,1.5,Table 8\nB,,OS-CNN,85,,Table 8\nC,,OS-CNN,90,,Table 8\nZ,,OS-CNN,1,,Table 8\n"
        "A,,dense,70,,somewhere\nA,dsn,DSN,55,,Table 8\n"
    )
    beside = set_beside(results, _read(tmp_path, text))
    assert [system.name for system in systems(beside)] == ["OS-CNN", "dense (published)"]
    table = tables.accuracy_table(beside)
    assert [column.name for column in table.columns][3:] == ["OS-CNN", "dense (published)"]
    assert _texts(table.rows[0]) == ["A", "60.00 ± 14.14", "70.00 ± 14.14", "60.00 ± 1.50", "70.00"]
    assert [cell.best for cell in table.rows[0]] == [False, False, True, False, True]
    assert table.rows[0][3].tooltip == "Table 8"
    assert _texts(table.rows[1])[4] == "–"
    # dense lacks a trial on C: the arms' mean is over A and B, and OS-CNN's with them.
    assert _texts(table.summary[0]) == ["mean over 2 data sets", "70.00", "72.50", "72.50", "–"]
    assert _texts(table.summary[1])[1:] == ["reference", "1 / 0 / 1", "1 / 2 / 0", "1 / 0 / 0"]
    assert table.notes[-2:] == (
        "Published, not computed here: OS-CNN (Table 8); dense (published) (somewhere).",
        "1 published data set is not in the study: Z.",
    )


def test_everybody_meets_everybody(tmp_path: Path, results: StudyResults) -> None:
    text = (
        HEADER.strip()
        + ",parameters\n"
        + "".join(f"{name},,OS-CNN,{value},,T,1500\n" for name, value in [("A", 65), ("B", 80), ("C", 90)])
    )
    table = tables.pairwise_table(set_beside(results, _read(tmp_path, text)))
    assert table is not None
    assert [column.name for column in table.columns][:4] == ["system", "vs dsn", "vs dense", "vs OS-CNN"]
    assert _texts(table.rows[0])[:4] == ["dsn", "–", "1 / 0 / 1", "0 / 2 / 1"]
    assert _texts(table.rows[1])[:4] == ["dense", "1 / 0 / 1", "–", "1 / 0 / 1"]
    assert _texts(table.rows[2]) == ["OS-CNN", "1 / 2 / 0", "1 / 0 / 1", "–", "1.50", "–"]
    assert table.rows[2][2].values == (1, 0, 1)
    left_out = "data sets left out: 1 of dsn against dense; 1 of dense against OS-CNN."
    assert any(note.endswith(left_out) for note in table.notes), "dense has a trial that failed on C"


def test_what_is_equal_as_printed_is_a_tie(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.83125], ("dsn", "B"): [0.83124]})
    published = tuple(
        Published(dataset=name, arm="", system="OS-CNN", accuracy=83.13, std=math.nan, source="T") for name in "AB"
    )
    table = tables.pairwise_table(set_beside(results, published))
    assert table is not None
    assert _texts(table.rows[0])[2] == "0 / 1 / 1"


def test_where_nothing_can_be_compared_there_is_no_score(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("dense", "A"): [0.5], ("slow", "A"): ["pending"]})
    table = tables.pairwise_table(results)
    assert table is not None
    assert [_texts(row)[1:4] for row in table.rows] == [["–", "0 / 1 / 0", "–"], ["0 / 1 / 0", "–", "–"], ["–"] * 3]


def test_without_anything_published_two_arms_have_their_comparison(results: StudyResults) -> None:
    assert tables.pairwise_table(results) is None
    assert tables.published_table(results) is None
    assert source_notes(results) == ()


def test_many_arms_meet_the_published_alone(make_results: MakeResults) -> None:
    results = make_results({(f"arm{number}", "A"): [0.5] for number in range(12)})
    assert tables.pairwise_table(results) is None
    one = Published(dataset="A", arm="", system="OS-CNN", accuracy=50.0, std=math.nan, source="T")
    table = tables.pairwise_table(set_beside(results, (one,)))
    assert table is not None
    assert [column.name for column in table.columns][1:2] == ["vs OS-CNN"]
    assert {row[1].text for row in table.rows[:-1]} == {"0 / 1 / 0"}


def test_what_is_published_of_one_arm_stands_beside_it(tmp_path: Path, results: StudyResults) -> None:
    beside = set_beside(results, _read(tmp_path, HEADER + "B,dsn,DSN,81,0.5,Table 8\nZ,dsn,DSN,81,,Table 8\n"))
    table = tables.published_table(beside)
    assert table is not None
    assert [_texts(row) for row in table.rows] == [
        ["B", "dsn", "80.00 ± 0.00", "DSN", "81.00 ± 0.50", "−1.00", "Table 8"]
    ]
    assert table.notes[-1] == "1 published accuracy of data sets that the study does not have."
    assert tables.pairwise_table(beside) is None, "it is no system beside all arms"
