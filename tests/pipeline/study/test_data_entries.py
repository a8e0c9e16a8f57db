"""The data entries of a study: names and collections, subsets, and sets that are not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_text import TWO_SETS, plan_of, refusal

from dsn.data import describe


@pytest.mark.parametrize(
    ("entry", "place", "key", "problem"),
    [
        ("{source: aeon, names: [A], junk: 1}", "3:32", "data.junk", "unknown key"),
        ("{source: aeon, names: [A], name: B}", "3:32", "data.name", "unknown key"),
        ("{source: aeon, names: [A], split: 2016}", "3:32", "data.split", "must be one of the choices"),
        ("{source: 5, names: [A]}", "3:6", "data.source", "must be text"),
        ("{names: [A]}", "3:5", "data.source", "is missing"),
        ("{source: aeon}", "3:5", "names", "must list the names of data sets"),
        ("{source: aeon, names: A}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: []}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: [A, 1]}", "3:20", "names", "must list the names of data sets"),
        ("{source: aeon, names: [A, A]}", "3:31", "names", "is listed twice"),
        ("{source: aeon, names: [A, a]}", "3:31", "names", "is listed twice"),
        ("{source: npz, names: [A], path: 5}", "3:31", "data.path", "must be text"),
        (
            "{source: aeon, names: [A], split.x: 1}",
            "3:32",
            "data.split.x",
            "unknown key",
        ),
        ("{source: aeon, nmaes: [A]}", "3:20", "data.nmaes", "unknown key"),
        ("{source: aeon, collection: UCR-86}", "3:20", "collection", "no such collection"),
        ("{source: aeon, collection: [UCR-85]}", "3:20", "collection", "no such collection"),
        ("{source: aeon, collection: null}", "3:20", "collection", "no such collection"),
        (
            "{source: aeon, names: [A], collection: UCR-85}",
            "3:32",
            "collection",
            "stands instead of names, not beside them",
        ),
        ("{source: aeon, collection: UCI-3}\n  - {source: aeon, names: [B, HAR]}", "4:31", "names", "is listed twice"),
        (
            "{source: aeon, names: [HAR]}\n  - {source: aeon, collection: UCI-3}",
            "4:20",
            "collection",
            "is listed twice",
        ),
    ],
)
def test_data_entries_with_junk_are_refused(tmp_path: Path, entry: str, place: str, key: str, problem: str) -> None:
    error, where = refusal(tmp_path, f"name: s\ndata:\n  - {entry}\n")
    assert (where, error.key, error.problem) == (place, key, problem)


@pytest.mark.parametrize("key", ["data.source", "data.name", "data.path"])
@pytest.mark.parametrize("writer", ["base: {%s: x}\n", "arms: {x: {%s: x}}\n", "factors: {values: {%s: [x]}}\n"])
def test_which_data_belongs_under_data(tmp_path: Path, key: str, writer: str) -> None:
    error, where = refusal(tmp_path, TWO_SETS + writer % key)
    assert (error.problem, error.key) == ("belongs under data:", key)
    assert where.startswith("4:")


def test_a_collection_stands_for_the_names_of_its_sets(tmp_path: Path) -> None:
    text = "name: s\ndata: [{source: folder, path: sets, collection: UCI-3, normalisation: global}]\nseeds: 1\n"
    plan = plan_of(tmp_path, text)
    assert plan.datasets == ("DailySports", "EEG2", "HAR")
    assert {(trial.config.data.normalisation, trial.config.data.path) for trial in plan.trials} == {
        ("global", str(tmp_path / "sets"))
    }
    assert len(plan_of(tmp_path, text.replace("UCI-3", "UCR-112")).datasets) == 112


def test_an_unknown_collection_is_answered_with_the_nearest(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, "name: s\ndata:\n  - source: folder\n    collection: UCR-58\n")
    assert (error.value, where) == ("UCR-58", "4:5")
    assert error.choices == ("UCR-85", "UCR-112", "UEA-30", "UCI-3")
    assert "did you mean 'UCR-85'?" in str(error)


SUBSETS = "name: s\ndata:\n  - {source: folder, path: nowhere, names: [HAR]}\nseeds: 1\n"


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (("names: [HAR]", "names: [HAR], train_subset: 8000"), "3:51"),
        (("seeds: 1", "base: {data.train_subset: 8000}"), "4:8"),
        (("seeds: 1", "arms: {a: {}, b: {data.train_subset: 8000}}"), "4:19"),
        (("seeds: 1", "factors: {values: {data.train_subset: [600, 8000]}}"), "4:20"),
        # base < data entry < arm
        (("HAR]}\nseeds: 1", "HAR], train_subset: 8000}\nbase: {data.train_subset: 600}"), "3:51"),
        (("HAR]}\nseeds: 1", "HAR], train_subset: 600}\narms: {a: {data.train_subset: 8000}}"), "4:12"),
    ],
)
def test_a_subset_that_a_known_set_cannot_have_is_blamed_on_who_asks(
    tmp_path: Path, edit: tuple[str, str], place: str
) -> None:
    error, where = refusal(tmp_path, SUBSETS.replace(*edit), describe=describe)
    assert (where, error.key, error.value) == (place, "train_subset", 8000)
    assert error.problem == "asks for more than the 7352 training series"


def test_a_subset_is_what_a_plan_counts_with(tmp_path: Path) -> None:
    """HAR in batches of 16: 460 steps an epoch; of 600 series 38."""
    plan = plan_of(tmp_path, SUBSETS + "factors: {values: {data.train_subset: [null, 600]}}\n", describe=describe)
    whole, part = sorted(plan.trials, key=lambda trial: -trial.seconds)
    assert (part.config.data.train_subset, [use.info.train_n for use in plan.data]) == (600, [7352, 600])
    assert part.trial_id != whole.trial_id
    assert part.cost == whole.cost
    # One test of 2947 series each is all that they share, and small.
    assert part.seconds == pytest.approx(whole.seconds * 600 / 7352, rel=0.02)


def test_an_unknown_data_set_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = "name: s\ndata:\n  - source: aeon\n    names:\n      - GunPoint\n      - GunPont\n"
    error, where = refusal(tmp_path, text, describe=describe)
    assert (error.key, error.value, where) == ("name", "GunPont", "6:9")
    assert error.problem == "aeon ships no such data set"
    assert "did you mean 'GunPoint'?" in str(error)


def test_an_unknown_source_of_data_is_answered_with_the_choices(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, "name: s\ndata:\n  - {source: nzp, names: [A]}\n", describe=describe)
    assert (error.key, error.value, where) == ("source", "nzp", "3:6")
    assert {"aeon", "npz"} <= set(error.choices)


def _sets(tmp_path: Path, labels: list[int]) -> str:
    """A study of one data set in a folder ``sets``, whose series have these labels."""
    (tmp_path / "sets").mkdir()
    x, y = np.arange(len(labels) * 8, dtype=float).reshape(-1, 8), np.array(labels)
    np.savez(tmp_path / "sets" / "Mine.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    return "name: s\ndata:\n  - source: npz\n    path: sets\n    names: [Mine]\n"


def test_a_data_set_in_a_folder_beside_the_study_is_found(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, _sets(tmp_path, [0, 1, 0, 1]) + "seeds: 1\n", describe=describe)
    assert plan.trials[0].config.data.path == str(tmp_path / "sets")


def test_a_data_set_of_one_class_is_refused(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, _sets(tmp_path, [1, 1, 1]), describe=describe)
    assert (error.key, where) == ("data set Mine", "5:13")
    assert "has only the class '1'; at least 2 are needed" in error.problem
    assert str(tmp_path / "sets" / "Mine.npz") in error.problem


def test_an_unknown_name_in_a_folder_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = _sets(tmp_path, [0, 1]).replace("Mine", "Mime")
    error, where = refusal(tmp_path, text, describe=describe)
    assert where == "5:13"
    assert "did you mean 'Mine'?" in str(error)


def test_a_missing_folder_is_blamed_on_its_path(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, "name: s\ndata:\n  - {source: npz, path: none, names: [A]}\n", describe=describe)
    assert (error.key, error.value, where) == ("path", str(tmp_path / "none"), "3:19")
    assert error.problem == "no such folder or file"
