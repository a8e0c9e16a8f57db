"""What becomes of matplotlib's SVG, and the same figures for print."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from pipeline.analysis.figures import style
from pipeline.analysis.figures.svg import PAGE_COLORS, Mark, on_page, tag

HOSTILE = """a"b'c <i>&amp; {"marks": []}'>"""

SVG = "{http://www.w3.org/2000/svg}"


def figure_with_marks() -> Figure:
    figure = style.new_figure(3, 2)
    axes = figure.add_subplot()
    (points,) = axes.plot([1, 2, 3], [1, 2, 3], "o-", color="#0072B2")
    marks = [Mark(text=f"{HOSTILE}\nline {number}", arms=(HOSTILE, "b"), dataset=HOSTILE) for number in range(3)]
    tag(points, series=HOSTILE, marks=marks)
    (line,) = axes.plot([1, 3], [3, 1])
    tag(line, series="b", marks=[Mark(text="a line")])
    (nothing,) = axes.plot([], [])
    tag(nothing, series="c", marks=[])
    style.plan_legend([HOSTILE, "b"], 3).draw(figure, [style.marked(0), style.marked(1)])
    return figure


def test_a_mark_has_its_title_and_says_whose_trials_are_behind_it() -> None:
    root = ElementTree.fromstring(style.render("mine", figure_with_marks).svg)
    marks = [element for element in root.iter() if element.find(f"{SVG}title") is not None]
    assert [mark.tag.removeprefix(SVG) for mark in marks] == ["use", "use", "use", "g"]
    assert [mark.findtext(f"{SVG}title") for mark in marks] == [
        *(f"{HOSTILE}\nline {number}" for number in range(3)),
        "a line",
    ]
    assert marks[0].attrib["data-arms"] == f"{HOSTILE}; b"
    assert marks[0].attrib["data-dataset"] == HOSTILE
    assert "data-arms" not in marks[3].attrib
    assert [element.attrib["data-series"] for element in root.iter() if "data-series" in element.attrib] == [
        HOSTILE,
        "b",
    ]
    legend = [element.attrib["data-legend"] for element in root.iter() if "data-legend" in element.attrib]
    assert sorted(legend) == sorted([HOSTILE, HOSTILE, "b", "b"]), "the handle and the name of each"


def test_marks_that_are_not_the_markers_are_a_mistake_of_ours() -> None:
    def draw() -> Figure:
        figure = style.new_figure(2, 2)
        (line,) = figure.add_subplot().plot([1, 2, 3], [1, 2, 3], "o")
        tag(line, marks=[Mark(text="a"), Mark(text="b")])
        return figure

    with pytest.raises(AssertionError, match="not the markers"):
        style.render("mine", draw)


def test_a_page_sets_the_colours_of_paper_and_ink_and_no_others() -> None:
    svg = style.render("mine", figure_with_marks).svg
    page = on_page(svg)
    assert "var(" not in svg, "a file of its own is read by programs without variables"
    assert "fill: var(--figure-page, #ffffff)" in page
    assert "stroke: #0072b2" in page
    assert re.sub(r"var\(--figure-\w+, (#\w+)\)", r"\1", page) == svg
    left = set(re.findall(r"(?<!, )#[0-9a-f]{6}\b", page))
    assert not left & PAGE_COLORS.keys()


def test_a_pdf_is_the_same_in_every_process_and_embeds_true_type() -> None:
    program = (
        "import sys, test_svg; sys.stdout.buffer.write(test_svg.style.render('mine', test_svg.figure_with_marks).pdf())"
    )
    made = [
        subprocess.run([sys.executable, "-c", program], env=_environment(seed), capture_output=True, check=True).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF-")
    assert b"/FontFile2" in made[0], "TrueType"
    assert b"/Type3" not in made[0]
    assert not re.search(rb"/(CreationDate|ModDate|Producer|Creator)\b", made[0])


def _environment(hash_seed: str) -> dict[str, str]:
    import os
    from pathlib import Path

    place = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return os.environ | {"PYTHONPATH": place, "PYTHONHASHSEED": hash_seed}
