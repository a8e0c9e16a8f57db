"""What figures were measured on, and whether it was quiet."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version

import torch

from dsn.native.library import NativeUnavailable, load_library
from pipeline.trial.provenance import code_provenance, processor_name

BUSY_LOAD = 0.5
QUIET_SHARE = 0.97


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine at one moment.

    Attributes:
        facts: processor, instruction sets and versions, as text by name.
        load: processes that wanted a core in the last minute, on average.
        share: the part of a core that this process got when it wanted a whole one.
    """

    facts: dict[str, str]
    load: float
    share: float

    @property
    def warning(self) -> str | None:
        """Why figures will scatter; None on a quiet machine."""
        if self.load <= BUSY_LOAD and self.share >= QUIET_SHARE:
            return None
        return "the machine is busy; figures will scatter, absolute times above all"

    def described(self) -> dict[str, str]:
        """All of it as text by name."""
        lines = {**self.facts, "load": f"{self.load:.2f}, and this process gets {self.share:.0%} of a core"}
        return {**lines, "warning": self.warning} if self.warning else lines


def this_machine() -> Machine:
    """As it is now."""
    code = code_provenance()
    facts = {
        "processor": f"{processor_name()}, {len(os.sched_getaffinity(0))} usable threads",
        "native engine": _native(),
        "PyTorch": f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}",
        "Python": f"{platform.python_version()}, NumPy {version('numpy')}",
        "dsn-pipeline": f"{code['version']}, {code['revision']}",
    }
    return Machine(facts=facts, load=os.getloadavg()[0], share=core_share())


def core_share(seconds: float = 0.2) -> float:
    """The part of a core that this process gets when it wants a whole one for so long."""
    start, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        pass
    return min(1.0, (time.process_time() - used) / (time.perf_counter() - start))


def _native() -> str:
    try:
        return load_library().instruction_set
    except NativeUnavailable as error:
        return str(error)
