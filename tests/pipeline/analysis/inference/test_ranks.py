"""Ranks, the Friedman test and groups: by hand, against scipy and aeon, and on the paper's accuracies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from aeon.benchmarking.stats import check_friedman, wilcoxon_test
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from pipeline.analysis.inference.accuracies import Accuracies, shared_accuracies, study_columns
from pipeline.analysis.inference.matrix import compare_pairs
from pipeline.analysis.inference.ranks import Friedman, Ranking, friedman, rank_systems
from pipeline.analysis.published import Published
from pipeline.analysis.results import StudyResults

MakeResults = Callable[..., StudyResults]
DATA = Path(__file__).parents[3] / "data"
PAPER = {"ResNet": "resnet", "InceptionTime": "inceptiontime", "OS-CNN": "oscnn", "DSN": "dsn_mean"}


def published(name: str, columns: dict[str, str]) -> Accuracies:
    table = pd.read_csv(DATA / name).set_index("dataset")
    return shared_accuracies({system: (table[column] / 100).to_dict() for system, column in columns.items()})


def ranked(accuracies: Accuracies) -> Ranking:
    found = rank_systems(accuracies)
    assert isinstance(found, Ranking)
    return found


def made(fractions: np.ndarray) -> Accuracies:
    datasets, systems = fractions.shape
    return Accuracies(
        systems=tuple("abcdefgh"[:systems]),
        datasets=tuple(f"set{number}" for number in range(datasets)),
        fractions=fractions,
    )


GRIDS = arrays(
    np.float64,
    st.tuples(st.integers(6, 12), st.integers(3, 5)),
    elements=st.integers(0, 12).map(lambda step: 0.5 + step / 100),
)


@given(GRIDS)
def test_ranks_are_scipy_s_and_so_is_the_friedman_test(fractions: np.ndarray) -> None:
    ranking = ranked(made(fractions))
    ranks = stats.rankdata(-np.round(100 * fractions), axis=1)
    by_system = dict(zip(ranking.systems, ranking.ranks, strict=True))
    assert [by_system[name] for name in "abcdefgh"[: fractions.shape[1]]] == pytest.approx(ranks.mean(axis=0).tolist())
    assert list(ranking.ranks) == sorted(ranking.ranks)
    assert ranking.friedman is not None
    if (ranks != ranks[:, :1]).any():
        statistic, p = stats.friedmanchisquare(*ranks.T)
        assert ranking.friedman.statistic == pytest.approx(statistic)
        assert ranking.friedman.p == pytest.approx(p)
        assert ranking.friedman.p == pytest.approx(check_friedman(ranks))
    else:
        assert ranking.friedman == Friedman(statistic=0.0, df=fractions.shape[1] - 1, p=1.0), "scipy has none"


def test_p_is_twice_that_of_aeon_s_one_sided_test_where_nothing_ties() -> None:
    """There both are exact; aeon drops zeros before it ranks, and where there are none that makes no difference."""
    shown = np.random.default_rng(0).integers(10_000, size=(15, 3))
    for one, other in itertools.combinations(range(3), 2):
        sizes = np.abs(shown[:, one] - shown[:, other])
        assert len(set(sizes)) == 15
        assert sizes.all()
    ranking = ranked(made(shown / 10_000))
    order = [ord(name) - ord("a") for name in ranking.systems]
    better, worse = (wilcoxon_test(sign * shown[:, order].astype(float), ranking.systems) for sign in (1, -1))
    for pair in itertools.combinations(range(3), 2):
        assert ranking.p[pair] == pytest.approx(min(1.0, 2 * min(better[pair], worse[pair])), rel=1e-9)


def test_what_is_shown_as_equal_shares_a_rank() -> None:
    fractions = np.tile([[0.900_01, 0.9, 0.8]], (6, 1))
    ranking = ranked(made(fractions))
    assert ranking.systems == ("a", "b", "c"), "equal ones in the order given"
    assert ranking.ranks == (1.5, 1.5, 3.0)
    assert ranking.p[0, 1] == 1.0
    assert ranking.p[0, 2] == 2 / 64


def test_the_paper_s_four_systems() -> None:
    """Table 8: what a reader of the paper would like to know of Table 1."""
    ranking = ranked(published("table8_ucr85.csv", PAPER))
    assert len(ranking.datasets) == 85
    assert ranking.systems == ("InceptionTime", "DSN", "OS-CNN", "ResNet")
    assert [round(rank * 85, 6) for rank in ranking.ranks] == [181, 192.5, 231.5, 245]
    assert ranking.friedman is not None
    assert ranking.friedman.p == pytest.approx(1.195e-4, rel=1e-3)
    assert ranking.cliques() == ((0, 1), (1, 2), (2, 3))
    columns = pd.read_csv(DATA / "table8_ucr85.csv")
    for (one, first), (other, second) in itertools.combinations(enumerate(ranking.systems), 2):
        difference = (100 * (columns[PAPER[first]] - columns[PAPER[second]])).round()
        expected = stats.wilcoxon(difference, zero_method="pratt").pvalue  # normal: more than 13 with ties
        assert ranking.p[one, other] == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(
    ("table", "source", "columns"),
    [
        ("table1_ucr85_pairwise.csv", "table8_ucr85.csv", PAPER),
        (
            "table7_uea30_pairwise.csv",
            "table9_uea30.csv",
            {"MLSTM-FCN": "mlstm_fcn", "OS-CNN": "oscnn", "DSN": "dsn_mean"},
        ),
    ],
)
def test_pairs_are_the_paper_s(table: str, source: str, columns: dict[str, str]) -> None:
    """All of Table 1, and of Table 7 what Table 9 has the accuracies of. Those of Table 6 are printed nowhere."""
    accuracies = published(source, columns)
    pairs = {pair.first: pair for pair in compare_pairs(accuracies, ranked(accuracies)) if pair.second == "DSN"}
    printed = pd.read_csv(DATA / table).set_index("method")
    assert len(pairs) == len(columns) - 1
    for system, pair in pairs.items():
        expected = printed.loc[system, ["baseline_wins", "tie", "dsn_wins"]].tolist()
        assert [pair.wins, pair.ties, pair.losses] == expected, system


def test_the_paper_s_count_of_tapnet_does_not_follow_from_its_accuracies() -> None:
    """Table 7 prints 11 / 2 / 17."""
    accuracies = published("table9_uea30.csv", {"TapNet": "tapnet", "DSN": "dsn_mean"})
    pair = next(pair for pair in compare_pairs(accuracies, ranked(accuracies)) if pair.first == "TapNet")
    assert (pair.wins, pair.ties, pair.losses) == (13, 1, 16)


def test_a_pair_is_its_mirror_image() -> None:
    accuracies = published("table8_ucr85.csv", PAPER)
    ranking = ranked(accuracies)
    by_place = {(pair.first, pair.second): pair for pair in compare_pairs(accuracies, ranking)}
    assert len(by_place) == 12
    for (first, second), pair in by_place.items():
        mirror = by_place[second, first]
        assert pair.difference == pytest.approx(-mirror.difference)
        assert (pair.wins, pair.ties, pair.p, pair.separated) == (
            mirror.losses,
            mirror.ties,
            mirror.p,
            mirror.separated,
        )
    means = accuracies.fractions.mean(axis=0)
    assert by_place["DSN", "ResNet"].difference == pytest.approx(means[3] - means[0])
    assert by_place["DSN", "ResNet"].separated
    assert not by_place["DSN", "InceptionTime"].separated


def test_only_shared_data_sets_are_ranked_and_the_others_are_named() -> None:
    accuracies = shared_accuracies({"a": {"A": 0.5, "B": 0.6, "C": float("nan")}, "b": {"D": 0.1, "B": 0.7, "C": 0.5}})
    assert accuracies.datasets == ("B",)
    assert accuracies.left_out == ("A", "C", "D")
    assert accuracies.fractions.tolist() == [[0.6, 0.7]]


def test_the_columns_of_a_study_are_arms_with_results_on_data_sets_with_the_same_seeds(
    make_results: MakeResults,
) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.7],
            ("dsn", "B"): [0.8, 0.9],
            ("up", "A"): [0.6, 0.6],
            ("up", "B"): [0.9, "failed"],
            ("late", "A"): ["pending", "pending"],
        }
    )
    accuracies = shared_accuracies(study_columns(results))
    assert accuracies.systems == ("dsn", "up")
    assert accuracies.datasets == ("A",)
    assert accuracies.left_out == ("B",)
    assert accuracies.fractions.tolist() == [[pytest.approx(0.6), pytest.approx(0.6)]]


def test_published_systems_are_columns_and_meet_arms_where_nothing_is_missing(make_results: MakeResults) -> None:
    printed = [
        Published(dataset=dataset, arm="", system="OS-CNN", accuracy=accuracy, std=math.nan, source="a table")
        for dataset, accuracy in (("A", 70.0), ("B", 80.0), ("elsewhere", 90.0))
    ]
    results = make_results(
        {("dsn", "A"): [0.5, "failed"], ("dsn", "B"): [0.8, 0.9], ("dsn", "C"): [0.8, 0.9]}, published=tuple(printed)
    )
    accuracies = shared_accuracies(study_columns(results))
    assert accuracies.systems == ("dsn", "OS-CNN")
    assert accuracies.datasets == ("B",), "A lacks a seed, C is not printed"
    assert accuracies.left_out == ("A", "C")
    assert accuracies.fractions.tolist() == [[pytest.approx(0.85), pytest.approx(0.80)]]


@pytest.mark.parametrize(("datasets", "words"), [(0, "There are none."), (1, "There is 1."), (5, "There are 5.")])
def test_too_few_data_sets_have_no_ranks(datasets: int, words: str) -> None:
    found = rank_systems(made(np.full((datasets, 2), 0.5)))
    assert isinstance(found, str)
    assert found.endswith(words)


def test_one_arm_has_no_rank() -> None:
    assert rank_systems(made(np.full((9, 1), 0.5))) == "Ranks need two arms with results."


def test_two_systems_have_no_friedman_test_and_are_told_apart_by_their_own() -> None:
    apart = ranked(made(np.tile([[0.5, 0.6]], (6, 1))))
    assert apart.friedman is None
    assert apart.cliques() == ((0,), (1,))
    assert apart.separated[0, 1]
    alike = ranked(made(np.array([[0.5, 0.6], [0.6, 0.5]] * 4)))
    assert alike.cliques() == ((0, 1),)


def test_no_pair_is_separated_unless_the_friedman_test_finds_a_difference() -> None:
    ranking = ranked(published("table8_ucr85.csv", PAPER))
    quiet = replace(ranking, friedman=Friedman(statistic=1.0, df=3, p=0.8))
    assert ranking.separated.any()
    assert not quiet.separated.any()
    assert quiet.cliques() == ((0, 1, 2, 3),)


def test_what_the_data_sets_allow_at_best() -> None:
    ranking = ranked(made(np.tile(np.linspace(0.5, 0.9, 5), (6, 1))))
    assert ranking.pairs == 10
    assert ranking.smallest_adjusted == 10 / 32
    assert ranking.adjusted.min() == 10 / 32


@given(
    st.integers(2, 6).flatmap(lambda size: st.tuples(st.just(size), st.lists(st.booleans(), min_size=15, max_size=15)))
)
def test_groups_are_all_maximal_ones(case: tuple[int, list[bool]]) -> None:
    size, bits = case
    adjusted = np.ones((size, size))
    for (one, other), apart in zip(itertools.combinations(range(size), 2), bits, strict=False):
        adjusted[one, other] = adjusted[other, one] = 0.001 if apart else 0.5
    names = tuple("abcdef"[:size])
    ranking = Ranking(
        systems=names, ranks=(1.0,) * size, datasets=("A",), left_out=(), friedman=None, p=adjusted, adjusted=adjusted
    )
    subsets = itertools.chain.from_iterable(itertools.combinations(range(size), count) for count in range(1, size + 1))
    alike = [each for each in subsets if all(adjusted[pair] == 0.5 for pair in itertools.combinations(each, 2))]
    maximal = [each for each in alike if not any(set(each) < set(other) for other in alike)]
    assert ranking.cliques() == tuple(sorted(maximal))


def test_the_friedman_test_by_hand() -> None:
    """Three systems that are ranked alike on all of 6 data sets: the largest statistic, 6 (3 - 1)."""
    assert friedman(np.tile([1.0, 2.0, 3.0], (6, 1))).statistic == pytest.approx(12)
