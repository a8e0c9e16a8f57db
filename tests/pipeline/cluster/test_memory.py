"""A process that may allocate so much and no more; each in a process of its own, for the limit is real."""

from __future__ import annotations

import subprocess
import sys

LIMITED = """
import numpy as np
from pipeline.cluster.memory import limit_memory

def takes(megabytes):
    try:
        return bool(np.ones(megabytes * 2**20, dtype=np.int8).all())
    except MemoryError:
        return False

"""


def _printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", LIMITED + code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_is_over_the_limit_is_refused_and_the_process_lives() -> None:
    assert _printed("limit_memory(100 * 2**20); print(takes(50), takes(200), takes(50))") == "True False True"


def test_the_limit_counts_from_what_the_process_has() -> None:
    code = "kept = np.ones(300 * 2**20, dtype=np.int8); limit_memory(100 * 2**20); print(takes(50), takes(200))"
    assert _printed(code) == "True False"


def test_a_limit_can_be_lifted_and_set_anew() -> None:
    code = "limit_memory(100 * 2**20); a = takes(200); limit_memory(None); b = takes(200); limit_memory(100 * 2**20); "
    assert _printed(code + "print(a, b, takes(200))") == "False True False"
