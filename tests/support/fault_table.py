"""The table of faults: what the tests that really cause one say of it, in however many processes they ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

Row = Callable[[str, str, int, str], None]
"""Adds a line to the table: the fault, how it was caused, how often, and what came of it."""

HEAD = ("fault", "how caused", "times", "outcome")

_PROPERTY = "fault"


def row_of(record_property: Callable[[str, object], None]) -> Row:
    """What a test is given; its lines travel with its report, from the processes of xdist too."""

    def add(fault: str, how: str, times: int, outcome: str) -> None:
        record_property(_PROPERTY, (fault, how, times, outcome))

    return add


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """In Markdown, in the order of the tests; no lines where no test was about a fault.

    Lines that say the same but for how often become one. A test that failed or was skipped is a line by its name: what
    it had said until then is not to be relied upon.
    """
    times: dict[tuple[str, str, str], int] = {}
    for report in sorted(reports, key=lambda each: each.nodeid):
        for fault, how, count, outcome in _lines(report):
            times[fault, how, outcome] = times.get((fault, how, outcome), 0) + count
    rows = [(fault, how, str(count), outcome) for (fault, how, outcome), count in times.items()]
    return _aligned([HEAD, *rows]) if rows else []


def _lines(report: pytest.TestReport) -> Iterator[tuple[str, str, int, str]]:
    if "fault" not in report.keywords:
        return
    if report.failed:
        yield report.nodeid, "", 0, f"FAILED ({report.when})"
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        yield report.nodeid, "", 0, reason
    elif report.when == "call":
        for name, line in report.user_properties:
            if name == _PROPERTY:
                fault, how, count, outcome = line
                yield fault, how, count, outcome


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return [f"| {line} |" for line in (head, " | ".join("-" * width for width in widths), *body)]
