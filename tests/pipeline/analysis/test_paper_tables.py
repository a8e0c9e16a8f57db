"""The layouts of the paper's tables, and its own numbers through them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.analysis import tables
from pipeline.analysis.beside import set_beside
from pipeline.analysis.published import read_published
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Table

MakeResults = Callable[..., StudyResults]
MakeConfig = Callable[..., object]
DATA = Path(__file__).parents[2] / "data"

SYSTEMS = {
    "table8_ucr85.csv": {"resnet": "ResNet", "inceptiontime": "InceptionTime", "oscnn": "OS-CNN"},
    "table9_uea30.csv": {"mlstm_fcn": "MLSTM-FCN", "tapnet": "TapNet", "oscnn": "OS-CNN"},
}


PRINTED_OTHERWISE = {
    ("table1_ucr85_pairwise.csv", "DSN"): ("–", 126.21, 104.88),
    ("table7_uea30_pairwise.csv", "TapNet"): ("13 / 1 / 16", 1344.67, 966.46),
}
"""Where the paper's tables contradict each other, what those by data set come to: Table 1 prints 126.22 K parameters
(``tests/dsn/test_cost.py`` has the same), Table 7 counts 11 wins and 2 ties of TapNet."""


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def _published(by_dataset: str, pairwise: str, file: Path) -> None:
    """The paper's columns of other systems in the format of ``--against``; their costs are means in the paper."""
    costs = {row["method"]: row for row in _rows(pairwise)}

    def lines() -> Iterator[list[str]]:
        for row in _rows(by_dataset):
            for column, system in SYSTEMS[by_dataset].items():
                own = costs[system]
                spent = [f"{own['params_k']}e3", f"{own['flops_m']}e6"]
                yield [row["archive_name"], "", system, row[column], "", "the paper", *spent]

    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["dataset", "arm", "system", "accuracy", "std", "source", "parameters", "flops"])
        writer.writerows(lines())


def _paper_study(by_dataset: str, make_results: MakeResults) -> StudyResults:
    """The paper's DSN as a study of one arm and one seed, with its costs on each data set."""
    rows = _rows(by_dataset)
    results = make_results({("DSN", row["archive_name"]): [float(row["dsn_mean"]) / 100] for row in rows})
    costs = {"parameters": [1e3 * float(row["params_k"]) for row in rows]}
    costs |= {"flops_published": [1e6 * float(row["flops_m"]) for row in rows]}
    return replace(results, trials=results.trials.assign(**costs))


@pytest.mark.parametrize(
    ("by_dataset", "pairwise"),
    [("table8_ucr85.csv", "table1_ucr85_pairwise.csv"), ("table9_uea30.csv", "table7_uea30_pairwise.csv")],
)
def test_the_paper_s_pairwise_table_follows_from_its_table_by_data_set(
    by_dataset: str, pairwise: str, make_results: MakeResults, tmp_path: Path
) -> None:
    """Tables 1 and 7: wins, losses, ties, parameters and FLOPs, to the printed digit."""
    file = tmp_path / "published.csv"
    _published(by_dataset, pairwise, file)
    results = set_beside(_paper_study(by_dataset, make_results), read_published(file))
    table = tables.pairwise_table(results)
    assert table is not None
    against = [column.name for column in table.columns].index("vs DSN")
    found = {
        row[0].text: (row[against].text, *(float(cell.text.replace(",", "")) for cell in row[-2:]))
        for row in table.rows
    }
    expected = {
        row["method"]: (
            f"{row['baseline_wins']} / {row['tie']} / {row['dsn_wins']}" if row["tie"] else "–",
            float(row["params_k"]),
            float(row["flops_m"]),
        )
        for row in _rows(pairwise)
        if row["method"] in {*SYSTEMS[by_dataset].values(), "DSN"}
    }
    otherwise = {method: cells for (name, method), cells in PRINTED_OTHERWISE.items() if name == pairwise}
    assert {name: cells for name, cells in found.items() if cells != expected[name]} == otherwise
    accuracy = tables.accuracy_table(results)
    beside = dict(zip([column.name for column in accuracy.columns], _texts(accuracy.summary[1]), strict=True))
    assert {name: beside[name] for name in SYSTEMS[by_dataset].values()} == {
        name: cells[0] for name, cells in found.items() if name != "DSN"
    }, "the table of accuracies counts the same"


def test_the_table_by_data_set_has_the_paper_s_columns(make_results: MakeResults, tmp_path: Path) -> None:
    _published("table8_ucr85.csv", "table1_ucr85_pairwise.csv", tmp_path / "published.csv")
    results = set_beside(_paper_study("table8_ucr85.csv", make_results), read_published(tmp_path / "published.csv"))
    table = tables.accuracy_and_cost_table(results)
    assert table is not None
    names = ["data set", "DSN", "ResNet", "InceptionTime", "OS-CNN", "parameters (K)", "FLOPs, authors' (M)"]
    assert [column.name for column in table.columns] == names
    for row, printed in zip(table.rows, _rows("table8_ucr85.csv"), strict=True):
        shown = [cell.text.replace(",", "") for cell in row[1:]]
        assert [float(text) for text in shown] == [
            float(printed[name]) for name in ("dsn_mean", "resnet", "inceptiontime", "oscnn", "params_k", "flops_m")
        ]
    assert _texts(table.summary[0])[-2:] == ["126.21", "104.88"]


def _crossed(table: Table) -> list[list[str]]:
    return [_texts(row) for row in table.rows + table.summary]


@pytest.fixture
def levels(make_results: MakeResults, make_config: MakeConfig) -> StudyResults:
    """A dense arm, and a sparse one at two levels, on two data sets: the shape of Table 3."""
    labels = {"dsn, sparsity.level=0.5": 0.5, "dsn, sparsity.level=0.8": 0.8}
    outcomes = {(arm, name): [0.5 + step / 10] for step, arm in enumerate(["dense", *labels]) for name in "AB"}
    return make_results(
        outcomes,
        factors={"dense": {}} | {label: {"sparsity.level": level} for label, level in labels.items()},
        configs={"dense": make_config(**{"sparsity.level": "dense"})}
        | {label: make_config(**{"sparsity.level": level}) for label, level in labels.items()},
    )


def test_a_sweep_has_a_row_a_data_set_and_value(levels: StudyResults) -> None:
    table = tables.factors_table(levels)
    assert table is not None
    assert table.title == "Over sparsity"
    names = ["data set", "arm", "sparsity.level", "accuracy (%)", "parameters (K)", "FLOPs, authors' (M)"]
    assert [column.name for column in table.columns] == names
    assert [column.numeric for column in table.columns] == [False, False, True, True, True, True]
    assert _crossed(table)[:3] == [
        ["A", "dense", "–", "50.00", "126.22", "104.88"],
        ["A", "dsn", "0.5", "60.00", "126.22", "104.88"],
        ["A", "dsn", "0.8", "70.00", "126.22", "104.88"],
    ]
    assert [row[3].best for row in table.rows] == [False, False, True] * 2
    assert _crossed(table)[-1] == ["mean over 2 data sets", "dsn", "0.8", "70.00", "126.22", "104.88"]
    assert tables.two_factors_table(levels) is None, "one factor, of one arm"


def test_of_many_data_sets_a_sweep_shows_the_means(make_results: MakeResults, make_config: MakeConfig) -> None:
    sizes = (9, 21, 39)
    outcomes = {(f"dsn, model.kernel_size={k}", f"set {at}"): [0.5] for k in sizes for at in range(25)}
    results = make_results(
        outcomes,
        factors={f"dsn, model.kernel_size={k}": {"model.kernel_size": k} for k in sizes},
        configs={f"dsn, model.kernel_size={k}": make_config(**{"model.kernel_size": k}) for k in sizes},
    )
    table = tables.factors_table(results)
    assert table is not None
    assert table.rows == ()
    assert [row[:2] for row in _crossed(table)] == [["mean over 25 data sets", str(k)] for k in sizes]


def test_two_factors_are_crossed(sweep: StudyResults) -> None:
    table = tables.two_factors_table(sweep)
    assert table is not None
    assert table.title == "Accuracy (%): kernel size by arm"
    assert [column.name for column in table.columns] == ["data set", "model.kernel_size", "one", "two"]
    assert _crossed(table) == [
        ["A", "9", "59.00 ± 2.83", "49.00 ± 2.83"],
        ["A", "21", "71.00 ± 2.83", "61.00 ± 2.83"],
        ["A", "39", "89.00 ± 2.83", "79.00 ± 2.83"],
        ["B", "9", "64.00 ± 2.83", "54.00 ± 2.83"],
        ["B", "21", "76.00 ± 2.83", "66.00 ± 2.83"],
        ["B", "39", "94.00 ± 2.83", "84.00 ± 2.83"],
        ["mean over 2 data sets", "9", "61.50", "51.50"],
        ["mean over 2 data sets", "21", "73.50", "63.50"],
        ["mean over 2 data sets", "39", "91.50", "81.50"],
    ]
    assert all(row[2].best and not row[3].best for row in table.rows)


@pytest.mark.parametrize("mode", ["grid", "one_at_a_time", "zip", "hole"])
def test_what_is_no_grid_of_two_factors_is_not_crossed(
    mode: str, make_results: MakeResults, make_config: MakeConfig
) -> None:
    pairs = {
        "grid": [(k, n) for k in (9, 21, 39) for n in (1, 3)],
        "one_at_a_time": [(39, 3), (9, 3), (21, 3), (39, 1)],
        "zip": [(9, 1), (21, 2), (39, 3)],
        "hole": [(9, 1), (9, 3), (21, 1), (21, 3), (39, 1)],
    }[mode]
    factors = {f"dsn, k={k}, n={n}": {"model.kernel_size": k, "sparsity.groups": n} for k, n in pairs}
    results = make_results(
        {(arm, "A"): [0.5] for arm in factors},
        factors=factors,
        configs={arm: make_config(**settings) for arm, settings in factors.items()},
    )
    table = tables.two_factors_table(results)
    assert (table is not None) == (mode in ("grid", "hole"))
    if table is not None:
        assert [column.name for column in table.columns] == [
            "data set",
            "model.kernel_size",
            "sparsity.groups=1",
            "sparsity.groups=3",
        ]
        assert table.summary == (), "one data set is its own mean"
        assert _texts(table.rows[-1]) == ["A", "39", "50.00", "50.00" if mode == "grid" else "–"]


def test_without_factors_there_is_nothing_to_sweep(study: StudyResults) -> None:
    assert tables.factors_table(study) is None
    assert tables.two_factors_table(study) is None
    assert tables.accuracy_and_cost_table(study) is None, "five arms are too many to stand beside their costs"
