from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.etree import ElementTree

import pandas as pd
import pytest

from pipeline.analysis.figures import learning_curves as plots
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.results import StudyResults

MakeResults = Callable[..., StudyResults]
MakeHistory = Callable[..., pd.DataFrame]


def drawn(results: StudyResults) -> Drawing:
    drawings = plots.figures(results)
    assert isinstance(drawings, dict)
    return drawings["learning_curves"]


def losses(results: StudyResults, datasets: Sequence[str]) -> pd.DataFrame:
    return plots.learning_curves(plots.epoch_records(results, datasets), plots.TRAIN_LOSS)


def words(svg: str) -> list[str]:
    """The texts of the figure without the invisible word joiner of labels that begin with an underscore."""
    return [
        "".join(node.itertext()).strip("\u2060") for node in ElementTree.fromstring(svg).iter() if "text" in node.tag
    ]


def test_curves_are_mean_and_sample_deviation_over_seeds(make_results: MakeResults, make_history: MakeHistory) -> None:
    histories = {"dsn-A-0": make_history([1.0, 0.4]), "dsn-A-1": make_history([3.0, 0.6, 0.1])}
    curves = losses(make_results({("dsn", "A"): [0.5, 0.5]}, histories), ["A"])
    assert curves["epoch"].tolist() == [1, 2], "the third epoch has one seed only"
    assert curves["mean"].tolist() == pytest.approx([2.0, 0.5])
    assert curves["std"].tolist() == pytest.approx([math.sqrt(2), math.sqrt(0.02)])
    assert curves["seeds"].tolist() == [2, 2]


def test_curves_of_one_seed_have_no_deviation(make_results: MakeResults, make_history: MakeHistory) -> None:
    curves = losses(make_results({("dsn", "A"): [0.5]}, {"dsn-A-0": make_history([1.0, 0.5])}), ["A"])
    assert curves["std"].isna().all()
    assert curves["mean"].tolist() == [1.0, 0.5]


def test_curves_are_in_the_order_of_the_study(study: StudyResults) -> None:
    curves = losses(study, study.datasets)
    assert list(curves["dataset"].unique()) == list(study.datasets)
    assert list(curves["arm"].unique()) == list(study.arms)
    assert len(curves) == 3 * 5 * 40
    one_failed = (curves["arm"] == "dense") & (curves["dataset"] == "ECG200")
    assert set(curves.loc[one_failed, "seeds"]) == {2}


def test_without_a_history_nothing_is_drawn(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): ["pending"]})
    assert plots.epoch_records(results, ["A"]).empty
    assert plots.figures(results) == "No trial is done yet, so there is no learning curve."


def test_the_figure_has_a_panel_a_data_set_and_one_legend(study: StudyResults) -> None:
    texts = words(drawn(study).svg)
    for name in (*study.datasets, *study.arms, "epoch", "training loss (nats)"):
        assert texts.count(name) == 1, name


def test_the_same_results_give_the_same_file(study: StudyResults) -> None:
    first = drawn(study).svg
    assert first == drawn(study).svg
    assert "<metadata" not in first
    assert first.startswith("<svg")


def test_drawing_leaves_matplotlib_as_it_was(study: StudyResults) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn(study)
    assert dict(matplotlib.rcParams) == before


def test_a_steep_panel_is_logarithmic_and_a_flat_one_is_not(
    make_results: MakeResults, make_history: MakeHistory
) -> None:
    def ticks(losses: list[float]) -> list[str]:
        return words(drawn(make_results({("dsn", "A"): [0.5]}, {"dsn-A-0": make_history(losses)})).svg)

    steep, flat = ticks([1.0, 0.1, 0.01]), ticks([1.0, 0.5, 0.2])
    assert {"1", "0.1", "0.01"} <= set(steep)
    assert "0.1" not in flat
    assert "0.2" in flat


@pytest.mark.parametrize(("steep", "logarithmic"), [(1, False), (2, True)])
def test_all_panels_have_the_scale_that_suits_most(
    make_results: MakeResults, make_history: MakeHistory, steep: int, logarithmic: bool
) -> None:
    losses = [[1.0, 0.1, 0.01]] * steep + [[1.0, 0.5, 0.2]] * (3 - steep)
    outcomes: Mapping[tuple[str, str], list[float]] = {("dsn", name): [0.5] for name in "ABC"}
    histories = {f"dsn-{name}-0": make_history(each) for name, each in zip("ABC", losses, strict=True)}
    texts = words(drawn(make_results(outcomes, histories)).svg)
    assert texts.count("0.01") == (steep if logarithmic else 0)
    assert texts.count("0.0") == (0 if logarithmic else 3)  # where linear axes begin


def test_a_short_logarithmic_axis_has_more_ticks_than_decades(
    make_results: MakeResults, make_history: MakeHistory
) -> None:
    svg = drawn(make_results({("dsn", "A"): [0.5]}, {"dsn-A-0": make_history([0.9, 0.3, 0.04])})).svg
    assert {"0.05", "0.1", "0.2", "0.5"} <= set(words(svg))


def test_a_loss_of_zero_does_not_break_the_axis(make_results: MakeResults, make_history: MakeHistory) -> None:
    results = make_results({("dsn", "A"): [0.5]}, {"dsn-A-0": make_history([1.0, 0.0])})
    assert "A" in words(drawn(results).svg)


def test_hostile_and_strange_labels_are_shown_as_they_are(make_results: MakeResults, make_history: MakeHistory) -> None:
    arms = ["<script>alert(1)</script>", "$x^2$", "_hidden", "a & b"]
    histories = {f"{arm}-A-0": make_history([1.0, 0.5]) for arm in arms}
    svg = drawn(make_results({(arm, "A"): [0.5] for arm in arms}, histories)).svg
    assert "<script" not in svg
    assert set(arms) <= set(words(svg))


def test_long_labels_stay_apart(make_results: MakeResults, make_history: MakeHistory) -> None:
    arms = [f"{'a' * 60}{index}{'b' * 60}" for index in range(3)]
    histories = {f"{arm}-A-0": make_history([1.0, 0.5]) for arm in arms}
    texts = words(drawn(make_results({(arm, "A"): [0.5] for arm in arms}, histories)).svg)
    labels = [text for text in texts if "…" in text]
    assert [label[:2] for label in labels] == ["1.", "2.", "3."]
    assert all(len(label) <= 60 for label in labels)


@pytest.fixture
def large(make_results: MakeResults, make_history: MakeHistory) -> StudyResults:
    outcomes: Mapping[tuple[str, str], list[float]] = {
        (f"arm{arm}", f"set{number}"): [0.5] for number in range(14) for arm in range(30)
    }
    shown = {f"{arm}-{dataset}-0": make_history([1.0] * 500) for arm, dataset in outcomes if dataset != "set13"}
    return make_results(outcomes, shown)


def test_a_large_study_is_cut_and_says_so(large: StudyResults) -> None:
    drawing = drawn(large)
    texts = words(drawing.svg)
    assert "set11" in texts
    assert "set12" not in texts
    assert "arm13" in texts
    assert "arm14" not in texts
    notes = " ".join(drawing.notes)
    assert "Only the first 12 of 13 panels are drawn, without set12." in notes
    assert "No curves yet of set13." in notes
    assert "without arm14; arm15" in notes
    assert "A point of a curve of over 200 epochs is the mean of up to 3 neighbouring ones." in notes


def test_test_accuracy_is_drawn_in_percent_at_the_epochs_in_which_it_was_asked_for(
    make_results: MakeResults, make_history: MakeHistory
) -> None:
    asked = [make_history([1.0, 0.5, 0.4]).assign(test_accuracy=[math.nan, level, math.nan]) for level in (0.6, 0.8)]
    histories = {"dsn-A-0": asked[0], "dsn-A-1": asked[1], "earlier-A-0": make_history([1.0, 0.5, 0.4])}
    results = make_results({("dsn", "A"): [0.5, 0.5], ("earlier", "A"): [0.5]}, histories)
    curves = plots.learning_curves(plots.epoch_records(results, ["A"]), plots.TEST_ACCURACY)
    assert curves[["arm", "epoch", "mean", "seeds"]].to_numpy().tolist() == [["dsn", 2, pytest.approx(70.0), 2]]
    assert curves["std"].tolist() == pytest.approx([20 / math.sqrt(2)])
    drawings = plots.figures(results)
    assert isinstance(drawings, dict)
    assert list(drawings) == ["learning_curves_test", "learning_curves"], "what was asked for comes first"
    assert "logged and never selected on" in drawings["learning_curves_test"].notes[0]
    assert "test accuracy (%)" in words(drawings["learning_curves_test"].svg)


def test_histories_without_test_accuracy_have_no_panel_of_it(
    make_results: MakeResults, make_history: MakeHistory
) -> None:
    never = make_history([1.0, 0.5]).assign(test_accuracy=math.nan)
    results = make_results({("dsn", "A"): [0.5], ("old", "A"): [0.5]}, {"dsn-A-0": never, "old-A-0": make_history([1])})
    drawings = plots.figures(results)
    assert isinstance(drawings, dict)
    assert list(drawings) == ["learning_curves"]
