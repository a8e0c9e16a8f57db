"""Every plot of PLOTS, and each one's data by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from apart import assert_apart
from read_columns import columns_of

from dsn.config import RunConfig
from pipeline.analysis.figures import FILE_NAMES, PLOTS, receptive_fields, scatter, style, trade_off
from pipeline.analysis.figures import sweep as sweep_plot
from pipeline.analysis.figures.layout import lay_out
from pipeline.analysis.results import StudyResults
from pipeline.planning.plan import DataUse

MakeResults = Callable[..., StudyResults]
plots = pytest.mark.parametrize("title", PLOTS)


def words(svg: str) -> list[str]:
    return [
        "".join(node.itertext()).strip("\u2060") for node in ElementTree.fromstring(svg).iter() if "text" in node.tag
    ]


@pytest.fixture
def measured(sweep: StudyResults, data_uses: Callable[..., tuple[DataUse, ...]]) -> StudyResults:
    """The sweep with four more data sets, a receptive field file a trial, a learning curve of one, and a setting in
    which its arms differ: something for every plot."""
    again = [sweep.trials.replace({"dataset": {"B": name, "A": f"{name}0"}}) for name in ("C", "D")]
    trials = pd.concat([sweep.trials, *again], ignore_index=True)
    trials["trial_id"] = trials["arm"] + trials["dataset"] + trials["seed"].astype(str)
    ids = trials["trial_id"]
    rows = pd.DataFrame({"layer": [1, 1, 2], "group": [1, 2, 1], "size": [0, 5, 9], "kernels": [3, 9, 4]})
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5], "test_accuracy": [0.5, 0.6]})
    weights = pd.DataFrame({"layer": [1, 2], "group": [1, 3], "channel": [0, 140], "tap": [1, 8], "active": [1, 7]})
    updates = pd.DataFrame({"epoch": [0, 5], "step": [0, 9], "active": [8, 8], "changed": [0, 2], "covered": [8, 10]})
    drops = {"one": "magnitude", "two": "random"}
    configs = {
        arm: replace(config, sparsity=replace(config.sparsity, drop=drops[sweep.arm_name(arm)]))
        for arm, config in sweep.configs.items()
    }
    return replace(
        sweep,
        trials=trials,
        datasets=tuple(trials["dataset"].unique()),
        configs=configs,
        receptive_fields=dict.fromkeys(ids, columns_of(rows)),
        histories={ids[0]: columns_of(history)},
        active_weights=dict.fromkeys(ids, columns_of(weights)),
        mask_updates=dict.fromkeys(ids, columns_of(updates)),
        data=data_uses(A=1, B=1),
    )


@plots
def test_nothing_in_a_plot_lies_upon_anything_else(title: str, measured: StudyResults) -> None:
    drawings = PLOTS[title](measured)
    assert isinstance(drawings, dict)
    for drawing in drawings.values():
        with mpl.rc_context(style.STYLE):
            figure = drawing.picture.draw()
            lay_out(figure)
            assert_apart(figure)


@plots
def test_a_plot_draws_well_formed_deterministic_svg(title: str, measured: StudyResults) -> None:
    before = dict(mpl.rcParams)
    drawings = PLOTS[title](measured)
    assert isinstance(drawings, dict)
    assert drawings
    for name, drawing in drawings.items():
        assert any(fnmatchcase(name, pattern) for pattern in FILE_NAMES)
        assert ElementTree.fromstring(drawing.svg).tag.endswith("svg")
        assert drawing.alt
        assert drawing.notes
        assert all(note.endswith(".") for note in drawing.notes)
    again = PLOTS[title](measured)
    for name, drawing in drawings.items():
        assert again[name].svg.splitlines() == drawing.svg.splitlines()
    assert drawings == again
    assert dict(mpl.rcParams) == before


@plots
def test_a_plot_without_data_says_why(title: str, make_results: MakeResults) -> None:
    sentence = PLOTS[title](make_results({("dsn", "A"): ["pending"]}))
    assert isinstance(sentence, str)
    assert sentence.endswith(".")


@plots
def test_a_plot_survives_an_arm_that_has_only_failed(title: str, measured: StudyResults) -> None:
    gone = measured.trials["arm"] == measured.arms[0]
    trials = measured.trials.copy()
    trials.loc[gone, ["status", "test_accuracy", "parameters", "flops"]] = ["failed", math.nan, math.nan, math.nan]
    assert PLOTS[title](replace(measured, trials=trials))


def test_scatter_counts_and_leaves_out_what_is_not_comparable(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.7],
            ("dsn", "B"): [0.8, 0.8],
            ("dsn", "C"): [0.9, 0.9],
            ("up", "A"): [0.7, 0.7],
            ("up", "B"): [0.8, 0.80001],
            ("up", "C"): [0.9, "pending"],
            ("late", "A"): [0.1, 0.1],
        }
    )
    points = scatter.scatter(results)
    assert points.to_numpy().tolist() == [
        ["up", "dsn", "A", pytest.approx(0.7), pytest.approx(0.6), 1],
        ["up", "dsn", "B", pytest.approx(0.800005), pytest.approx(0.8), 0],
        ["late", "dsn", "A", pytest.approx(0.1), pytest.approx(0.6), -1],
    ]
    drawings = scatter.figures(results)
    assert isinstance(drawings, dict)
    texts = words(drawings["scatter"].svg)
    assert "test accuracy (%) of dsn" in texts
    assert "0 losses" in texts
    assert drawings["scatter"].notes[1] == "Without late, which can be compared in fewer data sets."


def test_scatter_of_one_data_set_is_refused_in_words(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("up", "A"): [0.6], ("dsn", "B"): [0.5], ("up", "B"): ["running"]})
    assert scatter.figures(results) == (
        "A scatter needs 2 data sets in which an arm and its reference have the same done seeds; there is 1 so far."
    )


def test_scatter_of_many_arms_is_cut_and_says_so(make_results: MakeResults) -> None:
    outcomes = {(f"arm{arm}", dataset): [0.5] for arm in range(15) for dataset in "AB"}
    drawings = scatter.figures(make_results(outcomes))
    assert isinstance(drawings, dict)
    texts = words(drawings["scatter"].svg)
    assert "arm12" in texts
    assert "arm13" not in texts
    assert "Only the first 12 of 14 panels are drawn, without arm13; arm14." in drawings["scatter"].notes


def test_sweep_has_a_line_an_arm_and_the_spread_over_seeds(sweep: StudyResults) -> None:
    points, shared = sweep_plot.sweep(sweep, "model.kernel_size")
    assert shared == ("A", "B")
    assert points["line"].tolist() == ["one"] * 3 + ["two"] * 3
    assert points["value"].tolist() == [9, 21, 39] * 2
    assert points["mean"].tolist() == pytest.approx([0.615, 0.735, 0.915, 0.515, 0.635, 0.815])
    # Each data set's mean moves by 0.02 either way with the seed: two values 0.04 apart.
    assert points["std"].tolist() == pytest.approx([0.04 / math.sqrt(2)] * 6)
    assert points["parameters"].tolist() == [126_220.0] * 6


def test_sweep_is_over_the_data_sets_that_all_arms_share(sweep: StudyResults) -> None:
    lacking = (sweep.trials["arm"] == sweep.arms[0]) & (sweep.trials["dataset"] == "B") & (sweep.trials["seed"] == 1)
    trials = sweep.trials.assign(status=sweep.trials["status"].mask(lacking, "failed"))
    points, shared = sweep_plot.sweep(replace(sweep, trials=trials), "model.kernel_size")
    assert shared == ("A",)
    assert points["mean"].tolist() == pytest.approx([0.59, 0.71, 0.89, 0.49, 0.61, 0.79])


def make_combined(make_results: MakeResults, make_config: Callable[..., object], combinations: list[dict[str, object]]):
    """A study of one arm, ``base``, over these combinations of factors."""
    labels = [", ".join(["base", *(f"{key}={value}" for key, value in each.items())]) for each in combinations]
    return make_results(
        {(label, "A"): [0.5 + number / 100] for number, label in enumerate(labels)},
        factors=dict(zip(labels, combinations, strict=True)),
        configs={label: make_config(**each) for label, each in zip(labels, combinations, strict=True)},
    )


def test_sweep_one_at_a_time_starts_at_the_base(make_results: MakeResults, make_config: Callable[..., object]) -> None:
    combinations = [{}, {"model.kernel_size": 9}, {"model.kernel_size": 39}, {"sparsity.groups": 1}]
    results = make_combined(make_results, make_config, combinations)
    points, _ = sweep_plot.sweep(results, "model.kernel_size")
    assert points[["line", "value", "mean"]].to_numpy().tolist() == [["base", 9, 0.51], ["base", 39, 0.5]]
    groups, _ = sweep_plot.sweep(results, "sparsity.groups")
    assert groups["value"].tolist() == [1, 3]
    assert sweep_plot.sweep_by_dataset(results, "sparsity.groups")["value"].tolist() == [1, 3]


def test_sweep_zipped_joins_an_arm_and_says_what_changes_along(
    make_results: MakeResults, make_config: Callable[..., object]
) -> None:
    combinations = [{"model.kernel_size": size, "model.depth": size // 9} for size in (9, 18, 36)]
    results = make_combined(make_results, make_config, combinations)
    points, _ = sweep_plot.sweep(results, "model.kernel_size")
    assert points["line"].tolist() == ["base"] * 3
    drawings = sweep_plot.figures(results)
    assert isinstance(drawings, dict)
    assert list(drawings) == ["sweep_model.kernel_size", "sweep_model.depth"]
    assert "Varied together with kernel size (taps): layers." in drawings["sweep_model.kernel_size"].notes


def test_words_of_a_factor_stand_before_its_numbers(
    make_results: MakeResults, make_config: Callable[..., object]
) -> None:
    levels = [{"sparsity.level": level} for level in (0.5, 0.8, "dense")]
    results = make_combined(make_results, make_config, levels)
    points, _ = sweep_plot.sweep(results, "sparsity.level")
    assert points[["value", "word", "mean"]].fillna(-1).to_numpy().tolist() == [
        [0.5, "", 0.5],
        [0.8, "", 0.51],
        [-1, "dense", 0.52],
    ]
    drawings = sweep_plot.figures(results)
    assert isinstance(drawings, dict)
    texts = words(drawings["sweep_sparsity.level"].svg)
    assert [text for text in texts if text in {"dense", "0.5", "0.8"}] == ["dense", "0.5", "0.8"] * 3


@pytest.fixture
def with_level(sweep: StudyResults, make_config: Callable[..., RunConfig]) -> StudyResults:
    """The sweep, whose arm ``two`` at 39 taps is an arm ``dense`` that no factor is crossed with."""
    old = sweep.arms[-1]
    rename = {old: "dense"}
    assert old == "two, model.kernel_size=39"
    return replace(
        sweep,
        arms=(*sweep.arms[:-1], "dense"),
        references={rename.get(arm, arm): reference for arm, reference in sweep.references.items()},
        trials=sweep.trials.replace({"arm": rename}),
        factors={arm: factors for arm, factors in sweep.factors.items() if arm != old} | {"dense": {}},
        configs={arm: config for arm, config in sweep.configs.items() if arm != old}
        | {"dense": make_config(**{"sparsity.level": "dense"})},
    )


def test_an_arm_that_a_factor_does_not_apply_to_is_a_level(with_level: StudyResults) -> None:
    points, _ = sweep_plot.sweep(with_level, "model.kernel_size")
    assert points["line"].tolist() == ["one"] * 3 + ["two"] * 2 + ["dense"]
    assert points["value"].fillna(-1).tolist() == [9, 21, 39, 9, 21, -1], "39, its own kernel size, is no point of it"
    drawings = sweep_plot.figures(with_level)
    assert isinstance(drawings, dict)
    drawing = drawings["sweep_model.kernel_size"]
    assert "dense" in words(drawing.svg)
    assert "dense does not vary it: its level is drawn across, with a band instead of a bar." in drawing.notes


def test_sweep_by_data_set_has_the_spread_of_each(with_level: StudyResults) -> None:
    points = sweep_plot.sweep_by_dataset(with_level, "model.kernel_size")
    assert points["dataset"].tolist() == ["A"] * 6 + ["B"] * 6
    assert points["line"].tolist() == (["one"] * 3 + ["two"] * 2 + ["dense"]) * 2
    assert points["mean"].tolist()[:6] == pytest.approx([0.59, 0.71, 0.89, 0.49, 0.61, 0.79])
    assert points["std"].tolist() == pytest.approx([0.04 / math.sqrt(2)] * 12)
    drawings = sweep_plot.figures(with_level)
    assert isinstance(drawings, dict)
    assert list(drawings) == ["sweep_model.kernel_size", "sweep_by_dataset_model.kernel_size"]
    texts = words(drawings["sweep_by_dataset_model.kernel_size"].svg)
    assert {"A", "B", "test accuracy (%)"} <= set(texts)


def test_sweep_by_data_set_says_where_seeds_differ(with_level: StudyResults) -> None:
    lacking = (with_level.trials["dataset"] == "B") & (with_level.trials["trial_id"].str.endswith("1"))
    lacking &= with_level.trials["arm"] == "dense"
    assert lacking.sum() == 1
    trials = with_level.trials.assign(status=with_level.trials["status"].mask(lacking, "failed"))
    drawings = sweep_plot.figures(replace(with_level, trials=trials))
    assert isinstance(drawings, dict)
    notes = drawings["sweep_by_dataset_model.kernel_size"].notes
    assert notes[-1] == "The points do not all rest on the same seeds on B."


@pytest.mark.parametrize("datasets", [1, 10])
def test_one_data_set_or_many_have_no_panels_of_their_own(
    make_results: MakeResults, make_config: Callable[..., RunConfig], datasets: int
) -> None:
    sizes = {f"dsn, model.kernel_size={size}": size for size in (9, 21)}
    results = make_results(
        {(label, f"set{number}"): [0.5] for label in sizes for number in range(datasets)},
        factors={label: {"model.kernel_size": size} for label, size in sizes.items()},
        configs={label: make_config(**{"model.kernel_size": size}) for label, size in sizes.items()},
    )
    assert list(sweep_plot.figures(results)) == ["sweep_model.kernel_size"]


def test_the_axis_of_a_wide_factor_is_logarithmic_and_words_lie_before_it() -> None:
    wide = style.ValueAxis(numbers=(0.001, 0.01, 0.1), words=("dense",))
    assert [wide.at(value) for value in (0.001, 0.01, 0.1)] == pytest.approx([0, 0.5, 1])
    assert wide.at("dense") == -style.WORD_ROOM
    narrow = style.ValueAxis(numbers=(0.0, 5.0, 10.0))
    assert [narrow.at(value) for value in (0.0, 5.0, 10.0)] == [0, 0.5, 1]


@pytest.mark.parametrize(("groups", "bands"), [(1, 1), (3, 3), (7, 7), (8, 4), (10, 5), (141, 7)])
def test_groups_share_colours_with_their_neighbours_when_they_are_many(groups: int, bands: int) -> None:
    made = style.group_bands(groups)
    assert [group for band in made for group in band] == list(range(1, groups + 1))
    assert len(made) == bands
    colors = [style.group_color(group, groups) for group in range(1, groups + 1)]
    assert len(set(colors)) == bands
    assert colors == sorted(colors, key=style.PALETTE.index)


def test_lines_of_a_sweep_are_named_as_arms_are(make_results: MakeResults, make_config: Callable[..., object]) -> None:
    combinations = [
        {"sparsity.explore": explore, "model.depth": depth} for explore in (True, False) for depth in (2, 4)
    ]
    points, _ = sweep_plot.sweep(make_combined(make_results, make_config, combinations), "model.depth")
    assert points["line"].unique().tolist() == ["base, exploration = true", "base, exploration = false"]


@pytest.mark.parametrize(("key", "values"), [("sparsity.explore", (True, False)), ("data.split", (2015, 2018))])
def test_what_is_no_quantity_is_not_swept(
    make_results: MakeResults, make_config: Callable[..., object], key: str, values: tuple[object, ...]
) -> None:
    results = make_combined(make_results, make_config, [{key: value} for value in values])
    assert sweep_plot.numeric_factors(results) == []


def test_sweep_panels_show_accuracy_and_cost_at_the_values(sweep: StudyResults) -> None:
    drawings = sweep_plot.figures(sweep)
    assert isinstance(drawings, dict)
    texts = words(drawings["sweep_model.kernel_size"].svg)
    assert {"mean test accuracy (%)", "parameters (K)", "FLOPs of one series (M)", "one", "two"} <= set(texts)
    assert [texts.count(value) for value in ("9", "21", "39")] == [3, 3, 3]


def test_trade_off_is_over_shared_data_sets_and_names_who_is_missing(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5, 0.6], ("dsn", "B"): [0.9, 0.9], ("other", "A"): [0.7, 0.9], ("late", "A"): ["pending"]}
    )
    means, shared = trade_off.trade_off(results)
    assert shared == ("A",)
    assert means[["arm", "mean", "seeds", "flops"]].to_numpy().tolist() == [
        ["dsn", pytest.approx(0.55), 2, 20.5e6],
        ["other", pytest.approx(0.8), 2, 20.5e6],
    ]
    assert means["std"].tolist() == pytest.approx([0.1 / math.sqrt(2), 0.2 / math.sqrt(2)])
    drawings = trade_off.figures(results)
    assert isinstance(drawings, dict)
    assert drawings["trade_off"].notes[0].startswith("Means over 1 of 2 data sets.")
    assert drawings["trade_off"].notes[2] == "No results of late."


def test_the_spread_rests_on_the_seeds_that_are_done_everywhere(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5, 0.6, 0.9], ("dsn", "B"): [0.7, 0.8], ("other", "A"): [0.5] * 3, ("other", "B"): [0.5] * 2}
    )
    means, shared = trade_off.trade_off(results)
    assert shared == ("A", "B")
    assert means["seeds"].tolist() == [2, 2], "seed 2 has nothing on B"
    assert means["std"].tolist() == pytest.approx([0.1 / math.sqrt(2), 0])
    assert means["mean"].tolist() == pytest.approx([(2 / 3 + 0.75) / 2, 0.5]), "which is over all trials"


def test_receptive_fields_are_means_of_shares_in_which_each_trial_weighs_the_same(make_results: MakeResults) -> None:
    small = {"layer": [1, 1], "group": [1, 1], "size": [3, 5], "kernels": [1, 1]}
    large = {"layer": [1, 1, 2], "group": [1, 2, 1], "size": [3, 5, 9], "kernels": [75, 25, 7]}
    sizes = {"dsn-A-0": columns_of(pd.DataFrame(small)), "dsn-A-1": columns_of(pd.DataFrame(large))}
    results = make_results(
        {("dsn", "A"): [0.5, 0.5, 0.5], ("other", "A"): [0.5]},
        receptive_fields=sizes,
    )
    counts = receptive_fields.kernel_counts(results, results.arms)
    histogram = receptive_fields.receptive_fields(counts)
    assert histogram.to_numpy().tolist() == [
        ["dsn", 1, 1, 3, 0.625, 2],
        ["dsn", 1, 1, 5, 0.25, 2],
        ["dsn", 1, 2, 5, 0.125, 2],
        ["dsn", 2, 1, 9, 1.0, 1],
    ]
    stacked = receptive_fields.stacked_receptive_fields(counts)
    # The network of two layers alone: its paths see 3 + 9 - 1 or 5 + 9 - 1 steps.
    assert stacked.to_numpy().tolist() == [["dsn", 11, 0.75], ["dsn", 13, 0.25]]
    drawings = receptive_fields.figures(results)
    assert isinstance(drawings, dict)
    texts = words(drawings["receptive_fields"].svg)
    assert {"layer 1: mean 3.8", "layer 2: mean 9.0", "all: mean 11.5", "kernel group 2", "dsn"} <= set(texts)
    lacking = "Without 2 trials whose sizes are not there: "
    assert any(note.startswith(lacking) for note in drawings["receptive_fields"].notes)


def test_stacked_fields_are_means_in_which_each_network_weighs_the_same(make_results: MakeResults) -> None:
    short = {"layer": [1, 1, 2], "group": [1, 2, 1], "size": [3, 3, 3], "kernels": [1, 2, 7]}
    long = {"layer": [1, 2, 2], "group": 1, "size": [3, 3, 5], "kernels": [90, 50, 50]}
    sizes = {"dsn-A-0": columns_of(pd.DataFrame(short)), "dsn-A-1": columns_of(pd.DataFrame(long))}
    results = make_results({("dsn", "A"): [0.5] * 2}, receptive_fields=sizes)
    stacked = receptive_fields.stacked_receptive_fields(receptive_fields.kernel_counts(results, results.arms))
    # 3 + 3 - 1 steps through the first network, and through half of the second.
    assert stacked.to_numpy().tolist() == [["dsn", 5, 0.75], ["dsn", 7, 0.25]]


def test_results_of_an_earlier_version_have_no_histogram_and_say_so(make_results: MakeResults) -> None:
    assert receptive_fields.figures(make_results({("dsn", "A"): [0.5]})) == (
        "The sizes of the kernels of this study's trials are not there: an earlier version of this program trained "
        "them, or their files have been removed."
    )


def test_many_arms_layers_and_taps_are_cut_and_it_is_said(make_results: MakeResults) -> None:
    deep = pd.DataFrame({"layer": range(1, 9), "group": 1, "size": 200, "kernels": 1})
    outcomes = {(f"arm{number}", "A"): [0.5] for number in range(14)}
    results = make_results(outcomes, receptive_fields={f"arm{number}-A-0": columns_of(deep) for number in range(14)})
    drawings = receptive_fields.figures(results)
    assert isinstance(drawings, dict)
    notes = drawings["receptive_fields"].notes
    assert notes[1:] == (
        (
            "The last column is the receptive field of all layers of an arm, the share of the paths through one kernel "
            "of each: sizes s1 to sd make s1 + ... + sd - (d - 1) steps."
        ),
        "A bar covers 4 sizes, 27 in the last column.",
        "Only the first 12 arms are drawn, without arm12; arm13.",
        "Only the first 6 of 8 layers are drawn.",
    )
    assert "layer 7: mean 200.0" not in words(drawings["receptive_fields"].svg)


def test_names_are_wrapped_into_their_column() -> None:
    assert style.wrapped("gradient, model.kernel_size=39", 21, 2) == "gradient,\nmodel.kernel_size=39"
    for label in ("x" * 50, "a " * 60, f"{'a' * 30}, {'b' * 30}, {'c' * 30}"):
        lines = style.wrapped(label, 21, 2).split("\n")
        assert len(lines) <= 2
        assert all(len(line) <= 21 for line in lines)
        assert "…" in "".join(lines), "what is left out is marked"


def test_ids_of_a_figure_begin_with_its_name() -> None:
    svg = style.render("mine", _figure_with_a_marker).svg
    ids = [node.attrib["id"] for node in ElementTree.fromstring(svg).iter() if "id" in node.attrib]
    assert ids
    assert all(name.startswith("mine-") for name in ids)
    assert "url(#mine-" in svg


def test_lines_have_no_more_digits_than_can_be_seen_and_names_keep_theirs() -> None:
    figure = style.new_figure(2, 2)
    figure.add_subplot().plot([0, 1 / 3, 1], [0.0, 0.123456, 1.0])
    figure.axes[0].set_title("rate=0.00012345")
    svg = style.render("mine", lambda: figure).svg
    paths = "".join(re.findall(r' d="([^"]*)"', svg))
    assert re.search(r"\.\d\d\b", paths)
    assert not re.search(r"\.\d\d\d", paths)
    assert "rate=0.00012345" in words(svg)


def test_panels_lie_on_round_numbers_so_that_files_do_not_depend_on_a_solver() -> None:
    figure = _figure_with_a_marker()
    style.render("mine", lambda: figure)
    bounds = figure.axes[0].get_position(original=True)
    # bounds are differences of corners, which may be one rounding away.
    assert [bounds.x0, bounds.y0] == [round(bounds.x0, 6), round(bounds.y0, 6)]
    assert 0 < bounds.x0 < 0.5, "and it has been laid out"


def _figure_with_a_marker():
    figure = style.new_figure(2, 2)
    figure.add_subplot().plot([1, 2], [1, 2], "o-")
    return figure
