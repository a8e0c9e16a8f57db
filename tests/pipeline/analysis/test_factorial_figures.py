"""Pairs of crossed factors, their cells by hand, and what the heat map and the interaction plot show of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.analysis.figures import factorial, heat_map, interaction
from pipeline.analysis.results import StudyResults

LEVEL, GROUPS, DEPTH = "sparsity.level", "sparsity.groups", "model.depth"

MakeResults = Callable[..., StudyResults]


@pytest.fixture
def make_study(make_results: MakeResults, make_config: Callable[..., object]) -> Callable[..., StudyResults]:
    """Combinations of factors in, a study of arm ``dsn`` (or of ``arms``) out, two seeds on A and B: the accuracy of
    the n-th combination is 0.5 + n/100, a seed is 0.01 below or above it."""

    def make(combinations: Iterable[Mapping[str, object]], arms: tuple[str, ...] = ("dsn",)) -> StudyResults:
        made = {
            ", ".join([arm, *(f"{key}={value}" for key, value in each.items())]): each
            for arm, each in itertools.product(arms, list(combinations))
        }
        levels = {label: 0.5 + number / 100 for number, label in enumerate(made)}
        return make_results(
            {(label, name): [level - 0.01, level + 0.01] for label, level in levels.items() for name in "AB"},
            factors=made,
            configs={label: make_config(**each) for label, each in made.items()},
        )

    return make


def grid(**values: list[object]) -> list[dict[str, object]]:
    keys = {"level": LEVEL, "groups": GROUPS, "depth": DEPTH}
    return [
        dict(zip([keys[name] for name in values], each, strict=True)) for each in itertools.product(*values.values())
    ]


def test_a_grid_of_two_is_a_pair_whose_second_has_more_values(make_study: Callable[..., StudyResults]) -> None:
    (pair,) = factorial.pairs(make_study(grid(level=["dense", 0.9, 0.5], groups=[3, 1])))
    assert (pair.first, pair.second) == (GROUPS, LEVEL)
    assert pair.first_values == ("1", "3")
    assert pair.second_values == ("dense", "0.5", "0.9"), "words first, then numbers ascending"
    assert pair.cells["3", "0.9"] == ("dsn, sparsity.level=0.9, sparsity.groups=3",)
    assert (pair.others, pair.left_out) == ((), ())


def test_the_arms_of_the_file_are_a_factor(make_study: Callable[..., StudyResults]) -> None:
    (pair,) = factorial.pairs(make_study(grid(level=[0.5, 0.8, 0.9]), arms=("grouped", "ungrouped")))
    assert (pair.first, pair.second) == ("arm", LEVEL)
    assert pair.first_values == ("grouped", "ungrouped")


@pytest.mark.parametrize(
    "combinations",
    [
        [{LEVEL: 0.5, GROUPS: 1}, {LEVEL: 0.8, GROUPS: 2}, {LEVEL: 0.9, GROUPS: 3}],  # zipped
        [{}, {LEVEL: 0.5}, {LEVEL: 0.9}, {GROUPS: 1}, {GROUPS: 2}],  # one at a time
        grid(level=[0.5, 0.8, 0.9]),
    ],
)
def test_what_is_not_crossed_is_no_pair(
    make_study: Callable[..., StudyResults], combinations: list[dict[str, object]]
) -> None:
    results = make_study(combinations)
    assert factorial.pairs(results) == []
    assert isinstance(heat_map.figures(results), str)
    assert isinstance(interaction.figures(results), str)


def test_cells_are_means_over_the_other_factors_that_all_of_them_have(make_study: Callable[..., StudyResults]) -> None:
    combinations = grid(depth=[2, 3, 4], level=[0.5, 0.9], groups=[1, 3])[:-1]  # depth 4 lacks a cell
    results = make_study(combinations)
    pair = next(pair for pair in factorial.pairs(results) if {pair.first, pair.second} == {LEVEL, GROUPS})
    assert pair.others == (DEPTH,)
    assert pair.left_out == tuple(results.arms[8:])
    cells, shared = factorial.pair_cells(results, pair)
    assert shared == ("A", "B")
    found = cells.set_index(["first", "second"])
    # Combinations 0 and 4 are those of 0.5 and 1 at depths 2 and 3: 0.50 and 0.54.
    assert found.loc[("0.5", "1"), "mean"] == pytest.approx(0.52)
    assert found.loc[("0.5", "1"), "seeds"] == 2
    # A seed's means are 0.51 and 0.53, so the mean is sure to 12.706 * 0.01, Student's factor for one degree.
    assert found.loc[("0.5", "1"), "std"] == pytest.approx(0.02 / math.sqrt(2))
    assert found.loc[("0.5", "1"), "high"] == pytest.approx(0.52 + 12.7062 * 0.01, abs=1e-6)
    assert found.loc[("0.5", "1"), "low"] == pytest.approx(0.52 - 12.7062 * 0.01, abs=1e-6)
    drawings = heat_map.figures(results)
    assert isinstance(drawings, dict)
    notes = drawings[f"heat_map_{pair.first}_by_{pair.second}"].notes
    assert "Means are also over layers." in notes
    assert any(note.startswith("Without dsn, model.depth=4") for note in notes)


def test_a_cell_without_results_is_empty_and_the_others_stay(make_study: Callable[..., StudyResults]) -> None:
    results = make_study(grid(level=[0.5, 0.9], groups=[1, 3]))
    gone = results.trials["arm"] == results.arms[0]
    results = replace(results, trials=results.trials.assign(status=results.trials["status"].mask(gone, "failed")))
    (pair,) = factorial.pairs(results)
    cells, _ = factorial.pair_cells(results, pair)
    assert sorted(zip(cells["first"], cells["second"], strict=True)) == [("0.5", "3"), ("0.9", "1"), ("0.9", "3")]
    assert isinstance(heat_map.figures(results), dict)
    assert isinstance(interaction.figures(results), dict)


def test_a_single_seed_has_no_interval(make_study: Callable[..., StudyResults]) -> None:
    results = make_study(grid(level=[0.5, 0.9], groups=[1, 3]))
    results = replace(results, trials=results.trials[results.trials["seed"] == 0].reset_index(drop=True))
    cells, _ = factorial.pair_cells(results, factorial.pairs(results)[0])
    assert cells[["std", "low", "high"]].isna().all(axis=None)
    assert isinstance(interaction.figures(results), dict)


def test_cells_by_data_set(make_study: Callable[..., StudyResults]) -> None:
    results = make_study(grid(level=[0.5, 0.9], groups=[1, 3]))
    results.trials.loc[results.trials["dataset"] == "B", "test_accuracy"] += 0.1
    cells = factorial.pair_cells_by_dataset(results, factorial.pairs(results)[0])
    means = cells.pivot_table(index="dataset", columns=["first", "second"], values="mean")
    assert (means.loc["B"] - means.loc["A"]).tolist() == pytest.approx([0.1] * 4)
    drawings = heat_map.figures(results)
    assert isinstance(drawings, dict)
    assert list(drawings) == [
        "heat_map_sparsity.level_by_sparsity.groups",
        "heat_map_by_dataset_sparsity.level_by_sparsity.groups",
    ]


def test_numbers_in_cells_and_what_is_behind_them(make_study: Callable[..., StudyResults]) -> None:
    results = make_study(grid(level=[0.5, 0.9], groups=[1, 3]))
    drawings = heat_map.figures(results)
    assert isinstance(drawings, dict)
    svg = drawings["heat_map_sparsity.level_by_sparsity.groups"].svg
    for text in ("50.00", "51.00", "52.00", "53.00", "20.5", "kernel groups", "mean test accuracy (%)"):
        assert f">{text}</text>" in svg
    assert 'data-arms="dsn, sparsity.level=0.9, sparsity.groups=3"' in svg
    assert "<title>sparsity = 0.9\nkernel groups = 3\n53.00 ± 1.41% (2 seeds)\n20.5 M FLOPs</title>" in svg


@pytest.mark.parametrize("column", ["mean", "flops"])
def test_no_cell_has_a_colour_that_a_page_may_change(column: str) -> None:
    from matplotlib.colors import to_hex

    from pipeline.analysis.figures.svg import PAGE_COLORS

    colors = {to_hex(heat_map.cell_color(column, step / 1000)) for step in range(1001)}
    assert len(colors) > 100
    assert not colors & PAGE_COLORS.keys()
    assert not {heat_map.ON_LIGHT, heat_map.ON_DARK} & PAGE_COLORS.keys()


def test_colours_do_not_exaggerate(make_study: Callable[..., StudyResults]) -> None:
    cells = pd.DataFrame({"mean": [0.9, 0.9001], "flops": [1e6, 1e6]})
    low, high, best = heat_map.color_range(cells, "mean")
    assert high - low == pytest.approx(0.01)
    assert best == 90.01
    low, high, _ = heat_map.color_range(cells, "flops")
    assert low < 1e6 < high


def test_each_figure_says_how_many_values_it_draws(make_study: Callable[..., StudyResults]) -> None:
    study = make_study(grid(groups=[1, 2], level=[number / 20 for number in range(1, 14)]))
    heat, interactions = (plots.figures(study) for plots in (heat_map, interaction))
    assert isinstance(heat, dict)
    assert isinstance(interactions, dict)
    cut = "Only the first 12 of 13 values of sparsity are drawn."
    assert [cut in drawing.notes for drawing in heat.values()] == [True, True], "by data set too"
    assert [note for drawing in interactions.values() for note in drawing.notes if "Only the first" in note] == []
