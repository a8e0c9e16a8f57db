"""The most memory that a block of code held. Imports torch only to measure on a GPU."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Self

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Measures what runs inside it::

        with PeakMemory("cpu") as peak:
            train()
        print(peak.bytes)

    Trials follow each other in one process, whose maximum over its life would be that of its largest trial so far;
    so the system's own peak is reset on entry. There is one such peak a process, and one a GPU in it: blocks must
    neither be nested nor run at the same time in two threads, and what other threads hold counts as well.

    Attributes:
        bytes: NaN until the block has ended, by an exception or not. Then

            on ``cpu``, the peak resident set of the process: everything that it holds in physical memory, Python, the
            libraries and the data set as well as what the block allocated. It includes what earlier blocks left behind
            in caches and allocators, and the pages of shared memory that were touched, such as those of Ray's object
            store, which several workers may count at once.

            on ``cuda``, the most memory that PyTorch's tensors took on that GPU, as its allocator counts; neither the
            CUDA context (some hundred MB) nor what the allocator keeps in reserve.

            NaN where there is no peak of the block alone: on other devices, on other systems than Linux, and where
            ``/proc/self/clear_refs`` is missing or may not be written, as in some containers. The maximum over the
            process's life is no substitute, since it may be another trial's.
    """

    def __init__(self, device: str = "cpu") -> None:
        """Of a PyTorch device name: ``cpu``, ``cuda``, ``cuda:1``."""
        self.bytes = math.nan
        self._device = device
        self._was_reset = False

    def __enter__(self) -> Self:
        self.bytes = math.nan
        self._was_reset = _reset(self._device)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._was_reset:
            self.bytes = _peak(self._device)


def _is_cuda(device: str) -> bool:
    return device.partition(":")[0] == "cuda"


def _reset(device: str) -> bool:
    """Let the peak be what is held now; whether that was possible."""
    if _is_cuda(device):
        import torch

        torch.cuda.current_device()  # Initialises CUDA; before that, PyTorch refuses to reset its counters.
        torch.cuda.reset_peak_memory_stats(device)
        return True
    if device != "cpu":
        return False
    try:
        _RESET.write_text("5", encoding="ascii")  # Linux 4.0 and later: VmHWM := VmRSS.
    except OSError:
        return False
    return True


def _peak(device: str) -> float:
    if _is_cuda(device):
        import torch

        return float(torch.cuda.max_memory_allocated(device))
    with _STATUS.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return 1024.0 * int(value.removesuffix("kB\n"))
    return math.nan
