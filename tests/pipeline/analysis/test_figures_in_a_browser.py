"""What a reader can do with the figures of a page: in headless Chromium, with its pointer and its keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Page

from pipeline.analysis.report.files import write_report
from pipeline.analysis.results import StudyResults


def told(page: Page) -> str:
    """The text of the tooltip; empty if there is none."""
    return str(page.run("(tip => tip.hidden ? '' : tip.innerText)(document.querySelector('.figure-tip'))"))


SCATTERED = 'use[data-arms="fixed; dsn"][data-dataset="GunPoint"]'


def test_a_point_tells_what_it_is_when_it_is_pointed_at(page: Page) -> None:
    assert told(page) == ""
    x, y = page.centre(SCATTERED)
    page.point(x + 3, y + 2)  # near is enough
    assert told(page).splitlines() == [
        "GunPoint",
        "fixed: 96.89%",
        "dsn: 99.11%",
        "−2.22 points",
        "Click or Enter: its trials",
    ]
    page.point(x + 300, y - 300)
    assert told(page) == ""
    assert page.problems == []


def test_a_click_leads_to_the_trials_and_escape_back(page: Page) -> None:
    assert page.trials() == []
    page.click(*page.centre(SCATTERED))
    assert page.trials() == [f"{arm}-GunPoint-{seed}" for arm in ("dsn", "fixed") for seed in range(3)]
    assert page.run("document.querySelector('dialog h2').innerText") == "6 trials of fixed and dsn on GunPoint"
    page.press("Escape")
    assert page.trials() == []


def test_the_legend_hides_an_arm_and_the_pointer_no_longer_finds_it(page: Page) -> None:
    curve = 'g[data-series="dense"][data-dataset="Coffee"]'
    entry = f"document.querySelector('{curve}').closest('svg').querySelector('[data-legend=dense] text').parentNode"
    page.run(f"{entry}.id = 'entry'")
    shown = f"getComputedStyle(document.querySelector('{curve}')).display"
    assert page.run(shown) == "inline"
    page.click(*page.centre("#entry"))
    assert page.run(shown) == "none"
    assert page.run(f"{entry}.getAttribute('aria-pressed')") == "false"
    page.run(f"{entry}.focus()")
    page.press("Enter")
    assert page.run(shown) == "inline"


def test_a_curve_is_found_along_its_whole_length(page: Page) -> None:
    place = """(() => {
      const path = document.querySelector('g[data-series="dsn"][data-dataset="ECG200"] path');
      path.scrollIntoView({block: 'center'});
      const at = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());
      return JSON.stringify([at.x, at.y]);
    })()"""
    x, y = json.loads(page.run(place))
    page.point(x, y)
    assert told(page).splitlines()[:2] == ["dsn", "ECG200"]
    assert "training loss" in told(page)


def test_arrow_keys_walk_over_the_points_and_enter_leads_on(page: Page) -> None:
    page.run("document.querySelector('figure .scroll').focus()")
    page.press("ArrowRight")
    first = told(page)
    page.press("ArrowRight")
    second = told(page)
    page.press("ArrowLeft")
    assert told(page) == first != second
    assert page.run("document.querySelectorAll('use.told').length") == 1
    page.press("Escape")
    assert told(page) == ""
    page.press("End")
    last = told(page)
    page.press("Enter")
    assert 0 < len(page.trials()) < 45
    page.press("Escape")
    page.press("ArrowLeft")
    page.press("ArrowRight")
    assert told(page) == last, "the keys go on from where they were"


def test_without_a_click_the_page_is_as_it_was_written(page: Page) -> None:
    assert page.run("document.querySelectorAll('figure svg title').length") == 0, "else there were two tooltips"
    assert page.run("document.querySelectorAll('[role=button]:not([data-legend])').length") == 0
    assert page.problems == []


def test_a_script_that_is_not_ours_does_not_run(window: Page, study: StudyResults, tmp_path: Path) -> None:
    path = write_report(study, tmp_path).html
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", "<script>document.title = 'theirs'</script></body>"), encoding="utf-8")
    window.open(path)
    assert window.run("document.title") == "quickstart@small"
    assert any("Content Security Policy" in problem for problem in window.problems)


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_lines_stand_out_from_the_page(
    open_report: Callable[..., Page], study: StudyResults, dark: bool
) -> None:
    page = open_report(study, dark=dark)
    colors = json.loads(
        page.run("""JSON.stringify({
          page: getComputedStyle(document.querySelector('figure .scroll')).backgroundColor,
          texts: [...document.querySelectorAll('figure svg text')].map(text => getComputedStyle(text).fill),
        })""")
    )
    assert len(colors["texts"]) > 50
    for color in set(colors["texts"]):
        assert _contrast(color, colors["page"]) > 4.5, "WCAG 2.2, success criterion 1.4.3"


def _contrast(one: str, other: str) -> float:
    """Of two colours as a browser writes them, ``rgb(1, 2, 3)``."""

    def luminance(color: str) -> float:
        channels = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(", ")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_names_are_no_markup_in_a_tooltip(
    make_results: Callable[..., StudyResults], open_report: Callable[..., Page]
) -> None:
    name = "<img src=x onerror=document.title='theirs'>"
    page = open_report(make_results({(name, "A"): [0.5], ("b", "A"): [0.6], (name, "B"): [0.5], ("b", "B"): [0.6]}))
    page.run("document.querySelector('figure .scroll').focus()")
    page.press("ArrowRight")
    assert name in told(page)
    assert page.run("document.querySelectorAll('img').length") == 0
