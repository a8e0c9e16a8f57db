"""The tables that say how sure differences are, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from dsn.errors import InvalidInput
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Table
from pipeline.analysis.tables import RESULTS, chosen_tables
from pipeline.analysis.tables.effects import effects_table
from pipeline.analysis.tables.paired_seeds import paired_seeds_table
from pipeline.analysis.tables.ranks import pairs_table, ranks_table

MakeResults = Callable[..., StudyResults]
tables = pytest.mark.parametrize("name", ["ranks", "pairs", "effects", "paired_seeds"])


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def table(found: Table | str) -> Table:
    assert isinstance(found, Table)
    return found


@pytest.fixture
def ladder(make_results: MakeResults) -> StudyResults:
    """Ten data sets on which ``best`` is above ``dsn``, which is level with ``same``; one more with a failure."""
    accuracies = {"dsn": 0.6, "best": 0.7, "same": 0.6}
    sets = [f"set{number}" for number in range(10)]
    outcomes = {(arm, name): [level, level + 0.02] for arm, level in accuracies.items() for name in sets}
    outcomes |= {("dsn", "lost"): [0.5, 0.5], ("best", "lost"): [0.5, "failed"], ("same", "lost"): [0.5, 0.5]}
    return make_results(outcomes)


@tables
def test_a_study_without_results_is_told_why_there_is_none(name: str, make_results: MakeResults) -> None:
    for arms in (("dsn",), ("dsn", "up")):
        results = make_results({(arm, "A"): ["pending"] for arm in arms})
        sentence = RESULTS[name](results)
        assert isinstance(sentence, str)
        assert sentence.endswith(".")
        with pytest.raises(InvalidInput, match=re.escape(sentence.rstrip("."))):
            chosen_tables(results, [name])


def test_ranks_and_what_they_say(ladder: StudyResults) -> None:
    """Ten differences that are all alike have p = 2 / 1024, times 3 of three pairs; those of ``same`` are zero."""
    found = table(ranks_table(ladder))
    assert [column.name for column in found.columns] == [
        "arm",
        "average rank",
        "mean accuracy (%)",
        "p against the reference",
        "group",
    ]
    assert [texts(row) for row in found.rows] == [
        ["best", "1.00", "71.00", "0.0059", "a"],
        ["dsn", "2.50", "61.00", "reference", "b"],
        ["same", "2.50", "61.00", "1.0000", "b"],
    ]
    assert [row[1].best for row in found.rows] == [True, False, False]
    assert found.rows[0][3].tooltip == "against dsn"
    assert found.notes[0].startswith("Average ranks over 10 of 11 data sets, 1 for the best")
    assert found.notes[1] == "Without lost, where the arms with results do not have the same done seeds."
    assert found.notes[2].startswith("The Friedman test finds that arms differ (chi-square 20.00, 2 degrees of freedom")


def test_pairs_stand_once_from_the_side_of_the_better_rank(ladder: StudyResults) -> None:
    assert [texts(row) for row in table(pairs_table(ladder)).rows] == [
        ["best", "dsn", "+10.00", "10", "0", "0", "0.0020", "0.0059", "yes"],
        ["best", "same", "+10.00", "10", "0", "0", "0.0020", "0.0059", "yes"],
        ["dsn", "same", "±0.00", "0", "10", "0", "1.0000", "1.0000", "no"],
    ]


def test_two_arms_have_ranks_and_no_table_of_pairs(make_results: MakeResults) -> None:
    results = make_results({(arm, name): [level] for arm, level in (("dsn", 0.5), ("up", 0.6)) for name in "ABCDEF"})
    found = table(ranks_table(results))
    assert [texts(row) for row in found.rows] == [
        ["up", "1.00", "60.00", "0.0312", "a"],
        ["dsn", "2.00", "50.00", "reference", "b"],
    ]
    assert (
        found.notes[1] == "Pairs are separated where p is below 0.05 in a two-sided Wilcoxon signed-rank test (exact)."
    )
    assert pairs_table(results) == "Two arms are a single pair, which the table of ranks tells of."


def test_where_nothing_could_be_separated_the_notes_say_so(make_results: MakeResults) -> None:
    results = make_results({(f"arm{arm}", name): [0.5 + arm / 100] for arm in range(4) for name in "ABCDEF"})
    found = table(ranks_table(results))
    assert found.notes[-2] == (
        "With 6 data sets and 6 pairs no p can be below 0.1875 after the correction: nothing could be separated, "
        "however different."
    )
    assert {row[-1].text for row in found.rows} == {"a"}


def test_without_references_ranks_have_no_test_against_one(ladder: StudyResults) -> None:
    found = table(ranks_table(replace(ladder, references={})))
    assert [column.name for column in found.columns] == ["arm", "average rank", "mean accuracy (%)", "group"]


def test_an_arm_whose_reference_has_no_result_is_compared_with_nothing(ladder: StudyResults) -> None:
    outside = ladder.trials["arm"] == "dsn"
    trials = ladder.trials.assign(status=ladder.trials["status"].mask(outside, "pending"))
    found = table(ranks_table(replace(ladder, trials=trials)))
    assert [texts(row)[3] for row in found.rows] == ["–", "–"]


def test_of_many_arms_the_first_are_paired(make_results: MakeResults) -> None:
    arms = {f"arm{number:02}": 0.9 - number / 100 for number in range(23)}
    results = make_results({(arm, name): [accuracy] for arm, accuracy in arms.items() for name in "ABCDEFG"})
    found = table(pairs_table(results))
    assert len(found.rows) == 190
    assert found.notes[-1] == "Without 3 arms of lower rank; p is corrected for their pairs too."
    assert "group" not in [column.name for column in table(ranks_table(results)).columns]


def test_effects_of_the_sweep_by_hand(make_results: MakeResults, make_config: Callable[..., object]) -> None:
    """One factor of two values on two data sets. Means of A are 60 and 64, of B 70 and 76: the effect is 5 points, and
    differs by 2 from data set to data set. Squares for a seed: 4 x 2.5², 4 x 5.5² and 4 x 0.5²; there are two seeds,
    each one point from its mean."""
    labels = {f"dsn, model.kernel_size={size}": size for size in (9, 21)}
    means = {("A", 9): 0.60, ("A", 21): 0.64, ("B", 9): 0.70, ("B", 21): 0.76}
    results = make_results(
        {
            (label, name): [means[name, size] - 0.01, means[name, size] + 0.01]
            for label, size in labels.items()
            for name in "AB"
        },
        factors={label: {"model.kernel_size": size} for label, size in labels.items()},
        configs={label: make_config(**{"model.kernel_size": size}) for label, size in labels.items()},
    )
    found = table(effects_table(results))
    assert [texts(row) for row in found.rows] == [["model.kernel_size", "50.00", "1", "25.00", "0.1257", "0.962"]]
    assert [texts(row) for row in found.summary] == [
        ["data sets (blocks)", "242.00", "1", "–", "–", "–"],
        ["effects × data sets (residual)", "2.00", "1", "–", "–", "–"],
        ["seeds", "8.00", "4", "–", "–", "–"],
        ["total", "302.00", "7", "–", "–", "–"],
    ]


def test_effects_on_one_data_set_are_tested_over_seeds(sweep: StudyResults) -> None:
    trials = sweep.trials[sweep.trials["dataset"] == "A"].copy()
    trials["test_accuracy"] += (trials.index * 7 % 5) / 100
    found = table(effects_table(replace(sweep, trials=trials, datasets=("A",))))
    assert [texts(row)[0] for row in found.rows] == ["arm", "model.kernel_size", "arm × model.kernel_size"]
    assert [texts(row)[0] for row in found.summary] == ["seeds (blocks)", "effects × seeds (residual)", "total"]
    assert found.notes[0].startswith(
        "Of one data set: an effect is tested against how much it differs from seed to seed"
    )


def test_effects_name_what_they_leave_out(sweep: StudyResults, make_config: Callable[..., object]) -> None:
    trials = sweep.trials.copy()
    trials["test_accuracy"] += (trials.index * 7 % 5) / 100
    first = trials[trials["dataset"] == "A"]
    dense = trials[trials["arm"] == sweep.arms[0]].assign(arm="dense")
    results = replace(
        sweep,
        arms=(*sweep.arms, "dense"),
        datasets=("A", "B", "C", "D"),
        trials=pd.concat(
            [trials, dense, first.assign(dataset="C", status="pending"), first.assign(dataset="D")], ignore_index=True
        ),
        factors={**sweep.factors, "dense": {}},
        configs={**sweep.configs, "dense": make_config()},
    )
    found = table(effects_table(results))
    assert "3 of 4 data sets" in found.notes[0]
    assert found.notes[2:] == (
        "Without C, where results are missing.",
        "Without dense, which the factors do not apply to.",
    )


def test_seeds_of_each_data_set(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.5, 0.5],
            ("dsn", "B"): [0.5, 0.5, 0.5],
            ("up", "A"): [0.51, 0.52, 0.53],
            ("up", "B"): [0.6, "failed", "failed"],
        }
    )
    (row,) = table(paired_seeds_table(results)).rows
    assert texts(row) == ["up", "dsn", "A", "3", "+2.00", "−0.48 to +4.48", "0.2500", "0.0742"]
    assert row[6].tooltip == "3 seeds cannot bring it below 0.2500"
