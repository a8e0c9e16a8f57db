"""Times and sizes as people write them: ``90s``, ``2h``, ``500MB``, ``1.5GB``."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
BYTES = {
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("", "k", "M", "G", "T"))},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), start=1)},
}


def pattern(units: Mapping[str, int]) -> str:
    """A regular expression for a number and one of ``units``."""
    return rf"^(\d+(?:\.\d+)?) ?({'|'.join(units)})$"


def quantity(text: str, units: Mapping[str, int]) -> float:
    """What ``text`` says, in the unit that counts 1.

    Raises:
        ValueError: it is no number followed by one of ``units``, or 0.
    """
    found = re.fullmatch(pattern(units), text)
    value = float(found[1]) * units[found[2]] if found else 0.0
    if not 0 < value < 1e18:
        raise ValueError(f"must be a number above 0 with one of the units {', '.join(units)}")
    return value
