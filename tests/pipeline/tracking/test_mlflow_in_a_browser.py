"""MLflow's pages in headless Chromium: from a study to one of its trials, by clicks. By what they say, not how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Page, browser
from made_workspace import ended
from served import served

from pipeline.driver.run import publish
from pipeline.tracking.launch import sync
from pipeline.workspace.layout import Workspace

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

CENTRE = """(() => {
  const found = [...document.querySelectorAll(%s)].find(each =>
    each.innerText.trim().startsWith(%s) && each.getClientRects().length);
  if (!found) return null;
  found.scrollIntoView({block: "center"});
  const box = found.getBoundingClientRect(), was = window.centre;
  window.centre = [box.x + box.width / 2, box.y + box.height / 2];
  return was && was.join() === window.centre.join() && window.centre;
})()"""
"""Where to click, once it has stayed there from one look to the next: MLflow moves what is there when more comes."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Study -> its page, as ``dsn ui`` says it."""
    workspace = Workspace(root=tmp_path_factory.mktemp("shown"))
    ended(workspace)
    publish(workspace, "first")
    for study in ("first", "second"):
        assert sync(workspace, study) == 0
    with served(workspace) as (_, said, _):
        yield dict(line.strip().split(": ", 1) for line in said[1:])


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path / "profile") as opened:
        yield opened


def _visit(page: Page, address: str) -> None:
    page.visit(address, width=1600, height=1000)


def _shows(page: Page, text: str) -> None:
    page.wait_for(f"document.body.innerText.includes({json.dumps(text)})")


def _click(page: Page, kind: str, text: str) -> None:
    """On the first element of that kind that is seen and begins with the text."""
    page.click(*page.wait_for(CENTRE % (json.dumps(kind), json.dumps(text))))


def test_from_the_study_to_its_run_and_on_to_a_trial(pages: dict[str, str], page: Page) -> None:
    _visit(page, pages["first"].partition("&viewStateShareKey")[0])
    _shows(page, "Does anything get lost?")
    _click(page, "a", "study first")
    _shows(page, "Child runs")
    _shows(page, "5 of 12 trials are done (2 failed, 5 pending)")
    _click(page, "a", "y · A · seed 0")
    _shows(page, "Parent run")
    _shows(page, "test_accuracy")
    _shows(page, "0.30000000000000004")
    _shows(page, "A (A-")


def test_the_page_that_is_named_has_the_trials_and_the_means(pages: dict[str, str], page: Page) -> None:
    _visit(page, pages["first"])
    _shows(page, "test_accuracy")
    _shows(page, "y · B · seed")
    _click(page, "button", "Trials")
    _click(page, "[role=menuitem]", "Means of the arms")
    _shows(page, "Group: y; z")
    assert "seed 0" not in page.run("document.body.innerText")
