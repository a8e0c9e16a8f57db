"""``dsn`` in a process of its own, measured: ``python -m benchmarks.measured_dsn FILE ARGUMENTS...``.

``FILE`` gets the peak of the process's resident set in bytes, its own alone and not that of processes it started.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import peak_bytes

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A command that has ended: seconds on the wall, imports included, and the peak of its resident set in bytes."""

    seconds: float
    bytes: float


def measured_dsn(folder: Path, *arguments: str) -> Measured:
    """``dsn ARGUMENTS`` in a new process, which must succeed; ``folder`` takes a file."""
    file = folder / "peak"
    command = [sys.executable, "-m", "benchmarks.measured_dsn", str(file), *arguments]
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, cwd=ROOT, check=True)
    return Measured(seconds=time.perf_counter() - begin, bytes=float(file.read_text(encoding="ascii")))


def main() -> None:
    """See the module."""
    file, *arguments = sys.argv[1:]
    sys.argv = ["dsn", *arguments]
    try:
        from pipeline.cli import main as dsn

        dsn()
    except SystemExit as end:
        if end.code:
            raise
    Path(file).write_text(str(peak_bytes()), encoding="ascii")


if __name__ == "__main__":
    main()
