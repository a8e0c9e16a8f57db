"""Workers that outlive their Ray, as far as the system knows them."""

from __future__ import annotations

import os
import signal
import subprocess

from pipeline.cluster.orphans import end_orphans

RAYLET = 4_000_000
"""No process has this number by chance: Linux counts to 2^22 at most, and begins low."""


def _sleeper(**environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"], env=os.environ | environment)


def test_those_that_it_started_are_ended_and_no_others() -> None:
    own, other, longer = _sleeper(RAY_RAYLET_PID=str(RAYLET)), _sleeper(), _sleeper(RAY_RAYLET_PID=f"{RAYLET}1")
    try:
        end_orphans(RAYLET)
        assert own.wait(30) == -signal.SIGKILL
        assert (other.poll(), longer.poll()) == (None, None)
    finally:
        for process in (own, other, longer):
            process.kill()
            process.wait()
