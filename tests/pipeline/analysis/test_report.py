from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from pipeline.analysis import statistics
from pipeline.analysis.failures import Failure
from pipeline.analysis.report.answer import answer
from pipeline.analysis.report.document import NO_DATA, compose
from pipeline.analysis.report.files import write_report
from pipeline.analysis.report.markdown import to_markdown
from pipeline.analysis.report.page import to_html
from pipeline.analysis.results import StudyResults

MakeResults = Callable[..., StudyResults]
HOSTILE = "<script>alert('x')</script>"
ONE_SEED = "One data set under one seed does not say how sure a difference is."


class Page(HTMLParser):
    """Collects the elements, their attributes and the text of a page, and complains about unbalanced ones."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_s_files(study: StudyResults, tmp_path: Path) -> None:
    paths = write_report(study, tmp_path / "reports" / "quickstart")
    assert sorted(path.name for path in paths.html.parent.iterdir()) == [
        "accuracy.csv",
        "cost.csv",
        "exploration.csv",
        "learning_curves.svg",
        "quality.csv",
        "report.html",
        "report.md",
        "scatter.svg",
        "trade_off.svg",
        "trials.csv",
    ]
    assert [path.stem for path in paths.figures] == ["scatter", "trade_off", "learning_curves"]
    assert all(path.stat().st_size > 100 for path in paths.html.parent.iterdir())


def test_the_same_results_give_the_same_files(study: StudyResults, tmp_path: Path) -> None:
    write_report(study, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_report(study, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_the_page_loads_nothing(study: StudyResults, tmp_path: Path) -> None:
    html = write_report(study, tmp_path).html.read_text(encoding="utf-8")
    page = Page(html)
    assert page.tags.count("script") == 1, "ours"
    assert not {"link", "img", "iframe", "object", "embed", "image", "base"} & set(page.tags)
    loading = {"src", "srcset", "href", "xlink:href", "action", "poster", "data"}
    assert all(value.startswith("#") for _, name, value in page.attributes if name in loading)
    assert not re.search(r"@import|url\((?!#)", html)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, "names of dialects, not loaded"


def test_the_page_is_in_reading_order(study: StudyResults, tmp_path: Path) -> None:
    html = write_report(study, tmp_path).html.read_text(encoding="utf-8")
    assert re.findall(r"<h[12]>(.*?)</h[12]>", html) == [
        "quickstart@small",
        "Test accuracy (%)",
        "Against dsn",
        "Wins / ties / losses",
        "Quality of the predictions",
        "Cost",
        "Tests without data",
        "Against the reference, by data set",
        "Accuracy against cost",
        "Learning curves",
        "Figures without data",
        "Causes of failure",
        "Trials",
        "Experimental setup",
        "Data sets",
        "Provenance",
        "Study file",
    ]
    assert html.index(study.question) < html.index("Reproduces: Figure 7") < html.index("44 of 45 trials are done")


def test_the_page_s_accuracy_cells(study: StudyResults, tmp_path: Path) -> None:
    html = write_report(study, tmp_path).html.read_text(encoding="utf-8")
    dsn, dense = ('data-arms="dsn" data-dataset="GunPoint"', 'data-arms="dense" data-dataset="ECG200"')
    assert f'<td class="number" title="3 of 3 seeds done" {dsn}><strong>99.11 ± 1.02</strong></td>' in html
    assert f'title="2 of 3 seeds done" {dense}>87.00 ± 7.07 (2/3)</td>' in html
    assert html.count("<tr>") > 45, "every trial has a row"
    assert study.source in html


def test_exploration_stands_between_cost_and_the_figures_on_both_pages(study: StudyResults) -> None:
    explored = replace(study, trials=study.trials.assign(**dict.fromkeys(statistics.EXPLORATION, 0.25)))
    composed = compose(explored)
    headings = re.findall(r"<h2>(.*?)</h2>", to_html(composed))
    assert headings[headings.index("Exploration") - 1 :][:3] == [
        "Cost",
        "Exploration",
        "Tests without data",
    ]
    text = to_markdown(composed)
    assert text.index("### Cost by data set") < text.index("### Exploration") < text.index("## Figures")
    assert "| dsn | 0.2 | 0.2 | 0.2 | 25.00 | 25.00 | 0.2 |" in text


def test_hostile_text_stays_text(make_results: MakeResults, make_history: Callable[..., pd.DataFrame]) -> None:
    names = {"name": HOSTILE, "question": HOSTILE, "reproduces": HOSTILE, "source": f"# {HOSTILE}\n"}
    histories = {f"{HOSTILE}-{HOSTILE}-0": make_history([1.0, 0.5])}
    results = make_results({(HOSTILE, HOSTILE): [0.5, "failed"], ("<b>", HOSTILE): [0.6, 0.7]}, histories, **names)
    results.trials["error"] = results.trials["error"].where(results.trials["status"] != "failed", f"first\n{HOSTILE}")
    results.trials["provenance.host"] = HOSTILE
    composed = compose(results)

    page = Page(to_html(composed))
    assert page.tags.count("script") == 1, "ours"
    assert "b" not in page.tags
    assert page.text.count(HOSTILE) > 10, "and every one of them can be read"

    markdown, _, source = to_markdown(composed).partition("### Study file")
    assert f"```text\nfirst\n{HOSTILE}\n```" in markdown, "errors too"
    assert "<script" not in re.sub(r"```text\n.*?```", "", markdown, flags=re.DOTALL)
    assert f"```yaml\n# {HOSTILE}\n```" in source, "the study file is verbatim in its fence"


def test_markdown(study: StudyResults, tmp_path: Path) -> None:
    text = write_report(study, tmp_path).markdown.read_text(encoding="utf-8")
    assert text.startswith("# quickstart@small\n\n**Question.** Does exploring the topology help")
    assert "| GunPoint | **99.11 ± 1.02** | 96.89 ± 0.38 |" in text
    assert "![Training loss over epochs, a panel a data set, a line an arm](learning_curves.svg)" in text
    assert "<details><summary>All trials (45)</summary>\n\n### All trials" in text
    assert text.endswith(f"```yaml\n{study.source}```\n")


def test_a_fence_in_the_study_file_does_not_end_the_block(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5]}, source="# ````\nname: x\n")
    assert to_markdown(compose(results)).endswith("`````yaml\n# ````\nname: x\n`````\n")


def test_markdown_shows_every_figure_that_is_beside_it(study: StudyResults, tmp_path: Path) -> None:
    paths = write_report(study, tmp_path)
    text = paths.markdown.read_text(encoding="utf-8")
    assert re.findall(r"\]\((\S+)\.svg\)", text) == [path.stem for path in paths.figures]


def test_both_pages_say_why_a_figure_is_missing(study: StudyResults) -> None:
    composed = compose(study)
    absent = [section.absent for section in composed.absent]
    assert len(absent) == 10
    assert len(composed.untested) == 2, "that of ranks and pairs is one"
    for rendered in (to_markdown(composed), Page(to_html(composed)).text):
        assert all(sentence in rendered for sentence in (*absent, *composed.untested))
        assert NO_DATA in rendered
        assert composed.setup in rendered
        assert "To try them again once the cause is mended: dsn run toy.yaml --profile small --rerun failed" in rendered


def test_ids_of_several_figures_on_a_page_are_distinct(study: StudyResults, tmp_path: Path) -> None:
    page = Page(write_report(study, tmp_path).html.read_text(encoding="utf-8"))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) > 20
    assert len(set(ids)) == len(ids)
    used = {value for _, name, value in page.attributes if name == "xlink:href"}
    assert used <= {f"#{name}" for name in ids}


def test_figures_for_print_are_made_when_asked_for_and_never_outlive_their_results(
    study: StudyResults, tmp_path: Path
) -> None:
    paths = write_report(study, tmp_path, pdf=True)
    assert [path.name for path in paths.figures if path.suffix == ".pdf"] == [
        "scatter.pdf",
        "trade_off.pdf",
        "learning_curves.pdf",
    ]
    first = {path.name: path.read_bytes() for path in paths.figures}
    assert {path.name: path.read_bytes() for path in write_report(study, tmp_path, pdf=True).figures} == first
    write_report(study, tmp_path)
    assert not list(tmp_path.glob("*.pdf"))


def test_csv_has_full_precision(make_results: MakeResults, tmp_path: Path) -> None:
    results = make_results({("dsn", "A"): [1 / 3, 2 / 3], ("other", "A"): [0.5, "pending"]})
    paths = write_report(results, tmp_path)
    accuracy = pd.read_csv(paths.accuracy_csv, dtype={"seeds": str})
    assert accuracy.columns.tolist() == ["dataset", "arm", "planned", "done", "seeds", "mean", "std"]
    assert accuracy["mean"].tolist() == pytest.approx([0.5, 0.5], abs=1e-15)
    assert accuracy["std"].tolist()[0] == pytest.approx(2**0.5 / 6, abs=1e-15)
    assert accuracy["seeds"].tolist() == ["0 1", "0"]
    assert pd.read_csv(paths.cost_csv)["train_seconds"].tolist() == [10.5, 10.0]
    quality = pd.read_csv(paths.quality_csv)
    assert quality.columns.tolist() == ["dataset", "arm", "done", *statistics.QUALITY]
    assert quality["test_accuracy"].tolist() == pytest.approx([0.5, 0.5], abs=1e-15)
    assert quality["test_macro_f1"].isna().all()
    assert pd.read_csv(paths.exploration_csv).columns.tolist() == ["dataset", "arm", "done", *statistics.EXPLORATION]
    trials = pd.read_csv(paths.trials_csv, float_precision="round_trip")
    assert trials["test_accuracy"].tolist()[:3] == [1 / 3, 2 / 3, 0.5]
    assert trials["status"].tolist() == ["done", "done", "done", "pending"]


def test_a_study_without_any_result_has_a_report(make_results: MakeResults, tmp_path: Path) -> None:
    results = make_results({("dsn", "A"): ["pending", "running"], ("other", "A"): ["failed", "pending"]})
    for name in ("learning_curves.svg", "sweep_model.depth.svg", "mine.svg"):
        (tmp_path / name).write_text("of an earlier study")
    paths = write_report(results, tmp_path)
    assert paths.figures == ()
    assert [path.name for path in tmp_path.glob("*.svg")] == ["mine.svg"], "what is not ours is left alone"
    html = paths.html.read_text(encoding="utf-8")
    assert "0 of 4 trials are done (1 failed, 1 running, 2 pending). There is no accuracy to report yet." in html
    assert "<svg" not in html
    assert "No trial is done yet, so there is no learning curve." in html
    assert "the training loss is not finite" in html


def test_a_study_of_one_arm_and_seed(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5]}, question="")
    assert answer(results) == ("1 of 1 trial is done. dsn has a mean test accuracy of 50.00% over 1 data set.")
    page = Page(to_html(compose(results)))
    assert "Against dsn" not in page.text
    assert "No arm of this study is compared with another." in page.text
    assert "±" not in page.text.replace("Mean ± sample", "")


def test_the_answer_of_a_complete_study(make_results: MakeResults) -> None:
    results = make_results(
        {("dsn", "A"): [0.5, 0.6], ("dsn", "B"): [0.8, 0.8], ("fixed", "A"): [0.4, 0.5], ("fixed", "B"): [0.8, 0.8]}
    )
    assert answer(results) == (
        "8 of 8 trials are done. dsn, the reference, has a mean test accuracy of 67.50% over all 2 data sets. "
        "Against dsn: fixed −5.00 points (0 wins, 1 tie, 1 loss). "
        "How sure a mean over fewer than 5 data sets is cannot be said."
    )


def test_the_answer_says_how_sure_a_mean_over_data_sets_is(make_results: MakeResults) -> None:
    """The mean of five differences that are all alike is the same however they are drawn."""
    outcomes = {(arm, dataset): [accuracy] for arm, accuracy in (("dsn", 0.5), ("up", 0.52)) for dataset in "ABCDE"}
    assert answer(make_results(outcomes)).endswith(
        "Against dsn: up +2.00 points (5 wins, 0 ties, 0 losses; 95% interval +2.00 to +2.00). "
        "Intervals are bootstrapped over data sets; a difference whose interval holds zero may be chance."
    )


def test_the_answer_of_one_data_set_is_about_its_seeds(make_results: MakeResults) -> None:
    """Differences of 1, 2 and 3 points: 2 and 4.303 / sqrt(3) on either side; two of eight assignments of signs."""
    results = make_results({("dsn", "A"): [0.5, 0.5, 0.5], ("up", "A"): [0.51, 0.52, 0.53]})
    assert answer(results).endswith(
        "Against dsn: up +2.00 points (1 win, 0 ties, 0 losses; 95% interval −0.48 to +4.48, p = 0.2500). Interval and "
        "p are of the paired seeds of one data set and say nothing of others; 3 seeds cannot bring p below 0.2500."
    )


def test_tests_stand_between_the_comparison_and_quality_and_pairs_are_folded(make_results: MakeResults) -> None:
    arms = {f"arm{number}": 0.5 + number / 100 for number in range(6)}
    results = make_results({(arm, dataset): [accuracy] for arm, accuracy in arms.items() for dataset in "ABCDEF"})
    composed = compose(results)
    html = to_html(composed)
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    at = headings.index("Against arm0")
    assert headings[at + 1 : at + 4] == ["Wins / ties / losses", "Ranks and significance", "Quality of the predictions"]
    assert html.count("<summary>Each pair</summary>") == 1
    text = to_markdown(composed)
    assert "### Ranks and significance" in text
    assert "<details><summary>Each pair (15)</summary>" in text
    assert "- The study has no factors whose effects could be tested." in text


def test_the_answer_of_an_incomplete_study(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.6],
            ("dsn", "B"): ["running", "pending"],
            ("fixed", "A"): [0.6, "failed"],
            ("dense", "A"): ["pending", "pending"],
        }
    )
    assert answer(results) == (
        "3 of 8 trials are done (1 failed, 1 running, 3 pending), so these numbers may still change. "
        "There is no mean: on no data set do the arms with results have the same done seeds. "
        "Against dsn: fixed +10.00 points (0 wins, 0 ties, 0 losses, 2 data sets not comparable); "
        "dense cannot be compared yet. One data set under one seed does not say how sure a difference is."
    )


def test_the_answer_and_the_table_have_the_same_mean(make_results: MakeResults) -> None:
    results = make_results(
        {
            ("dsn", "A"): [0.5, 0.6],
            ("dsn", "B"): [0.9, "pending"],
            ("dsn", "C"): [0.8, 0.8],
            ("fixed", "A"): [0.4, 0.5],
            ("fixed", "B"): [0.7, 0.7],
            ("fixed", "C"): ["failed", "pending"],
        }
    )
    composed = compose(results)
    assert "dsn, the reference, has a mean test accuracy of 55.00% over 1 of 3 data sets. " in composed.answer
    assert [cell.text for cell in composed.results["accuracy"].summary[0]] == ["mean over 1 data set", "55.00", "45.00"]


def test_the_answer_of_many_arms_names_both_ends(make_results: MakeResults) -> None:
    outcomes: dict[tuple[str, str], list[float]] = {("dsn", "A"): [0.5]}
    outcomes |= {(f"arm{step}", "A"): [0.5 + step / 100] for step in range(-4, 5)}
    text = answer(make_results(outcomes))
    assert "Of 9 arms against dsn, best: arm4 +4.00 points" in text
    assert "arm2 +2.00" in text
    assert "arm1 " not in text
    assert f"arm-4 −4.00 points (0 wins, 0 ties, 1 loss). {ONE_SEED}" in text


def test_many_arms_of_which_few_have_started(make_results: MakeResults) -> None:
    outcomes: dict[tuple[str, str], list[float | str]] = {("dsn", "A"): [0.5], ("one", "A"): [0.6]}
    outcomes |= {(f"arm{step}", "A"): ["pending"] for step in range(8)}
    assert answer(make_results(outcomes)).endswith(
        f"Against dsn: one +10.00 points (1 win, 0 ties, 0 losses); 8 of 9 arms cannot be compared yet. {ONE_SEED}"
    )


def test_the_answer_with_factors_names_each_reference(factors: StudyResults) -> None:
    assert answer(factors) == (
        "16 of 16 trials are done. "
        "Against random, k=21 (mean test accuracy of 67.50% over all 2 data sets): "
        "gradient, k=21 +5.00 points (1 win, 1 tie, 0 losses). "
        "Against random, k=39 (mean test accuracy of 80.00% over all 2 data sets): "
        "gradient, k=39 −5.50 points (0 wins, 0 ties, 2 losses). "
        "How sure a mean over fewer than 5 data sets is cannot be said."
    )
    page = Page(to_html(compose(factors)))
    assert "Against the reference" in page.text


def test_the_answer_of_many_references_is_cut(make_results: MakeResults) -> None:
    outcomes: dict[tuple[str, str], list[float | str]] = {
        (f"{arm}{number}", "A"): [0.5] for arm in "ab" for number in range(12)
    }
    outcomes["b0", "A"] = ["pending"]
    text = answer(make_results(outcomes, references={f"b{number}": f"a{number}" for number in range(12)}))
    assert text.count("points") == 8
    assert "b0 " not in text, "what has a result comes first"
    assert "Against a8 (mean test accuracy of 50.00% over 1 data set): b8 ±0.00 points" in text
    assert text.endswith(f" And 4 more, in the table below. {ONE_SEED}")


def test_references_without_a_result_have_no_mean(make_results: MakeResults) -> None:
    results = make_results(
        {("a1", "A"): [0.5], ("b1", "A"): [0.6], ("a2", "A"): ["pending"], ("b2", "A"): [0.7]},
        references={"b1": "a1", "b2": "a2"},
    )
    assert answer(results).endswith(f"(1 win, 0 ties, 0 losses). Against a2: b2 cannot be compared yet. {ONE_SEED}")


def test_arms_without_references_have_no_comparison(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("other", "A"): [0.6]}, references={})
    composed = compose(results)
    assert "comparison" not in composed.results
    assert composed.answer == "2 of 2 trials are done. dsn has a mean test accuracy of 50.00% over 1 data set."


def test_a_shared_trial_is_counted_once(shared: StudyResults) -> None:
    shared.trials["error"] = shared.trials["error"].where(shared.trials["status"] != "failed", "first\nsecond")
    composed = compose(shared)
    assert composed.answer.startswith("2 of 3 trials are done (1 failed). ")
    assert composed.failure_texts == (Failure(trial="dsn-A-1", error="first\nsecond"),)
    assert "All trials (3)" in to_markdown(composed)
    assert "All trials (3)" in Page(to_html(composed)).text


def test_a_whole_traceback_is_on_the_page(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5, "failed"]})
    error = "Traceback (most recent call last):\n  File 'x.py', line 3\nValueError: bad"
    results.trials.loc[results.trials["status"] == "failed", "error"] = error
    composed = compose(results)
    assert composed.failure_texts == (Failure(trial="dsn-A-1", error=error),)
    assert "File 'x.py', line 3\nValueError: bad" in Page(to_html(composed)).text
