"""Disks that are really full: small file systems of their own under ledger, artifacts and checkpoints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from bench import PATIENCE, Bench, wait_until
from fault_table import Row

# As root, or as anybody where the system lets users have namespaces of their own: flags of unshare and of nsenter.
RIGHTS = ((("-m",), ("-m",)), (("-U", "-r", "-m"), ("-U", "-m", "--preserve-credentials")))
FULL = "tmpfs of 8 MB, filled to the last byte"
MOUNT = """
for place in ledger trials checkpoints
do mkdir -p "$0/$place" && mount -t tmpfs -o size=8m none "$0/$place" || exit 1
done
"""


@contextmanager
def _small_disks(bench: Bench) -> Iterator[Bench]:
    """The bench with file systems of 8 MB: under its ledgers, under its artifacts, under its checkpoints."""
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


@pytest.mark.timeout(600)
def test_a_full_disk_stops_the_run_and_what_was_recorded_stays(bench: Bench, row: Row) -> None:
    with _small_disks(bench) as small:
        small.write_study(epochs=40, seeds=6, engine="torch", more="recovery: {checkpoint_every: 0.1}\n")
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
            row(f"disk full under {place}", FULL, 1, f"exit 4, {before} results kept, the rest run once there is room")
        driver = small.start("run", "tiny.yaml")
        wait_until(lambda: len(small.ids("done")) > before, driver)
        _fill(small.seen("checkpoints/fill"))
        _, errors = driver.communicate(timeout=PATIENCE)
        assert driver.returncode == 0, errors
        said = "dsn: checkpoints cannot be kept, trials that are cut off begin anew: [Errno 28] No space left on device"
        assert sum(line.startswith(said) for line in errors.splitlines()) == 1
        assert "Traceback" not in errors
        assert [path.name for path in small.seen("checkpoints").iterdir()] == ["fill"]
        assert small.accounted()["done"] == 12
        row("disk full under checkpoints", FULL, 1, "said once, all done")
