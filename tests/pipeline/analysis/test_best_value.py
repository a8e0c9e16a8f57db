"""The best value of a factor on each data set, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest

from pipeline.analysis.figures import best_value
from pipeline.analysis.results import StudyResults

KEY = "model.kernel_size"


@pytest.fixture
def kernels(make_results: Callable[..., StudyResults], make_config: Callable[..., object]) -> StudyResults:
    """A DSN, and dense networks of three kernel sizes compared with it, on four data sets."""
    sizes = {"dense, k=5": 5, "dense, k=10": 10, "dense, k=20": 20}
    outcomes = {
        ("dsn", "A"): [0.8, 0.8],
        ("dsn", "B"): [0.9, 0.9],
        ("dsn", "C"): [0.7, 0.7],
        ("dsn", "D"): [0.7, 0.7],
        ("dense, k=5", "A"): [0.6, 0.7],
        ("dense, k=10", "A"): [0.7, 0.9],  # the best, and as good as the DSN
        ("dense, k=20", "A"): [0.7, 0.7],
        ("dense, k=5", "B"): [0.85, 0.85],  # two are the best, and both count
        ("dense, k=10", "B"): [0.5, 0.5],
        ("dense, k=20", "B"): [0.85, 0.85],
        ("dense, k=5", "C"): [0.5, 0.5],
        ("dense, k=10", "C"): [0.6, 0.6],
        ("dense, k=20", "C"): [0.75, 0.75],
        ("dense, k=5", "D"): [0.9, 0.9],
        ("dense, k=10", "D"): [0.9, "failed"],  # not the seeds of the others
        ("dense, k=20", "D"): [0.9, 0.9],
    }
    return make_results(
        outcomes,
        factors={"dsn": {}} | {arm: {KEY: size} for arm, size in sizes.items()},
        configs={"dsn": make_config()} | {arm: make_config(**{KEY: size}) for arm, size in sizes.items()},
    )


def test_the_best_of_each_data_set_stands_beside_the_reference(kernels: StudyResults) -> None:
    best = best_value.best_values(kernels, KEY)
    assert best["dataset"].to_list() == ["A", "B", "C"]
    assert best["values"].to_list() == [(10,), (5, 20), (20,)]
    assert best["own"].to_list() == pytest.approx([0.8, 0.85, 0.75])
    assert best["other"].to_list() == pytest.approx([0.8, 0.9, 0.7])
    assert best["sign"].to_list() == [0, -1, 1]
    assert set(best["line"]) == {"dense"}
    assert set(best["reference"]) == {"dsn"}


def test_a_line_that_is_compared_with_several_has_no_reference(kernels: StudyResults) -> None:
    references = {"dense, k=5": "dsn", "dense, k=10": "dsn"}
    best = best_value.best_values(replace(kernels, references=references), KEY)
    assert set(best["reference"]) == {""}
    assert all(math.isnan(other) for other in best["other"])


def test_without_other_arms_the_first_value_is_the_reference(kernels: StudyResults) -> None:
    references = {"dense, k=10": "dense, k=5", "dense, k=20": "dense, k=5"}
    best = best_value.best_values(replace(kernels, references=references), KEY)
    assert best["other"].to_list() == pytest.approx([0.65, 0.85, 0.5])
    assert best["sign"].to_list() == [1, 0, 1], "no value is better than the best one"


def test_the_figure_says_what_choosing_on_the_test_set_means(kernels: StudyResults) -> None:
    drawings = best_value.figures(kernels)
    assert isinstance(drawings, dict)
    notes = " ".join(drawings["best_value"].notes)
    assert "without the labels" in notes
    assert "Over 3 of 4 data sets, those on which all values have the same done seeds." in notes


def test_a_value_that_is_nowhere_the_best_has_its_place_on_the_axis(kernels: StudyResults) -> None:
    trials = kernels.trials[kernels.trials["dataset"].isin(["A", "C"])]
    results = replace(kernels, trials=trials, datasets=("A", "C"))
    assert best_value.best_values(results, KEY)["values"].to_list() == [(10,), (20,)]
    assert best_value.tried_values(results, KEY) == {"dense": [5, 10, 20]}
    drawings = best_value.figures(results)
    assert isinstance(drawings, dict)
    texts = ["".join(node.itertext()) for node in ElementTree.fromstring(drawings["best_value"].svg).iter()]
    assert {"5", "10", "20"} <= set(texts)
    assert "Over all 2 data sets." in drawings["best_value"].notes


def test_lines_that_rest_on_different_data_sets_say_so(sweep: StudyResults) -> None:
    more = sweep.trials[sweep.trials["dataset"] == "A"].assign(dataset="C")
    trials = pd.concat([sweep.trials, more.assign(trial_id=more["trial_id"] + "-C")], ignore_index=True)
    gap = (trials["arm"] == "two, model.kernel_size=9") & (trials["dataset"] == "C")
    results = replace(sweep, trials=trials[~gap], datasets=("A", "B", "C"))
    drawings = best_value.figures(results)
    assert isinstance(drawings, dict)
    (over,) = (note for note in drawings["best_value"].notes if note.startswith("Over"))
    assert over.startswith("Over all 3 data sets for one, 2 of 3 data sets for two: those on which all values have")
