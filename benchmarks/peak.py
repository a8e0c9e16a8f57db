"""What a core can do at most."""

from __future__ import annotations

import ctypes

from dsn.native.library import instruction_set, load_library

_TRIES = 3


def measured_peak(seconds: float = 0.3) -> float | None:
    """GFLOP/s of this core in float32 multiply-adds on registers alone, with the native library's instructions.

    The best of a few tries: whatever disturbs one makes it slower. None where there is no native engine.
    """
    if instruction_set() is None:
        return None
    measure = load_library().handle.dsn_peak_gflops_f32
    measure.argtypes, measure.restype = [ctypes.c_double], ctypes.c_double
    return max(float(measure(seconds / _TRIES)) for _ in range(_TRIES))
