"""Every expected number here is worked out by hand or printed in the paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipeline.analysis import statistics
from pipeline.analysis.results import StudyResults
from pipeline.wording import rounded_percent

DATA = Path(__file__).parents[2] / "data"
MakeResults = Callable[..., StudyResults]


@pytest.mark.parametrize(
    ("fraction", "percent"),
    [
        (0.83125, 83.13),  # a half goes up; half-even would give 83.12
        (0.00125, 0.13),
        (0.831249, 83.12),
        (-0.83125, -83.13),  # away from zero on both sides, so that a difference has no favourite direction
        (-0.00001, 0.0),
        (1.0, 100.0),
        ((0.7 + 0.8 + 0.9) / 3, 80.0),
        (0.28125000000000006, 28.13),  # a half with binary noise
        (0.2812499999999999, 28.13),
    ],
)
def test_percentages_round_halves_away_from_zero_whatever_the_binary_noise(fraction: float, percent: float) -> None:
    assert rounded_percent(fraction) == percent
    assert math.copysign(1, rounded_percent(-0.00001)) == 1, "no minus zero"


def test_rounding_keeps_nan() -> None:
    assert math.isnan(rounded_percent(math.nan))


def test_mean_and_sample_deviation_of_a_cell(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.7, 0.9], ("dsn", "B"): [0.8]})
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    a, b = cells.to_dict("records")
    assert (a["planned"], a["done"], a["seeds"]) == (3, 3, (0, 1, 2))
    assert a["mean"] == pytest.approx(0.7)
    assert a["std"] == pytest.approx(0.2)  # sqrt((0.04 + 0 + 0.04) / 2)
    assert b["mean"] == 0.8
    assert math.isnan(b["std"]), "one seed has no deviation"


def test_cells_of_trials_that_are_not_done_or_not_planned(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): ["pending", 0.6, "failed"], ("dense", "B"): ["running"]})
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets).set_index(["dataset", "arm"])
    assert list(cells.index) == [("A", "dsn"), ("A", "dense"), ("B", "dsn"), ("B", "dense")]
    assert list(cells["planned"]) == [3, 0, 0, 1]
    assert list(cells["seeds"]) == [(1,), (), (), ()]
    assert cells["mean"].isna().tolist() == [False, True, True, True]


def test_statistics_of_a_study_without_any_result(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): ["pending"], ("dense", "A"): ["failed"]})
    where = (results.trials, results.arms, results.datasets)
    assert statistics.accuracy_cells(*where)["done"].tolist() == [0, 0]
    assert statistics.paired_differences(*where, results.references).empty
    (row,) = statistics.comparisons(*where, results.references).to_dict("records")
    assert (row["wins"], row["ties"], row["losses"], row["left_out"], row["pairs"]) == (0, 0, 0, 1, 0)
    assert math.isnan(row["difference"])
    assert statistics.cost_cells(*where)["flops"].isna().all()
    assert statistics.shared_datasets(statistics.accuracy_cells(*where)) == ()


def test_wins_ties_and_losses_count_data_sets_from_the_other_arm_s_side(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.80, 0.90],  # mean 0.85
            ("dsn", "B"): [0.50, 0.50],
            ("dsn", "C"): [0.90, 0.70],  # mean 0.80
            ("other", "A"): [0.86, 0.86],  # +0.01: a win
            ("other", "B"): [0.50001, 0.50001],  # 50.00 after rounding: a tie
            ("other", "C"): [0.70, 0.80],  # -0.05: a loss
        }
    )
    (row,) = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).to_dict(
        "records"
    )
    assert (row["wins"], row["ties"], row["losses"], row["left_out"]) == (1, 1, 1, 0)
    assert row["difference"] == pytest.approx((0.01 + 0.00001 - 0.05) / 3)
    assert (row["pairs"], row["paired_datasets"]) == (6, 3)


def test_a_data_set_with_other_done_seeds_is_left_out_but_its_pairs_count(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.6, 0.7],
            ("dsn", "B"): [0.8, 0.8, 0.8],
            ("other", "A"): [0.6, "failed", 0.9],  # pairs of seeds 0 and 2: +0.1, +0.2
            ("other", "B"): ["pending", 0.7, "running"],  # pair of seed 1: -0.1
        }
    )
    pairs = statistics.paired_differences(results.trials, results.arms, results.datasets, results.references)
    assert list(zip(pairs["dataset"], pairs["seed"], strict=True)) == [("A", 0), ("A", 2), ("B", 1)]
    assert pairs["difference"].tolist() == pytest.approx([0.1, 0.2, -0.1])
    (row,) = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).to_dict(
        "records"
    )
    assert (row["wins"], row["ties"], row["losses"], row["left_out"]) == (0, 0, 0, 2)
    assert row["difference"] == pytest.approx((0.15 - 0.1) / 2), "each data set weighs the same"


def test_the_same_part_of_the_seeds_is_comparable(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, "pending"], ("other", "A"): [0.6, "pending"]})
    (row,) = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).to_dict(
        "records"
    )
    assert (row["wins"], row["left_out"]) == (1, 0)


def test_with_factors_each_arm_meets_the_reference_at_its_own_values(factors: StudyResults) -> None:
    where = (factors.trials, factors.arms, factors.datasets, factors.references)
    pairs = statistics.paired_differences(*where)
    assert pairs["arm"].tolist() == ["gradient, k=21"] * 4 + ["gradient, k=39"] * 4
    assert pairs["difference"].tolist() == pytest.approx([0.1, 0.1, 0, 0, -0.1, -0.1, -0.02, 0])
    first, second = statistics.comparisons(*where).to_dict("records")
    assert (first["arm"], first["reference"]) == ("gradient, k=21", "random, k=21")
    assert (first["wins"], first["ties"], first["losses"], first["left_out"]) == (1, 1, 0, 0)
    assert first["difference"] == pytest.approx(0.05)
    assert (second["arm"], second["reference"]) == ("gradient, k=39", "random, k=39")
    assert (second["wins"], second["ties"], second["losses"], second["left_out"]) == (0, 0, 2, 0)
    assert second["difference"] == pytest.approx((-0.1 - 0.01) / 2)
    assert (second["pairs"], second["paired_datasets"]) == (4, 2)


def test_an_arm_without_a_reference_is_in_no_comparison(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5], ("alone", "A"): [0.9], ("other", "A"): [0.6]}, references={"other": "dsn"}
    )
    where = (results.trials, results.arms, results.datasets, results.references)
    assert statistics.comparisons(*where)["arm"].tolist() == ["other"]
    assert statistics.paired_differences(*where)["arm"].tolist() == ["other"]


def test_without_references_nothing_is_compared(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("other", "A"): [0.6]}, references={})
    where = (results.trials, results.arms, results.datasets, results.references)
    assert statistics.comparisons(*where).empty
    assert statistics.paired_differences(*where).empty


@pytest.mark.parametrize("references", [{"b": "a", "c": "b"}, {"a": "a"}, {"b": "lost"}, {"lost": "a"}])
def test_references_that_cannot_be_are_our_bug(make_results: MakeResults, references: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="reference"):
        make_results({(arm, "A"): [0.5] for arm in "abc"}, references=references)


def test_a_trial_that_serves_two_arms_is_one_trial(shared: StudyResults) -> None:
    distinct = statistics.distinct_trials(shared.trials)
    assert distinct["trial_id"].tolist() == ["dsn-A-0", "dsn-A-1", "same-A-0"]
    assert distinct["arm"].tolist() == ["dsn", "dsn; same", "same"]
    assert distinct["dataset"].tolist() == ["A", "A", "A"]
    assert statistics.status_counts(shared.trials, shared.arms)["failed"].tolist() == [1, 1]
    totals = statistics.status_totals(shared.trials)
    assert totals == {"planned": 3, "done": 2, "pruned": 0, "failed": 1, "running": 0, "pending": 0}


def test_arms_that_share_every_trial_tie(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.7], ("same", "A"): [0.5, 0.7]})
    results.trials["trial_id"] = ["x", "y", "x", "y"]
    (row,) = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).to_dict(
        "records"
    )
    assert (row["wins"], row["ties"], row["losses"], row["pairs"], row["difference"]) == (0, 1, 0, 2, 0.0)


def test_several_trials_of_one_seed_are_in_no_comparison(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("search", "A"): [0.6, 0.7]})
    results.trials["seed"] = 0
    (row,) = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).to_dict(
        "records"
    )
    assert (row["wins"], row["left_out"], row["pairs"]) == (0, 1, 0)


def test_the_mean_is_over_data_sets_that_every_started_arm_shares(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.7],
            ("dsn", "B"): [0.9, 0.9],
            ("other", "A"): [0.4, 0.6],
            ("other", "B"): [0.9, "failed"],
            ("waiting", "A"): ["pending", "pending"],
        }
    )
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    assert statistics.shared_datasets(cells) == ("A",)
    means = statistics.mean_over_datasets(cells, ("A",))
    assert means["dsn"] == pytest.approx(0.6)
    assert means["other"] == pytest.approx(0.5)
    assert math.isnan(means["waiting"])


def test_cost_is_a_mean_over_seeds_and_then_over_shared_data_sets(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.5], ("dsn", "B"): [0.5], ("other", "A"): [0.5, "failed"]})
    trials = results.trials
    trials.loc[trials["dataset"] == "B", "flops"] = 99e6
    costs = statistics.cost_cells(trials, results.arms, results.datasets)
    assert costs["done"].tolist() == [2, 1, 1, 0]
    assert costs["train_seconds"].tolist()[:3] == [10.5, 10.0, 10.0]  # seeds take 10 and 11 seconds
    shared = statistics.started_datasets(costs)
    assert shared == ("A",), "other has nothing on B"
    means = statistics.metric_means(costs, results.arms, shared, statistics.COSTS)
    assert means["flops"].tolist() == [20.5e6, 20.5e6]


def test_a_cell_in_which_a_trial_did_not_record_a_metric_has_no_mean_of_it(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.7, "failed"], ("dsn", "B"): [0.5, 0.5, 0.5]})
    trials = results.trials.assign(test_macro_f1=[0.4, 0.6, math.nan, 0.5, math.nan, 0.5])
    cells = statistics.metric_cells(trials, results.arms, results.datasets, ["test_accuracy", "test_macro_f1"])
    assert list(cells) == ["dataset", "arm", "done", "test_accuracy", "test_macro_f1"]
    assert cells["done"].tolist() == [2, 3]
    assert cells["test_accuracy"].tolist() == pytest.approx([0.6, 0.5])
    assert cells["test_macro_f1"].tolist() == pytest.approx([0.5, math.nan], nan_ok=True)
    means = statistics.metric_means(cells, results.arms, ["A"], ["test_macro_f1"])
    assert means.to_dict("records") == [{"arm": "dsn", "test_macro_f1": pytest.approx(0.5)}]
    over_both = statistics.metric_means(cells, results.arms, ["A", "B"], ["test_macro_f1"])
    assert over_both["test_macro_f1"].isna().all()


def test_an_arm_s_costs_are_over_the_data_sets_of_its_mean_or_unknown(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("dsn", "B"): [0.7], ("other", "A"): [0.6], ("other", "B"): [0.6]})
    trials = results.trials.assign(peak_memory_bytes=[1e9, 3e9, 1e9, math.nan], flops=[1e6, 3e6, 5e6, 5e6])
    means, shared = statistics.arm_means(trials, results.arms, results.datasets)
    assert shared == ("A", "B")
    assert means["flops"].tolist() == [2e6, 5e6]
    assert means["peak_memory_bytes"].tolist() == pytest.approx([2e9, math.nan], nan_ok=True), "not 1e9, of A alone"


def test_every_planned_trial_has_one_status(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, "pruned", "failed", "running", "pending", "pending"]})
    (row,) = statistics.status_counts(results.trials, results.arms).to_dict("records")
    assert row == {"arm": "dsn", "planned": 6, "done": 1, "pruned": 1, "failed": 1, "running": 1, "pending": 2}


def test_an_unknown_status_is_our_bug(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): ["lost"]})
    with pytest.raises(AssertionError, match="lost"):
        statistics.status_counts(results.trials, results.arms)


def test_counts_of_the_paper_s_table_1_follow_from_its_table_8(make_results: MakeResults) -> None:
    published = pd.read_csv(DATA / "table8_ucr85.csv")
    columns = {"DSN": "dsn_mean", "ResNet": "resnet", "InceptionTime": "inceptiontime", "OS-CNN": "oscnn"}
    results = make_results(
        {
            (method, row["dataset"]): [row[column] / 100]
            for method, column in columns.items()
            for row in published.to_dict("records")
        }
    )
    ours = statistics.comparisons(results.trials, results.arms, results.datasets, results.references).set_index("arm")
    table = pd.read_csv(DATA / "table1_ucr85_pairwise.csv").set_index("method").drop(index="DSN")
    assert len(results.datasets) == 85
    assert ours["wins"].to_dict() == table["baseline_wins"].to_dict()
    assert ours["losses"].to_dict() == table["dsn_wins"].to_dict()
    assert ours["ties"].to_dict() == table["tie"].to_dict()
    assert ours.loc["InceptionTime", ["wins", "losses", "ties"]].tolist() == [40, 40, 5]
