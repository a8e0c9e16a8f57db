"""A report that says what the results say passes; whatever is changed in it is found, and named."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.errors import InvalidInput
from pipeline.analysis.report.files import report_files, write_report
from pipeline.analysis.results import StudyResults
from pipeline.analysis.verification.comparison import compare, excerpts
from pipeline.analysis.verification.drawing import CORNER, PLACE
from pipeline.analysis.verification.page import read_page
from pipeline.analysis.verification.report import compare_files, study_of, verify_report

MakeResults = Callable[..., StudyResults]


@pytest.fixture
def results(make_results: MakeResults, make_history: Callable[..., object]) -> StudyResults:
    """Three arms on three data sets, small enough to be drawn often; one trial has failed."""
    outcomes: dict[tuple[str, str], list[float | str]] = {
        (arm, dataset): [level + step / 100 for step in range(2)]
        for arm, level in (("dsn", 0.5), ("fixed", 0.61), ("dense", 0.72))
        for dataset in ("A", "B", "C")
    }
    outcomes["dense", "C"][1] = "failed"
    return make_results(outcomes, {"dsn-A-0": make_history([0.75, 0.5, 0.25])})


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    """The report's files, once they have been made."""
    return {}


@pytest.fixture
def files(results: StudyResults, made: dict[str, bytes]) -> dict[str, bytes]:
    if not made:
        contents = report_files(results)
        made |= {name: text.encode() if isinstance(text, str) else text for name, text in contents.items()}
    return made


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    (tmp_path / "report").mkdir()
    for name, content in files.items():
        (tmp_path / "report" / name).write_bytes(content)
    return tmp_path / "report"


def changed(files: dict[str, bytes], file: str, old: str, new: str) -> list[str]:
    """What is found when a file of the report says something else."""
    assert old.encode() in files[file]
    altered = files[file].replace(old.encode(), new.encode(), 1)
    return list(map(str, compare_files(file, altered, files[file])))


def found(results: StudyResults, folder: Path) -> list[str]:
    return [str(each) for each in verify_report(results, folder / "report.html", whole=True).differences]


def test_what_was_just_written_passes(results: StudyResults, folder: Path) -> None:
    verified = verify_report(results, folder / "report.html", whole=True)
    assert verified.differences == ()
    assert verified.moved == ""
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert verified.compared == {
        "tables": page.count("<table>"),
        "cells": page.count("<td") + page.count('<th scope="row"'),
        "figures": page.count("<svg "),
        "points": len(re.findall(r"<svg .*?</svg>", page, re.DOTALL)) and page.count("</title>") - 1,
        "sentences": len(read_page(page).sentences),
        "files": len(list(folder.iterdir())),
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            *("report.html", "61.50 ± 0.71", "61.60 ± 0.71"),
            'table "Test accuracy (%)", row A, column fixed: says 61.60 ± 0.71, the ledger 61.50 ± 0.71',
        ),
        (
            *("report.html", "of 50.50% over", "of 50.51% over"),
            'text under "toy": says …an test accuracy of 50.51% over 2 of 3 data sets.…, the ledger …an test accuracy',
        ),
        (
            *("report.html", 'title="2 of 2 seeds done"', 'title="2 of 9 seeds done"'),
            "row A, column dsn: says 50.50 ± 0.71, when pointed at: 2 of 9 seeds done, the ledger 50.50 ± 0.71: 2 of 2",
        ),
        (
            *("report.html", "<strong>72.50 ± 0.71</strong>", "72.50 ± 0.71"),
            "row A, column dense: says 72.50 ± 0.71, not marked, the ledger 72.50 ± 0.71, marked as the best",
        ),
        (
            *("report.html", '<th scope="col" class="number">fixed</th>', '<th scope="col" class="number">best</th>'),
            'table "Test accuracy (%)", heading of a column: says best, the ledger fixed',
        ),
        (
            *("report.html", '<th scope="row">B</th>', '<th scope="row">Z</th>'),
            'table "Test accuracy (%)", row B, column data set: says Z, the ledger B',
        ),
        ("report.html", "<h2>Cost</h2>", "<h2>Gain</h2>", 'text under "Cost": says Gain, the ledger Cost'),
        (
            *("report.html", "A\nfixed: 61.50%", "A\nfixed: 61.60%"),
            'against its reference, a point a data set", a point: says A · fixed: 61.60% · dsn: 50.50%',
        ),
        (
            "report.html",
            ">test accuracy (%) of dsn</text>",
            ">gain</text>",
            "text: says gain, the ledger test accuracy",
        ),
        ("report.html", "fill: var(--figure-page", "fill: var(--figure-text", "looks otherwise"),
        ("report.html", "</svg>", '<path d="M 1 1"/></svg>', "elements, where the ledger's has"),
        ("report.html", "const NEAR = 14", "const NEAR = 15", "script, edited, or written by another version: says"),
        ("report.html", ".number { text-align: right; }", "", "style, edited, or written by another version: says"),
        ("report.html", '<p class="answer">', '<p class="answer" hidden>', "tags, edited"),
        ("report.html", 'data-arms="fixed" data-dataset="B"', 'data-arms="dsn" data-dataset="B"', "tags of the table"),
        ("report.html", "</body>", "<!-- 1 --></body>", "says <!-- 1 -->, the ledger nothing"),
        ("report.html", "</main>", "stray</main>", "says stray, the ledger nothing"),
        (
            *("report.md", "| fixed | 61.50 |", "| fixed | 61.60 |"),
            'table "Quality of the predictions", row fixed, column accuracy (%): says 61.60, the ledger 61.50',
        ),
        ("report.md", "of 50.50% over", "of 50.51% over", 'text under "Answer": says'),
        ("accuracy.csv", "A,fixed,2,2,0 1,0.615", "A,fixed,2,2,0 1,0.616", "row A, fixed, column mean: says 0.616"),
        ("trials.csv", "dsn-A-1,dsn,A,1,done,0.51", "dsn-A-1,dsn,A,1,done,0.52", "row dsn-A-1, column test_accuracy"),
        ("scatter.svg", "fixed: 61.50%", "fixed: 61.60%", "scatter.svg, a point: says A · fixed: 61.60%"),
    ],
)
def test_a_planted_change_is_found_and_is_all_that_is_found(
    files: dict[str, bytes], file: str, old: str, new: str, said: str
) -> None:
    (line,) = changed(files, file, old, new)
    assert line.startswith(f"{file}, ")
    assert said in line


def test_rows_in_another_order_are_found(files: dict[str, bytes]) -> None:
    lines = files["cost.csv"].decode().splitlines(keepends=True)
    swapped = "".join([*lines[:2], lines[3], lines[2], *lines[4:]])
    assert list(map(str, compare_files("cost.csv", swapped.encode(), files["cost.csv"]))) == [
        "cost.csv: has its rows in another order"
    ]


def test_another_figure_is_found(files: dict[str, bytes]) -> None:
    lines = changed(files, "report.html", "</svg>", "</svg><svg></svg>")
    assert lines[0].endswith('a point a data set (2)": is not of the ledger')


def test_a_point_that_was_moved_is_found_beyond_what_rounding_does(files: dict[str, bytes]) -> None:
    text = files["scatter.svg"].decode()
    x = re.search(r'<use [^>]*x="([\d.]+)"[^>]*data-dataset="A"', text)
    side = re.search(r'width="([\d.]+)pt"', text)
    assert x is not None
    assert side is not None
    tolerance = CORNER + PLACE * float(side[1])
    for distance, number in ((0.9 * tolerance, 0), (1.1 * tolerance, 1)):
        moved = x[0].replace(f'x="{x[1]}"', f'x="{float(x[1]) + distance:.6f}"')
        lines = changed(files, "scatter.svg", x[0], moved)
        assert len(lines) == number
    assert "the point A · fixed: 61.50% · dsn: 50.50% · +11.00 points: lies 0.01 points (1/72 inch) off" in lines[0]


def test_ids_may_be_other_hashes(files: dict[str, bytes]) -> None:
    content = files["scatter.svg"]
    name = re.search(rb'id="(scatter-p\w+)"', content)
    assert name is not None
    assert list(compare_files("scatter.svg", content.replace(name[1], b"scatter-p0"), content)) == []
    assert len(changed(files, "scatter.svg", f"#{name[1].decode()}", "#scatter-p0")) == 1, "it leads elsewhere"


@pytest.fixture
def page(files: dict[str, bytes]) -> str:
    return files["report.html"].decode()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_digit_of_the_page_can_be_changed_unnoticed(page: str, data: st.DataObject) -> None:
    """But for hundredths of a point in a figure, which nobody sees, and ids that nothing refers to."""
    digits = [found.start() for found in re.finditer(r"\d", page)]
    at = digits[data.draw(st.integers(0, len(digits) - 1))]
    altered = page[:at] + str((int(page[at]) + 1) % 10) + page[at + 1 :]
    differences = list(compare("report.html", read_page(altered), read_page(page)))
    fine = re.search(r"\d\.\d+$", page[:at]) and page.rfind("<svg", 0, at) > page.rfind("</svg>", 0, at)
    assert differences or fine or _is_id(page, at)


def _is_id(text: str, at: int) -> bool:
    """Whether the place is in an id that nothing refers to."""
    opened = text.rfind('"', 0, at)
    value = text[opened + 1 : text.index('"', at)]
    return text[:opened].endswith(" id=") and text.count(value) == 1


def test_rows_and_columns_that_are_gone_or_new_are_named(results: StudyResults, folder: Path, tmp_path: Path) -> None:
    more = dataclasses.replace(
        results,
        datasets=("A", "B"),
        trials=results.trials[results.trials["dataset"] != "C"],
    )
    lines = found(more, folder)
    accuracy = [line for line in lines if line.startswith('report.html, table "Test accuracy (%)"')]
    assert 'report.html, table "Test accuracy (%)", row C: is not of the ledger' in accuracy
    assert not any("tags" in line and "Test accuracy" in line for line in lines), "once is enough"
    write_report(more, tmp_path / "fewer")
    assert 'report.html, table "Test accuracy (%)", row C: is missing' in found(results, tmp_path / "fewer")


def test_files_that_are_missing_or_too_many(results: StudyResults, folder: Path) -> None:
    (folder / "cost.csv").unlink()
    shutil.copy(folder / "scatter.svg", folder / "trade_off.svg.bak")
    shutil.copy(folder / "scatter.svg", folder / "sweep_x.svg")
    assert found(results, folder) == [
        "cost.csv: is missing",
        "sweep_x.svg: is a figure that the ledger does not give",
    ]


def test_figures_for_print_are_compared_to_the_byte(results: StudyResults, folder: Path) -> None:
    write_report(results, folder, pdf=True)
    assert found(results, folder) == []
    with (folder / "scatter.pdf").open("ab") as file:
        file.write(b" ")
    assert found(results, folder) == ["scatter.pdf: is not, to the byte, what is drawn from the ledger"]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"<table><td>1", b"<svg", b'"', b"<svg><title>", b"</table></td>"]
)
@pytest.mark.parametrize("file", ["report.html", "report.md", "cost.csv", "scatter.svg"])
def test_what_is_damaged_differs_and_nothing_breaks(files: dict[str, bytes], file: str, content: bytes) -> None:
    assert list(compare_files(file, content, files[file]))


def test_a_ledger_that_has_moved_on_is_said_first(make_results: MakeResults, tmp_path: Path) -> None:
    then = make_results({("dsn", "A"): [0.5, "pending"], ("fixed", "A"): [0.6, "running"]})
    now = make_results({("dsn", "A"): [0.5, 0.52], ("fixed", "A"): [0.6, "failed"], ("new", "A"): ["pending"]})
    page = write_report(then, tmp_path).html
    assert verify_report(then, page, whole=True).moved == ""
    verified = verify_report(now, page, whole=True)
    assert verified.moved == (
        "The report has 2 of 4 trials done, the ledger 3 of 5 trials done: 1 done since and 1 planned since. "
        "That may explain what follows."
    )
    assert verified.differences


def test_whose_page_it_is(folder: Path, tmp_path: Path) -> None:
    assert study_of(folder / "report.html") == "toy"
    other = tmp_path / "other.html"
    other.write_text("<title>toy</title><p>Hello")
    for path in (other, tmp_path / "none.html"):
        with pytest.raises(InvalidInput):
            study_of(path)


def test_of_long_texts_what_differs_is_shown() -> None:
    one, two = (f"{'a' * 100} {word} {'b' * 100}" for word in ("one", "three"))
    assert excerpts(one, two) == (f"…{'a' * 23} one {'b' * 22}…", f"…{'a' * 23} three {'b' * 22}…")
    assert excerpts("x" * 200, "x" * 201)[0] == "…" + "x" * 24
    assert excerpts("short", "s") == ("short", "s")
