"""The table that ends the tests of faults."""

from __future__ import annotations

from typing import Any, Literal

import fault_table
import pytest


def _report(
    name: str,
    *rows: tuple[str, str, int, str],
    when: Literal["setup", "call", "teardown"] = "call",
    outcome: Literal["passed", "failed", "skipped"] = "passed",
    longrepr: Any = None,
    marked: bool = True,
) -> pytest.TestReport:
    # As lists, which is how xdist sends them.
    said = [["other", "x"], *(["fault", list(row)] for row in rows)]
    keywords = {"fault": 1} if marked else {}
    return pytest.TestReport(name, ("", 0, ""), keywords, outcome, longrepr, when, user_properties=said)


def test_rows_are_in_the_order_of_tests_and_equal_ones_are_added_up() -> None:
    reports = [
        _report("b[2]", ("killed", "by hand", 2, "none lost")),
        _report("b[1]", ("killed", "by hand", 1, "none lost"), ("killed", "by hand", 1, "one lost")),
        _report("b[1]", ("killed", "by hand", 1, "none lost"), when="teardown"),
        _report("a", ("torn", "cut", 10, "mended")),
        _report("not of a fault", marked=False, outcome="failed"),
    ]
    assert fault_table.table(reports) == [
        "| fault  | how caused | times | outcome   |",
        "| ------ | ---------- | ----- | --------- |",
        "| torn   | cut        | 10    | mended    |",
        "| killed | by hand    | 3     | none lost |",
        "| killed | by hand    | 1     | one lost  |",
    ]


def test_a_test_that_failed_or_was_skipped_is_there_by_its_name_alone() -> None:
    reports = [
        _report("a", ("killed", "by hand", 2, "none lost"), outcome="failed"),
        _report("b", ("killed", "by hand", 2, "none lost")),
        _report("b", when="teardown", outcome="failed"),
        _report("c", when="setup", outcome="skipped", longrepr=("file", 1, "Skipped: needs unshare")),
    ]
    assert [[text.strip() for text in line.split("|")[1:-1]] for line in fault_table.table(reports)[2:]] == [
        ["a", "", "0", "FAILED (call)"],
        ["killed", "by hand", "2", "none lost"],
        ["b", "", "0", "FAILED (teardown)"],
        ["c", "", "0", "Skipped: needs unshare"],
    ]


def test_there_is_none_without_faults() -> None:
    assert fault_table.table([_report("a", marked=False)]) == []
