"""A bound on what a process may allocate, so that a trial which wants too much fails alone, and can say so."""

from __future__ import annotations

import resource
from pathlib import Path


def limit_memory(more: int | None) -> None:
    """Let this process allocate ``more`` bytes than it has now; None lifts the limit.

    What is counted is private writable memory (RLIMIT_DATA): not the address space, of which Ray and PyTorch map far
    more than they use. Whoever asks for more is refused by the allocator: MemoryError, or PyTorch's own words for it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = most if more is None else allocated() + more
    resource.setrlimit(resource.RLIMIT_DATA, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def allocated() -> int:
    """Bytes of private writable memory that this process has."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmData:"))
    return int(kilobytes) * 1024
