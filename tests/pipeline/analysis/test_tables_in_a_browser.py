"""From a number of a table to the trials behind it, and back: in headless Chromium, by mouse, keys and touch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Page

from pipeline.analysis.report.files import write_report
from pipeline.analysis.results import StudyResults

DATASETS = ("GunPoint", "Coffee", "ECG200")


def trials_of(arms: tuple[str, ...], datasets: tuple[str, ...] = DATASETS) -> set[str]:
    return {f"{arm}-{dataset}-{seed}" for arm in arms for dataset in datasets for seed in range(3)}


def place(table: str, row: str, column: str) -> str:
    """A JavaScript expression for a cell."""
    return f"""(() => {{
      const table = document.querySelector({json.dumps(f"[role=region][aria-label='{table}'] table")});
      const at = [...table.tHead.rows[0].cells].findIndex(head => head.innerText === {json.dumps(column)});
      return [...table.rows].find(row => row.cells[0].innerText === {json.dumps(row)}).cells[at];
    }})()"""


def find(page: Page, table: str, row: str, column: str) -> tuple[float, float]:
    page.run("document.querySelector('#sought')?.removeAttribute('id')")
    page.run(f"{place(table, row, column)}.id = 'sought'")
    return page.centre("#sought")


def focused(page: Page) -> str:
    return str(page.run("document.activeElement.innerText"))


@pytest.mark.parametrize(
    ("cell", "arms", "datasets"),
    [
        (("Test accuracy (%)", "Coffee", "fixed"), ("fixed",), ("Coffee",)),
        # A failed trial of dense leaves ECG200 out of the mean.
        (("Test accuracy (%)", "mean over 2 data sets", "dsn"), ("dsn",), ("GunPoint", "Coffee")),
        (("Test accuracy (%)", "wins / ties / losses", "dense"), ("dsn", "dense"), ("GunPoint", "Coffee")),
        (("Against dsn", "dense", "difference (points)"), ("dsn", "dense"), DATASETS),
        (("Against dsn", "dense", "left out"), ("dsn", "dense"), ("ECG200",)),
        (("Wins / ties / losses", "fixed", "vs gradient"), ("fixed", "gradient"), DATASETS),
        (("Quality of the predictions", "fixed", "accuracy (%)"), ("fixed",), ("GunPoint", "Coffee")),
        (("Cost", "fixed", "training (s)"), ("fixed",), DATASETS),
        (("Trials", "all", "planned"), ("dsn", "fixed", "gradient", "ungrouped", "dense"), DATASETS),
    ],
)
def test_a_click_on_a_cell_shows_exactly_the_trials_behind_it(
    page: Page, cell: tuple[str, str, str], arms: tuple[str, ...], datasets: tuple[str, ...]
) -> None:
    page.click(*find(page, *cell))
    shown = page.trials()
    assert len(shown) == len(set(shown))
    assert set(shown) == trials_of(arms, datasets)
    assert page.problems == []


def test_a_count_of_failed_trials_leads_to_those(page: Page) -> None:
    page.click(*find(page, "Trials", "dense", "failed"))
    assert page.trials() == ["dense-ECG200-1"]


def test_the_panel_says_what_a_reader_needs_to_go_on(page: Page) -> None:
    page.click(*find(page, "Test accuracy (%)", "ECG200", "dense"))
    lines = page.run("document.querySelector('dialog').innerText").splitlines()
    assert lines[:3] == ["Close", "3 trials of dense on ECG200", ""]
    assert "Test accuracy (%): ECG200, dense: 87.00 ± 7.07 (2/3)" in lines
    heads, *rows = [line.split("\t") for line in lines if "\t" in line]
    assert heads == [
        *("trial", "arm", "data set", "seed", "status", "accuracy (%)", "best epoch", "seconds", "computed again by")
    ]
    assert rows[1] == ["dense-ECG200-1", "dense", "ECG200", "1", "failed", "–", "–", "–", "dsn trial dense-ECG200-1"]
    assert [row[4] for row in rows] == ["done", "failed", "done"]


def test_escape_closes_it_and_the_focus_is_where_it_was(page: Page) -> None:
    page.click(*find(page, "Test accuracy (%)", "Coffee", "fixed"))
    number = page.run(f"{place('Test accuracy (%)', 'Coffee', 'fixed')}.innerText")
    assert focused(page) != number, "the panel has it"
    page.press("Escape")
    assert page.trials() == []
    assert focused(page) == number


def test_the_same_by_keyboard(page: Page) -> None:
    page.run("document.querySelector('.answer').tabIndex = -1; document.querySelector('.answer').focus()")
    page.press("Tab")
    assert focused(page) == page.run(f"{place('Test accuracy (%)', 'GunPoint', 'dsn')}.innerText")
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowRight", "ArrowLeft", "Enter"):
        page.press(key)
    assert set(page.trials()) == trials_of(("fixed",), ("GunPoint",))
    page.press("Escape")
    assert focused(page) == page.run(f"{place('Test accuracy (%)', 'GunPoint', 'fixed')}.innerText")
    page.press("End")
    page.press(" ")
    assert set(page.trials()) == trials_of(("dense",), ("GunPoint",))
    page.press("Escape")
    page.press("Home")
    page.press("Enter")
    assert page.trials() == [], "the name of a row is no number"


def test_a_table_is_one_stop_of_the_keyboard(page: Page) -> None:
    page.run("document.querySelector('.answer').tabIndex = -1; document.querySelector('.answer').focus()")
    page.press("Tab")
    page.press("ArrowRight")
    page.press("Tab")
    assert page.run("document.activeElement.closest('[role=grid]').getAttribute('aria-label')") == "Against dsn"
    stops = (
        "[...document.querySelectorAll('[role=grid]')].map(grid => grid.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert set(page.run(stops)) == {1}


def test_a_screen_reader_is_told_what_a_cell_does(page: Page) -> None:
    cell = place("Test accuracy (%)", "Coffee", "fixed")
    assert page.run(f"{cell}.getAttribute('aria-haspopup')") == "dialog"
    described = page.run(f"document.getElementById({cell}.closest('table').getAttribute('aria-describedby')).innerText")
    assert "to see the trials behind it" in described
    page.click(*find(page, "Test accuracy (%)", "Coffee", "fixed"))
    nodes = page("Accessibility.getFullAXTree")["nodes"]
    dialogs = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "dialog"]
    assert dialogs == ["3 trials of fixed on Coffee"]


def test_marking_a_number_to_copy_it_opens_nothing(page: Page) -> None:
    x, y = find(page, "Test accuracy (%)", "Coffee", "fixed")
    for kind, at in (("mousePressed", x - 30), ("mouseMoved", x + 30), ("mouseReleased", x + 30)):
        page("Input.dispatchMouseEvent", type=kind, x=at, y=y, button="left", buttons=1, clickCount=1)
    assert page.run("String(getSelection())") != ""
    assert page.trials() == []


def test_on_a_phone_a_tap_does_it_and_nothing_is_wider_than_the_screen(
    open_report: Callable[..., Page], study: StudyResults
) -> None:
    page = open_report(study, width=390, height=844)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.run("document.documentElement.clientWidth") == 390
    assert not page.run(wide)
    page.tap(*find(page, "Test accuracy (%)", "Coffee", "gradient"))
    assert set(page.trials()) == trials_of(("gradient",), ("Coffee",))
    assert not page.run(wide)
    box = json.loads(page.run("JSON.stringify(document.querySelector('dialog').getBoundingClientRect())"))
    assert box["left"] >= 0
    assert box["right"] <= 390
    assert box["bottom"] <= 844
    page.tap(*page.centre("dialog button"))
    assert page.trials() == []


def test_without_a_script_cells_and_trials_are_there(window: Page, study: StudyResults, tmp_path: Path) -> None:
    path = write_report(study, tmp_path).html
    window("Emulation.setScriptExecutionDisabled", value=True)
    try:
        window.open(path)
        assert window.run("document.querySelectorAll('[role=grid], [aria-haspopup], #trials-hint').length") == 0
        assert window.run("document.querySelectorAll('[data-trials] tbody tr').length") == 45
    finally:
        window("Emulation.setScriptExecutionDisabled", value=False)


def test_a_shared_trial_is_behind_the_numbers_of_both_arms(
    open_report: Callable[..., Page], shared: StudyResults
) -> None:
    page = open_report(shared)
    page.click(*find(page, "Test accuracy (%)", "A", "same"))
    assert page.trials() == ["dsn-A-1", "same-A-0"]


def test_names_are_no_markup_in_the_panel(
    open_report: Callable[..., Page], make_results: Callable[..., StudyResults]
) -> None:
    name = "<img src=x onerror=document.title='theirs'>"
    results = make_results({("b", "A"): [0.6], (name, "A"): [0.5]})
    page = open_report(results)
    page.click(*find(page, "Test accuracy (%)", "A", name))
    assert page.trials() == [f"{name}-A-0"]
    assert page.run("document.querySelectorAll('img').length") == 0
