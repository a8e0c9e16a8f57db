"""One table in three forms."""

from __future__ import annotations

import json
import math

from benchmarks.interleaved import Spread
from benchmarks.table import Table

TABLE = Table(
    title="Things",
    columns={"what": "", "ms": ".1f", "times": ".2f"},
    rows=[
        ("a long name", 12.345, None),
        ("b", math.nan, Spread(median=2.0, lower=1.5, upper=2.25)),
    ],
    notes=("One note.", "Another."),
)


def test_text_is_aligned() -> None:
    assert TABLE.text().splitlines() == [
        "Things",
        "======",
        "",
        "what                ms                times",
        "a long name       12.3",
        "b            not known  2.00 (1.50 to 2.25)",
        "",
        "One note.",
        "Another.",
    ]


def test_markdown_aligns_numbers_to_the_right() -> None:
    assert TABLE.markdown().splitlines() == [
        "### Things",
        "",
        "| what | ms | times |",
        "|---|---:|---:|",
        "| a long name | 12.3 |  |",
        "| b | not known | 2.00 (1.50 to 2.25) |",
        "",
        "One note.",
        "Another.",
    ]


def test_plain_values_are_json_and_not_rounded() -> None:
    plain = TABLE.plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["rows"] == [
        {"what": "a long name", "ms": 12.345, "times": None},
        {"what": "b", "ms": None, "times": {"median": 2.0, "lower": 1.5, "upper": 2.25}},
    ]
