"""Which settings have an axis, and what a line has on it."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.analysis.figures import parallel_coordinates as plot
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import SETTING_LABELS, setting_name
from pipeline.analysis.setup import PHRASES

MakeResults = Callable[..., StudyResults]


def test_only_settings_that_are_read_and_differ_have_an_axis(
    make_results: MakeResults, make_config: Callable[..., object]
) -> None:
    configs = {
        "dsn": make_config(),
        "fixed": make_config(**{"sparsity.explore": False}),
        "small": make_config(**{"model.kernel_size": 9, "model.depth": 2}),
        "dense": make_config(**{"sparsity.level": "dense"}),
    }
    accuracies = {"dsn": 0.9, "fixed": 0.7, "small": 0.8, "dense": 0.6}
    results = make_results({(arm, "A"): [accuracies[arm]] for arm in configs}, configs=configs)
    keys = plot.varied_settings(results)
    assert keys == ["model.kernel_size", "model.depth", "sparsity.level", "sparsity.explore"]
    lines, shared = plot.configurations(results, keys)
    assert shared == ("A",)
    assert lines["arm"].tolist() == ["dense", "fixed", "small", "dsn"], "the best last, so that it lies on top"
    assert lines["sparsity.explore"].tolist() == ["–", "false", "true", "true"]
    drawings = plot.figures(results)
    assert isinstance(drawings, dict)
    svg = drawings["parallel_coordinates"].svg
    for text in ("kernel size", "dense", "60.00", "90.00"):
        assert text in svg
    assert svg.count("data-arms=") == 4


def test_many_configurations_are_thinned_and_it_is_said(
    make_results: MakeResults, make_config: Callable[..., object]
) -> None:
    values = [{"model.kernel_size": 3 + number // 2, "model.depth": 1 + number % 2} for number in range(202)]
    configs = {f"arm{number}": make_config(**each) for number, each in enumerate(values)}
    results = make_results({(arm, "A"): [0.5] for arm in configs}, configs=configs)
    drawings = plot.figures(results)
    assert isinstance(drawings, dict)
    drawing = drawings["parallel_coordinates"]
    assert drawing.notes[-1] == "Only 200 of 202 configurations are drawn, evenly from the best to the worst."
    assert drawing.svg.count("data-arms=") == 200


def test_every_setting_that_the_setup_describes_has_a_label() -> None:
    assert SETTING_LABELS.keys() >= PHRASES.keys()
    assert len(set(map(setting_name, SETTING_LABELS))) == len(SETTING_LABELS), "two are called the same"
