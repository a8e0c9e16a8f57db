from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

import pytest

from dsn.config import RunConfig
from pipeline.analysis import tables
from pipeline.analysis.renderings.markdown import escape_markdown, to_markdown
from pipeline.analysis.renderings.text import to_text
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import cause, counted

MakeResults = Callable[..., StudyResults]
MakeConfig = Callable[..., RunConfig]


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


@pytest.fixture
def toy() -> Table:
    return Table(
        title="Toy",
        columns=(Column(name="name", numeric=False), Column(name="a"), Column(name="long|er")),
        rows=((Cell(text="<b>"), Cell(text="1.00", best=True), Cell(text="10.00")),),
        summary=((Cell(text="mean"), Cell(text="1"), Cell(text="2")),),
        notes=("A note.",),
    )


def test_markdown(toy: Table) -> None:
    assert to_markdown(toy) == (
        "### Toy\n\n| name | a | long\\|er |\n| --- | ---: | ---: |\n"
        "| &lt;b&gt; | **1.00** | 10.00 |\n| mean | 1 | 2 |\n\nA note.\n"
    )


def test_text(toy: Table) -> None:
    assert to_text(toy) == (
        "Toy\n\n"
        "name     a   long|er\n"
        "--------------------\n"
        "<b>   1.00*    10.00\n"
        "--------------------\n"
        "mean     1         2\n\n"
        "A note.\n* best\n"
    )


def test_text_cuts_a_wide_table_into_blocks_that_repeat_the_first_column(toy: Table) -> None:
    lines = to_text(toy, width=12).splitlines()
    assert "name     a" in lines
    assert "name  long|er" in lines, "a block holds at least one column, however narrow the terminal"
    assert to_text(toy, width=20) == to_text(toy), "exactly wide enough"


def test_text_of_a_name_cannot_move_the_cursor() -> None:
    table = Table(title="T", columns=(Column(name="x\x1b[2J"),), rows=((Cell(text="two\nlines"),),))
    assert "\x1b" not in to_text(table)
    assert "two lines" in to_text(table)


def test_a_row_of_another_width_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="width"):
        Table(title="T", columns=(Column(name="x"),), rows=((),))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("model.kernel_size=39", "model.kernel_size=39"),
        ("_x_", "\\_x\\_"),
        ("a*b`c`[d](e)", "a\\*b\\`c\\`\\[d\\](e)"),
        ("AT&T <x>", "AT&amp;T &lt;x&gt;"),
    ],
)
def test_markdown_escapes(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


def test_accuracy_table_of_a_complete_study(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.7, 0.9],
            ("dsn", "B"): [0.8, 0.8, 0.8],
            ("other", "A"): [0.6, 0.6, 0.6],
            ("other", "B"): [0.8, 0.7, 0.9],
        }
    )
    table = tables.accuracy_table(results)
    assert [column.name for column in table.columns] == ["data set", "dsn", "other"]
    assert texts(table.rows[0]) == ["A", "70.00 ± 20.00", "60.00 ± 0.00"]
    assert texts(table.rows[1]) == ["B", "80.00 ± 0.00", "80.00 ± 10.00"]
    assert [[cell.best for cell in row] for row in table.rows] == [[False, True, False], [False, True, True]]
    assert texts(table.summary[0]) == ["mean over 2 data sets", "75.00", "70.00"]
    assert texts(table.summary[1]) == ["wins / ties / losses", "reference", "0 / 1 / 1"]
    assert table.rows[0][1].tooltip == "3 of 3 seeds done"
    assert len(table.notes) == 1, "nothing is left out"


def test_accuracy_table_of_a_single_seed_shows_no_deviation(make_results: MakeResults) -> None:
    table = tables.accuracy_table(make_results({("dsn", "A"): [0.5], ("other", "A"): [0.25]}))
    assert texts(table.rows[0]) == ["A", "50.00", "25.00"]
    assert table.rows[0][1].tooltip == "1 of 1 seed done"


def test_accuracy_table_says_what_is_missing(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.7],
            ("dsn", "B"): [0.8, 0.9],
            ("other", "A"): [0.9, "failed"],
            ("other", "B"): [0.6, 0.8],
            ("waiting", "A"): ["pending", "pending"],
        }
    )
    table = tables.accuracy_table(results)
    assert texts(table.rows[0]) == ["A", "60.00 ± 14.14", "90.00 (1/2)", "–"]
    assert [cell.tooltip for cell in table.rows[0][2:]] == ["1 of 2 seeds done", "0 of 2 seeds done"]
    assert table.rows[1][3].tooltip == "not planned"
    assert texts(table.summary[0]) == ["mean over 1 data set", "85.00", "70.00", "–"]
    assert texts(table.summary[1])[1:] == ["reference", "0 / 0 / 1", "0 / 0 / 0"]
    notes = " ".join(table.notes)
    assert "The mean leaves out A," in notes
    assert "1 of other, 2 of waiting" in notes


def test_nothing_is_best_where_nothing_competes(make_results: MakeResults) -> None:
    table = tables.accuracy_table(make_results({("dsn", "A"): [0.5], ("other", "A"): ["pending"]}))
    assert not any(cell.best for row in table.rows + table.summary for cell in row)


def test_a_study_of_one_arm_has_no_row_of_wins(make_results: MakeResults) -> None:
    table = tables.accuracy_table(make_results({("dsn", "A"): [0.5]}))
    assert [row[0].text for row in table.summary] == ["mean over 1 data set"]


def test_comparison_table(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.7], ("up", "A"): [0.6, 0.7], ("down", "A"): [0.5, 0.6875]})
    table = tables.comparison_table(results)
    assert texts(table.rows[0]) == ["up", "+5.00", "2", "1", "0", "0", "0"]
    assert texts(table.rows[1]) == ["down", "−0.63", "2", "0", "0", "1", "0"]  # -0.625, halves away from zero


def test_with_factors_each_column_meets_its_own_reference(factors: StudyResults) -> None:
    table = tables.accuracy_table(factors)
    assert texts(table.summary[0])[1:] == ["67.50", "80.00", "72.50", "74.50"]
    assert texts(table.summary[1])[1:] == ["reference", "reference", "1 / 1 / 0", "0 / 0 / 2"]
    assert table.summary[1][4].tooltip == "all 2 data sets compared with random, k=39"
    assert table.notes[1:] == (
        "Wins / ties / losses: gradient, k=21 against random, k=21; gradient, k=39 against random, k=39.",
    )
    compared = tables.comparison_table(factors)
    assert compared.title == "Against the reference"
    assert [column.name for column in compared.columns][:3] == ["arm", "reference", "difference (points)"]
    assert [column.numeric for column in compared.columns] == [False, False, True, True, True, True, True, True]
    assert [texts(row) for row in compared.rows] == [
        ["gradient, k=21", "random, k=21", "+5.00", "4", "1", "1", "0", "0"],
        ["gradient, k=39", "random, k=39", "−5.50", "4", "0", "0", "2", "0"],
    ]


def test_a_single_arm_with_factors_meets_its_first_combination(make_results: MakeResults) -> None:
    results = make_results({("k=21", "A"): [0.5], ("k=39", "A"): [0.6], ("k=59", "A"): [0.4]})
    assert texts(tables.accuracy_table(results).summary[1])[1:] == ["reference", "1 / 0 / 0", "0 / 0 / 1"]
    compared = tables.comparison_table(results)
    assert compared.title == "Against k=21"
    assert [texts(row)[:2] for row in compared.rows] == [["k=39", "+10.00"], ["k=59", "−10.00"]]


def test_an_arm_without_a_reference_shows_the_mark_for_absent(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5], ("alone", "A"): [0.9], ("other", "A"): [0.6]}, references={"other": "dsn"}
    )
    assert texts(tables.accuracy_table(results).summary[1])[1:] == ["reference", "–", "1 / 0 / 0"]


def test_many_references_are_not_all_listed(make_results: MakeResults) -> None:
    outcomes = {(f"{arm}{number}", "A"): [0.5] for arm in "ab" for number in range(10)}
    results = make_results(outcomes, references={f"b{number}": f"a{number}" for number in range(10)})
    note = tables.accuracy_table(results).notes[1]
    assert note.startswith("Wins / ties / losses: b0 against a0; b1 against a1; ")
    assert note.endswith("b7 against a7; and 2 more.")


def test_a_shared_trial_counts_once_over_all(shared: StudyResults) -> None:
    table = tables.status_table(shared)
    assert [texts(row) for row in table.rows] == [
        ["dsn", "2", "1", "0", "1", "0", "0"],
        ["same", "2", "1", "0", "1", "0", "0"],
    ]
    assert texts(table.summary[0]) == ["all", "3", "2", "0", "1", "0", "0"]
    assert table.notes == ("1 trial serves several arms; it counts once over all.",)
    assert [texts(row)[1] for row in tables.trials_table(shared).rows] == ["dsn", "dsn; same", "same"]


def test_trials_shared_by_data_sets_of_one_arm_serve_cells(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.6], ("dsn", "copy of A"): [0.5, 0.6]})
    results.trials["trial_id"] = ["x", "y", "x", "y"]
    assert tables.status_table(results).notes == ("2 trials serve several cells; each counts once over all.",)
    assert texts(tables.trials_table(results).rows[0])[:3] == ["x", "dsn", "A; copy of A"]


def test_cost_table_in_readable_units(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.5], ("other", "A"): ["pending", "pending"]})
    table = tables.cost_table(results)
    assert texts(table.rows[0]) == ["dsn", "126.22", "25.24", "20.50", "104.88", "10.5", "–", "–"]
    assert texts(table.rows[1]) == ["other", "–", "–", "–", "–", "–", "–", "–"]
    assert table.notes[0] == "Means over 1 data set."
    by_dataset = tables.cost_by_dataset_table(results)
    assert [texts(row)[:3] for row in by_dataset.rows] == [["A", "dsn", "126.22"]]


def test_cost_table_has_times_and_memory(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.5]})
    results.trials["test_seconds"], results.trials["peak_memory_bytes"] = [0.1, 0.2], [500e6, 501e6]
    table = tables.cost_table(results)
    assert [column.name for column in table.columns][-3:] == ["training (s)", "testing (s)", "peak memory (MB)"]
    assert texts(table.rows[0])[-3:] == ["10.5", "0.15", "500"]
    assert "have not recorded" not in " ".join(table.notes)
    unrecorded = results.trials.assign(peak_memory_bytes=[500e6, math.nan])
    partly = tables.cost_table(dataclasses.replace(results, trials=unrecorded))
    assert texts(partly.rows[0])[-3:] == ["10.5", "0.15", "–"], "no mean over other seeds than all else"
    assert "have not recorded" in partly.notes[-1]


def _measured(results: StudyResults, **columns: list[float]) -> StudyResults:
    return dataclasses.replace(results, trials=results.trials.assign(**columns))


def test_quality_table(make_results: MakeResults) -> None:
    outcomes = {
        ("dsn", "A"): [0.5, 0.7],
        ("dsn", "B"): [0.8, 0.8],
        ("other", "A"): [0.6, 0.6],
        ("other", "B"): [0.9, 0.9],
    }
    results = _measured(
        make_results(outcomes),
        test_balanced_accuracy=[0.4, 0.6, 0.7, 0.7, 0.5, 0.5, 0.5, 0.5],
        test_macro_f1=[0.5] * 8,
        test_loss=[0.3, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2],
        test_calibration_error=[0.02, 0.02, 0.04, 0.04, 0.01, 0.03, 0.04, 0.08],
    )
    table = tables.quality_table(results)
    assert table is not None
    assert texts(table.rows[0]) == ["dsn", "70.00", "60.00", "50.00", "0.3000", "3.00"]
    assert texts(table.rows[1]) == ["other", "75.00", "50.00", "50.00", "0.2000", "4.00"]
    assert [[cell.best for cell in row] for row in table.rows] == [
        [False, False, True, True, False, True],
        [False, True, False, True, True, False],
    ]
    assert table.rows[0][1].text == tables.accuracy_table(results).summary[0][1].text, "the same mean as there"
    assert table.notes[0] == "Means over all 2 data sets."
    assert len(table.notes) == 2, "nothing is missing"


def test_quality_that_an_earlier_version_did_not_record_is_absent(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5, 0.7], ("dsn", "B"): [0.5], ("other", "A"): [0.6, 0.6], ("idle", "A"): ["pending"]}
    )
    known = [0.5, math.nan, 0.5, 0.5, 0.5, math.nan]
    table = tables.quality_table(_measured(results, test_macro_f1=known, test_loss=[0.25] * 6))
    assert table is not None
    assert texts(table.rows[0]) == ["dsn", "60.00", "–", "–", "0.2500", "–"]
    assert texts(table.rows[1]) == ["other", "60.00", "–", "50.00", "0.2500", "–"]
    assert texts(table.rows[2]) == ["idle", "–", "–", "–", "–", "–"]
    assert not table.rows[1][3].best, "nothing competes with it"
    assert table.notes[0] == "Means over 1 of 2 data sets, those of the mean test accuracy."
    assert "an earlier version" in table.notes[-1]


def test_without_results_there_is_no_quality(make_results: MakeResults) -> None:
    assert tables.quality_table(make_results({("dsn", "A"): ["pending", "failed"]})) is None


EXPLORED = {
    "log10_topologies_layers": [100.0, 300.0, 0.0],
    "log10_topologies_groups": [90.0, 290.04, 0.0],
    "log10_topologies": [50.0, 51.0, 0.0],
    "itop_rate": [0.25, 0.5, 1.0],
    "mask_churn": [0.125, 0.0, 0.0],
    "mean_receptive_field": [80.0, 91.0, 153.0],
}


def test_exploration_table(make_results: MakeResults, make_config: MakeConfig) -> None:
    outcomes = {("dsn", "A"): [0.5], ("dsn", "B"): [0.5], ("dense", "A"): [0.5], ("dense", "B"): [0.5]}
    configs = {"dsn": make_config(), "dense": make_config(**{"sparsity.level": "dense"})}
    columns = {name: [*values, values[-1]] for name, values in EXPLORED.items()}
    table = tables.exploration_table(_measured(make_results(outcomes, configs=configs), **columns))
    assert table is not None
    assert texts(table.rows[0]) == ["dsn", "200.0", "190.0", "50.5", "37.50", "6.25", "85.5"]
    assert texts(table.rows[1]) == ["dense", "0.0", "0.0", "0.0", "100.00", "0.00", "153.0"]
    assert table.notes[0] == "Means over all 2 data sets."
    assert len(table.notes) == 3


def test_where_nothing_is_sparse_there_is_no_exploration(make_results: MakeResults, make_config: MakeConfig) -> None:
    dense = {"dense": make_config(**{"sparsity.level": "dense"}), "short": make_config(**{"model.kernel_size": 4})}
    results = make_results({("dense", "A"): [0.5, 0.5], ("short", "A"): [0.5]}, configs=dense)
    assert tables.exploration_table(_measured(results, **EXPLORED)) is None


def test_what_no_trial_has_recorded_has_no_table(make_results: MakeResults) -> None:
    assert tables.exploration_table(make_results({("dsn", "A"): [0.5, 0.5]})) is None
    assert tables.exploration_table(make_results({("dsn", "A"): ["pending"]})) is None


def test_exploration_is_over_data_sets_that_every_arm_has(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("dsn", "B"): [0.5], ("other", "A"): [0.5]})
    table = tables.exploration_table(_measured(results, **EXPLORED))
    assert table is not None
    assert texts(table.rows[0])[1:3] == ["100.0", "90.0"], "B, of which only dsn has a result, is left out"
    assert table.notes[0] == "Means over 1 of 2 data sets, those in which every arm with results has one."


def test_status_table_adds_up_in_every_row(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, "pruned", "running"], ("other", "A"): ["failed", "pending", 0.5]})
    table = tables.status_table(results)
    assert texts(table.summary[0]) == ["all", "6", "2", "1", "1", "1", "1"]
    for row in table.rows + table.summary:
        planned, *parts = (int(cell.text) for cell in row[1:])
        assert planned == sum(parts)
    assert table.notes == (), "no trial is shared"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("Traceback (most recent call last):\n  File 'x'\nValueError: bad\n", "ValueError: bad"),
        ("out of memory\ndetails", "out of memory"),
        ("", "–"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_the_cause_is_one_line(error: str, line: str) -> None:
    assert cause(error) == line


def test_trials_table_in_plan_order(make_results: MakeResults) -> None:
    table = tables.trials_table(make_results({("dsn", "A"): [0.83125, "pending"]}))
    assert texts(table.rows[0]) == ["dsn-A-0", "dsn", "A", "0", "done", "83.13", "30", "10.0"]
    assert texts(table.rows[1]) == ["dsn-A-1", "dsn", "A", "1", "pending", "–", "–", "–"]


@pytest.mark.parametrize(
    ("number", "noun", "text"), [(1, "loss", "1 loss"), (2, "loss", "2 losses"), (0, "tie", "0 ties")]
)
def test_plurals(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


def test_the_realistic_study_fits_a_terminal(study: StudyResults) -> None:
    text = to_text(tables.accuracy_table(study), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^GunPoint +99\.11 ± 1\.02\* ", text, flags=re.MULTILINE)
