"""What this process holds in physical memory, as Linux tells it."""

from __future__ import annotations

import math
from pathlib import Path


def peak_bytes() -> float:
    """The most since the process began; NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return math.nan
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), math.nan)
