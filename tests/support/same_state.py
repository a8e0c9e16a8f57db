"""Whether two checkpoints hold the same state."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np


def same(one: Any, other: Any) -> bool:
    """Of the same types and bits throughout; 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=False)
        return len(one) == len(other) and all(same(*each) for pair in pairs for each in zip(*pair, strict=True))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other) or (is_nan(one) and is_nan(other))
    return one == other


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
