"""The peak memory of a block, measured."""

from __future__ import annotations

import gc
import math
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from dsn import peak_memory
from dsn.peak_memory import PeakMemory

MB = 10**6


def _can_be_reset() -> bool:
    with PeakMemory() as peak:
        pass
    return not math.isnan(peak.bytes)


resettable = pytest.mark.skipif(not _can_be_reset(), reason="this system does not reset a process's peak memory")


@pytest.fixture(autouse=True)
def _nothing_left_to_collect() -> None:
    """What earlier tests left in reference cycles must not go while a block is measured."""
    gc.collect()


def _hold(megabytes: int) -> None:
    # Pages fresh from the system: malloc may serve a large array from what earlier tests freed and it kept resident.
    with mmap.mmap(-1, megabytes * MB) as memory:
        memory[:: mmap.PAGESIZE] = b"\1" * len(range(0, len(memory), mmap.PAGESIZE))


@resettable
def test_each_block_has_its_own_peak() -> None:
    with PeakMemory() as large:
        _hold(200)
    with PeakMemory() as nothing:
        pass
    with PeakMemory() as small:
        _hold(100)
    # 10 MB for what the rest of the process may take or return in between.
    assert large.bytes >= nothing.bytes + 190 * MB
    assert nothing.bytes + 90 * MB <= small.bytes <= large.bytes - 90 * MB
    assert nothing.bytes > 10 * MB  # The interpreter itself.


@resettable
def test_a_block_that_fails_has_a_peak_too() -> None:
    peak = PeakMemory()
    with pytest.raises(ValueError, match="boom"), peak:
        raise ValueError("boom")
    assert peak.bytes > 0


def test_nothing_is_known_before_the_end() -> None:
    with PeakMemory() as peak:
        assert math.isnan(peak.bytes)


def test_without_a_reset_no_number_is_passed_off_as_the_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peak_memory, "_RESET", tmp_path / "no folder" / "clear_refs")
    with PeakMemory() as peak:
        pass
    assert math.isnan(peak.bytes)


def test_a_system_that_tells_no_peak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peak_memory, "_RESET", tmp_path / "clear_refs")
    monkeypatch.setattr(peak_memory, "_STATUS", tmp_path / "status")
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t     100 kB\n")
    with PeakMemory() as peak:
        pass
    assert math.isnan(peak.bytes)
    (tmp_path / "status").write_text("VmPeak:\t     300 kB\nVmHWM:\t     200 kB\nVmRSS:\t     100 kB\n")
    with peak:
        pass
    assert peak.bytes == 200 * 1024


def test_a_device_that_nothing_is_known_of() -> None:
    with PeakMemory("mps") as peak:
        pass
    assert math.isnan(peak.bytes)


def test_measuring_on_the_cpu_imports_no_torch() -> None:
    code = "import sys; from dsn.peak_memory import PeakMemory\nwith PeakMemory(): pass\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    with PeakMemory("cuda") as large:
        torch.ones(200 * MB, dtype=torch.uint8, device="cuda")
    with PeakMemory("cuda") as nothing:
        pass
    assert 200 * MB <= large.bytes - nothing.bytes < 210 * MB
