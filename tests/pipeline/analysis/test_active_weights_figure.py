"""The picture of active taps: its data by hand and on masks that the trainer has made."""

from __future__ import annotations

import base64
import itertools
import re
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from read_columns import columns_of

from dsn.config import RunConfig
from pipeline.analysis.figures import active_weights as plots
from pipeline.analysis.figures import networks
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.report.document import compose
from pipeline.analysis.report.page import to_html
from pipeline.analysis.results import StudyResults

MakeConfig = Callable[..., RunConfig]
MakeExplored = Callable[..., StudyResults]

SMALL = {"model.channels": 12, "model.kernel_size": 9, "model.depth": 2, "training.epochs": 10, "sparsity.level": 0.5}


@pytest.fixture
def explored(make_explored: MakeExplored, make_config: MakeConfig) -> StudyResults:
    """12 channels of 9 taps in 2 layers: 3 groups and 1, explored and fixed, and a dense arm."""
    return make_explored(
        {
            "dsn": make_config(**SMALL),
            "fixed": make_config(**SMALL, **{"sparsity.explore": False}),
            "ungrouped": make_config(**SMALL, **{"sparsity.groups": 1}),
            "dense": make_config(**SMALL | {"sparsity.level": "dense"}),
        }
    )


def drawn(results: StudyResults) -> dict[str, Drawing]:
    drawings = plots.figures(results)
    assert isinstance(drawings, dict)
    return drawings


def places(picture: pd.DataFrame) -> list[list[object]]:
    return picture[["dataset", "seed"]].drop_duplicates().to_numpy().tolist()


def test_shares_of_the_picture_are_of_the_layer_s_inputs(explored: StudyResults) -> None:
    weights = pd.DataFrame(
        {"layer": [1, 1, 2], "group": 1, "channel": [0, 3, 5], "tap": [2, 0, 1], "active": [1, 4, 2]}
    )
    # On B a bottleneck brings 5 channels to 12 / 3 = 4 inputs; nobody else has a network there.
    lone = replace(explored, active_weights={"dsn-B-1": columns_of(weights)})
    picture = plots.first_layer(lone, networks.drawable(lone, lone.active_weights, "The files"))
    assert picture.to_numpy().tolist() == [["dsn", "B", 1, 0, 2, 0.25], ["dsn", "B", 1, 3, 0, 1.0]]


def test_the_picture_is_of_the_first_place_that_most_arms_have(explored: StudyResults) -> None:
    trials = networks.drawable(explored, explored.active_weights, "The files")
    assert places(plots.first_layer(explored, trials)) == [["A", 0]]
    kept = {trial: frame for trial, frame in explored.active_weights.items() if trial != "ungrouped-A-0"}
    lacking = replace(explored, active_weights=kept)
    picture = plots.first_layer(lacking, networks.drawable(lacking, kept, "The files"))
    assert places(picture) == [["A", 1]]
    assert list(picture["arm"].unique()) == ["dsn", "fixed", "ungrouped"]


def test_tap_shares_add_up_to_the_density_that_each_group_has(explored: StudyResults) -> None:
    shares = plots.tap_shares(explored, networks.drawable(explored, explored.active_weights, "The files"))
    taps = shares.groupby(["arm", "layer", "group"])["tap"].agg(["min", "max"])
    assert taps.loc["dsn", 1].to_numpy().tolist() == [[0, 2], [0, 5], [0, 8]], "the regions"
    assert (shares["networks"] == 4).all()
    sums = shares.groupby(["arm", "layer", "group"]).agg({"share": "sum", "even": "sum"})
    # Exploring moves weights and makes none; a sum of at most nine shares rounds by far less than this.
    assert np.abs(sums["share"] - sums["even"]).max() < 1e-12
    assert shares["even"].between(0.5 - 1 / 12, 0.5).all(), "S = 0.5, rounded down to whole weights"


def test_a_fixed_sequential_topology_has_its_first_taps(explored: StudyResults) -> None:
    shares = plots.tap_shares(explored, networks.drawable(explored, explored.active_weights, "The files"))
    last = shares[(shares["arm"] == "fixed") & (shares["layer"] == 2) & (shares["group"] == 3)]
    assert last["share"].tolist() == [1.0] * 4 + [0.5] + [0.0] * 4


def test_a_pixel_of_the_picture_is_a_weight(explored: StudyResults) -> None:
    drawing = drawn(explored)["active_weights"]
    images = re.findall(r"data:image/png;base64,\s*([^\"]+)", drawing.svg)
    sizes = [struct.unpack(">II", base64.b64decode(image)[16:24]) for image in images]
    assert sizes == [(12, 9)] * 3, "channels across, taps up"


def test_who_is_left_out_is_named(explored: StudyResults) -> None:
    kept = {trial: frame for trial, frame in explored.active_weights.items() if not trial.startswith("fixed")}
    drawings = drawn(replace(explored, active_weights=kept))
    assert list(drawings) == ["active_weights", "active_weights_layers"]
    for drawing in drawings.values():
        assert "Without dense: dense, all weights are trained throughout." in drawing.notes
        assert "Nothing recorded of fixed." in drawing.notes
    assert (
        drawings["active_weights"]
        .notes[0]
        .startswith(
            "Left: the first layer of the selected network of A, seed 0, a column an output channel; "
            "what is filled is active."
        )
    )


def test_many_arms_and_layers_are_cut_and_it_is_said(make_explored: MakeExplored, make_config: MakeConfig) -> None:
    deep = make_config(**SMALL | {"model.depth": 7})
    drawings = drawn(make_explored({f"arm{number}": deep for number in range(9)}, seeds=1))
    cut = "Only the first 8 of 9 arms with masks are drawn, without arm8."
    assert all(cut in drawing.notes for drawing in drawings.values())
    assert "Only the first 6 of 7 layers are drawn." in drawings["active_weights_layers"].notes


def test_the_layers_of_a_row_share_an_axis_that_holds_the_highest(
    make_explored: MakeExplored, make_config: MakeConfig
) -> None:
    study = make_explored({"dsn": make_config(**SMALL)}, seeds=1)
    low = pd.DataFrame({"layer": [1], "group": [1], "channel": [0], "tap": [0], "active": [1]})
    full = pd.DataFrame({"layer": 2, "group": 1, "channel": range(4), "tap": 0, "active": 4})
    weights = dict.fromkeys(study.active_weights, columns_of(pd.concat([low, full])))
    drawing = drawn(replace(study, active_weights=weights))["active_weights_layers"]
    assert re.search(r">\s*100\s*</text>", drawing.svg), "layer 1 has 25 % at most, layer 2 has 100 %"


def test_one_layer_needs_no_second_figure(make_explored: MakeExplored, make_config: MakeConfig) -> None:
    shallow = make_explored({"dsn": make_config(**SMALL | {"model.depth": 1})}, seeds=1)
    assert list(drawn(shallow)) == ["active_weights"]


def test_without_masks_or_records_a_sentence_says_so(explored: StudyResults) -> None:
    dense = replace(explored, configs=dict.fromkeys(explored.arms, explored.configs["dense"]))
    assert plots.figures(dense) == "No arm of this study has masks: all weights of its networks are active."
    earlier = "an earlier version of this program trained them, or their files have been removed."
    assert str(plots.figures(replace(explored, active_weights={}))).endswith(earlier)


def test_at_most_so_many_networks_are_read_spread_evenly() -> None:
    trials = pd.DataFrame({"arm": ["few"] * 3 + ["many"] * 425, "trial_id": range(428)})
    chosen = networks.evenly_spread(trials)
    assert chosen["trial_id"].tolist()[:3] == [0, 1, 2]
    many = chosen["trial_id"].tolist()[3:]
    assert len(set(many)) == networks.MOST_NETWORKS
    assert (many[0], many[-1]) == (3, 427)
    assert {later - earlier for earlier, later in itertools.pairwise(many)} <= {14, 15}
    assert networks.basis(trials).startswith("Means are over at most 30 trained networks of each arm")


def test_the_page_holds_its_pictures_and_loads_none(explored: StudyResults) -> None:
    html = to_html(compose(explored))
    assert "img-src data:;" in html
    sources = re.findall(r"<image[^>]*xlink:href=\"([^\"]+)\"", html)
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
