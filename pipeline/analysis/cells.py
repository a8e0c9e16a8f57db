"""Numbers and texts of frames as the cells of tables, the same in every table."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.analysis.behind import Behind
from pipeline.analysis.table import Cell
from pipeline.wording import ABSENT, interval_points, p_value, percent, points, rounded_percent

Row = Mapping[Hashable, Any]
"""A row of a frame, by column."""

INTERVAL = ("low", "high")


def text_cells(values: Iterable[Any]) -> Iterable[Cell]:
    """A cell of text for each."""
    return (Cell(text=as_text(value)) for value in values)


def as_text(value: Any) -> str:
    """``value`` as text, empty for the several ways in which a frame says that there is none."""
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def number_cell(value: Any, *, decimals: int) -> Cell:
    """``1,234.50``, or the mark for absent."""
    known = _as_float(value)
    return Cell(text=ABSENT if math.isnan(known) else f"{known:,.{decimals}f}", values=(known,))


def percent_cell(fraction: Any, *, best: bool = False, tooltip: str = "") -> Cell:
    """A fraction in percent."""
    known = _as_float(fraction)
    return Cell(text=percent(known), best=best, tooltip=tooltip, values=(100 * known,))


def points_cell(difference: float, *, tooltip: str = "") -> Cell:
    """A difference of accuracies in percentage points."""
    return Cell(text=points(difference), tooltip=tooltip, values=(100 * difference,))


def interval_cell(interval: tuple[float, float]) -> Cell:
    """An interval of a difference, in percentage points; its column's ``parts`` are ``INTERVAL``."""
    return Cell(text=interval_points(interval), values=tuple(100 * end for end in interval))


def p_cell(p: float, *, tooltip: str = "") -> Cell:
    """The p of a test."""
    return Cell(text=p_value(p), tooltip=tooltip, values=(p,))


def count_cells(values: Iterable[float]) -> Iterable[Cell]:
    """A cell for each count."""
    return (Cell(text=str(int(value)), values=(int(value),)) for value in values)


def leading(cells: Iterable[Cell], behind: Behind | None) -> Iterator[Cell]:
    """The cells, each computed from the same trials."""
    return (replace(cell, behind=behind) for cell in cells)


def outcome_text(wins: int, ties: int, losses: int) -> str:
    """``29 / 3 / 53``."""
    return f"{wins} / {ties} / {losses}"


def best_of(means: Sequence[float]) -> list[bool]:
    """Which of these are the highest after rounding; none if fewer than two have a value to compare."""
    rounded = [rounded_percent(mean) for mean in means]
    known = [mean for mean in rounded if not math.isnan(mean)]
    return [len(known) > 1 and mean == max(known) for mean in rounded]


def _as_float(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)
