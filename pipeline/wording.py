"""Numbers, counts and names as people read them, the same in every table, report and message."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

ABSENT = "–"
"""What stands where there is no number."""

LONGEST_LIST = 12
"""Names of data sets or arms in a line; of more it says how many."""


def rounded_percent(fraction: float) -> float:
    """A fraction in percent with two decimals; NaN stays NaN. The one rounding of every accuracy shown or compared.

    Halves go away from zero (half-up, as on paper): 0.83125 gives 83.13. The percentage is first cut to nine decimals,
    because in binary a mean such as 83.125 may come out as 83.12499999999999, and noise must not decide a tie.
    """
    if math.isnan(fraction):
        return math.nan
    percent = Decimal(f"{fraction * 100:.9f}")
    return float(percent.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)) + 0.0  # + 0.0 turns -0.0 into 0.0


def percent(fraction: float) -> str:
    """An accuracy as it is shown everywhere: percent with two decimals, or the mark for absent."""
    return ABSENT if math.isnan(fraction) else f"{rounded_percent(fraction):.2f}"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points with its sign (a true minus), or the mark for absent."""
    if math.isnan(difference):
        return ABSENT
    value = rounded_percent(difference)
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{abs(value):.2f}"


def counted(number: int, noun: str) -> str:
    """``1 trial``, ``3 trials``, ``2 losses``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def part_of(part: int, whole: int, noun: str) -> str:
    """``all 3 data sets``, ``2 of 3 data sets`` or, if there is only one, ``1 data set``."""
    if part != whole:
        return f"{part} of {counted(whole, noun)}"
    return counted(whole, noun) if whole == 1 else f"all {counted(whole, noun)}"


def spelled(value: object) -> str:
    """A setting's value as a study file would write it: ``true``, not ``True``."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def trial_title(arm: str, dataset: str, seed: int) -> str:
    """What a person calls a trial by."""
    return f"{arm} · {dataset} · seed {seed}"


def printable(text: str) -> str:
    """``text`` on one line, without what would move a terminal's cursor or change its colours: names and messages may
    come from anywhere."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def encodable(text: str) -> str:
    """``text`` as any file or store can take it: with escapes for halves of surrogate pairs, which names of files hold
    whose bytes are no text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cause(error: str, longest: int = 200) -> str:
    """One line that says what went wrong: the last of a traceback, else the first; cut at ``longest`` characters."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if not lines:
        return ABSENT
    line = lines[-1] if any(line.startswith("Traceback (most recent call last)") for line in lines) else lines[0]
    return line if len(line) <= longest else line[: longest - 1] + "…"


def listed(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """``A, B, C``, or the first few and how many more there are. Labels of arms have commas: ``between`` is ``; ``."""
    shown = between.join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def enumerated(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def elapsed(since: float, until: float) -> float:
    """Seconds between two readings of the clock; 0 where it has been set back between them."""
    return max(until - since, 0.0)


def duration(seconds: float) -> str:
    """``42 s``, ``7.5 min``, ``3.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def p_value(p: float) -> str:
    """``0.0313``, ``< 0.0001`` or, where there is no test, the mark for absent."""
    if math.isnan(p):
        return ABSENT
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def interval_points(interval: tuple[float, float]) -> str:
    """``−0.83 to −0.16``, of fractions; or the mark for absent."""
    return ABSENT if math.isnan(interval[0]) else " to ".join(map(points, interval))
