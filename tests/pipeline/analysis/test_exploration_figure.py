"""Coverage and churn over epochs: their data by hand and on masks that the trainer has made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest
from read_columns import columns_of

from dsn.config import RunConfig
from pipeline.analysis.figures import exploration as plots
from pipeline.analysis.figures import networks
from pipeline.analysis.results import Columns, StudyResults

MakeConfig = Callable[..., RunConfig]
MakeExplored = Callable[..., StudyResults]

SMALL = {"model.channels": 12, "model.kernel_size": 9, "model.depth": 1, "training.epochs": 10, "sparsity.level": 0.5}
"""On a univariate data set 12 x 9 = 108 weights."""


@pytest.fixture
def explored(make_explored: MakeExplored, make_config: MakeConfig) -> StudyResults:
    return make_explored(
        {
            "dsn": make_config(**SMALL),
            "fixed": make_config(**SMALL, **{"sparsity.explore": False}),
            "dense": make_config(**SMALL | {"sparsity.level": "dense"}),
        }
    )


def curves(results: StudyResults) -> pd.DataFrame:
    return plots.exploration(results, networks.drawable(results, results.mask_updates, "The files"))


def updates(moments: list[tuple[int, int, int, int]]) -> Columns:
    """(epoch, step, changed, covered) of a layer of two groups, the second of which has twice as much of all."""
    rows = [
        {"epoch": epoch, "step": step, "group": group, "active": 9 * group}
        | {"changed": changed * group, "covered": covered * group}
        for epoch, step, changed, covered in moments
        for group in (1, 2)
    ]
    return columns_of(pd.DataFrame(rows))


def test_both_hold_between_updates_and_churn_is_the_mean_of_an_epoch_s(explored: StudyResults) -> None:
    early = updates([(0, 0, 0, 9), (3, 6, 6, 15), (3, 8, 3, 18)])
    late = updates([(0, 0, 0, 9), (6, 12, 9, 18)])
    results = replace(explored, mask_updates={"dsn-A-0": early, "dsn-A-1": late})
    found = curves(results)
    coverage, churn = (found[found["measure"] == measure] for measure in ("itop_rate", "mask_churn"))
    assert coverage["epoch"].tolist() == [0, 3, 6, 10]
    # Of 108 weights: 27, then 54 and 27, then 54 of both, to the last epoch.
    assert coverage["mean"].tolist() == [0.25, 0.375, 0.5, 0.5]
    assert coverage["std"].tolist() == pytest.approx([0, 0.25 / math.sqrt(2), 0, 0])
    assert coverage["networks"].tolist() == [2] * 4
    # 18 / 27 and 9 / 27 in one epoch of the one network; 27 / 27 in one of the other, which has none before.
    assert churn[["epoch", "mean", "networks"]].to_numpy().tolist() == [[6, 0.75, 2]]
    assert churn["std"].tolist() == pytest.approx([0.5 / math.sqrt(2)])


def test_churn_is_a_mean_over_the_same_networks_in_every_epoch(explored: StudyResults) -> None:
    often = updates([(0, 0, 0, 9), (2, 4, 9, 9), (4, 8, 3, 9), (6, 12, 3, 9)])
    seldom = updates([(0, 0, 0, 9), (4, 8, 6, 9)])
    found = curves(replace(explored, mask_updates={"dsn-A-0": often, "dsn-A-1": seldom}))
    churn = found[found["measure"] == "mask_churn"]
    assert churn[["epoch", "networks"]].to_numpy().tolist() == [[4, 2], [6, 2]]
    assert churn["mean"].tolist() == pytest.approx([0.5, 0.5], rel=1e-15), "not 1, 1/2, 1/3"


def test_a_fixed_topology_is_a_flat_line(explored: StudyResults) -> None:
    own = curves(explored)
    own = own[own["arm"] == "fixed"]
    assert own[own["measure"] == "itop_rate"]["epoch"].tolist() == [0, 10]
    assert own[own["measure"] == "itop_rate"]["mean"].nunique() == 1
    assert own[own["measure"] == "mask_churn"]["mean"].tolist() == [0.0, 0.0]


def test_an_explored_topology_covers_more_and_changes_at_updates(explored: StudyResults) -> None:
    own = curves(explored)
    own = own[own["arm"] == "dsn"]
    coverage, churn = (own[own["measure"] == measure] for measure in ("itop_rate", "mask_churn"))
    assert coverage["epoch"].tolist() == [0, 5, 10]
    assert coverage["mean"].is_monotonic_increasing
    # 6 of 12, 12 of 24 and 18 of 36 positions of the groups' regions, of 108 weights.
    assert coverage["mean"].iloc[0] == pytest.approx(36 / 108, rel=1e-15)
    assert 1 / 3 < coverage["mean"].iloc[-1] <= 2 / 3
    assert churn["epoch"].tolist() == [5, 10]
    assert churn["mean"].between(0, 1, inclusive="neither").all()


def test_the_figure_names_its_arms_and_who_is_missing(explored: StudyResults) -> None:
    drawings = plots.figures(explored)
    assert isinstance(drawings, dict)
    texts = ["".join(node.itertext()) for node in ElementTree.fromstring(drawings["exploration"].svg).iter()]
    assert {"dsn", "fixed", "weights active at some time (%)", "active weights changed by an update (%)"} <= set(texts)
    notes = drawings["exploration"].notes
    assert "Means are over all data sets and seeds: 4 trained networks of each arm." in notes
    assert "Regions bound what can be covered: 67% for dsn; 67% for fixed." in notes
    assert "Without dense: dense, all weights are trained throughout." in notes


def test_without_masks_or_records_a_sentence_says_so(explored: StudyResults) -> None:
    dense = replace(explored, configs=dict.fromkeys(explored.arms, explored.configs["dense"]))
    assert plots.figures(dense) == "No arm of this study has masks: all weights of its networks are active."
    earlier = "an earlier version of this program trained them, or their files have been removed."
    assert str(plots.figures(replace(explored, mask_updates={}))).endswith(earlier)


def test_a_study_whose_data_sets_have_no_sizes_yet_has_no_figure(explored: StudyResults) -> None:
    assert isinstance(plots.figures(replace(explored, data=())), str)
