"""Disks that are really full: small file systems of their own under the ledger and under the artifacts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from bench import PATIENCE, Bench, wait_until

Row = Callable[[str, str, int, str], None]

# As root, or as anybody where the system lets users have namespaces of their own: flags of unshare and of nsenter.
RIGHTS = ((("-m",), ("-m",)), (("-U", "-r", "-m"), ("-U", "-m", "--preserve-credentials")))
MOUNT = (
    'for place in ledger trials; do mkdir -p "$0/$place" && mount -t tmpfs -o size=8m none "$0/$place" || exit 1; done'
)


@contextmanager
def _small_disks(bench: Bench) -> Iterator[Bench]:
    """The bench with a file system of 8 MB under its ledgers, and another under its artifacts."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter")
    for unshare, nsenter in RIGHTS:
        keeper = subprocess.Popen(
            ["unshare", *unshare, "sh", "-c", f"({MOUNT}) && echo mounted && exec sleep 3600", str(bench.workspace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert keeper.stdout is not None
        try:
            if keeper.stdout.readline() == "mounted\n":
                enter = (
                    "nsenter",
                    "-t",
                    str(keeper.pid),
                    *nsenter,
                    "sh",
                    "-c",
                    'cd "$0" && exec "$@"',
                    str(bench.folder),
                )
                yield replace(bench, within=enter, root=Path(f"/proc/{keeper.pid}/root"))
                return
        finally:
            keeper.kill()
            keeper.communicate()
    pytest.skip("may not mount a file system here, not even in a namespace of its own")


def _fill(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (2**16, 1):
        with suppress(OSError):
            while True:
                os.write(file, b"\0" * size)
    os.close(file)
    assert os.statvfs(path).f_bavail == 0


def test_a_full_disk_stops_the_run_and_what_was_recorded_stays(bench: Bench, row: Row) -> None:
    with _small_disks(bench) as small:
        small.write_study(epochs=40, seeds=6, engine="torch")
        for place, done in (("ledger", 2), ("trials", 5)):
            driver = small.start("run", "tiny.yaml")
            wait_until(lambda done=done: len(small.ids("done")) >= done, driver)
            fill = small.seen(f"{place}/fill")
            _fill(fill)
            _, errors = driver.communicate(timeout=PATIENCE)
            assert driver.returncode == 4, errors
            assert re.search("No space left on device|only .* bytes could be written", errors.splitlines()[-1])
            assert "Traceback" not in errors
            fill.unlink()
            before = len(small.ids("done"))
            assert done <= before < 12
            row(
                f"disk full under {place}",
                "tmpfs of 8 MB, filled to the last byte",
                1,
                f"exit 4, {before} results kept",
            )
        small.dsn("run", "tiny.yaml")
        assert small.accounted()["done"] == 12
