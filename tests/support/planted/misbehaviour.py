"""What a trial may do that it should not, as it really happens: in the worker, in the middle of the training.

Add a fault here and the tests of misbehaving trials run it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

AT_EPOCH = 2
"""Epochs that are done before it happens."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A trial that misbehaves.

    Attributes:
        act: what it does, given its training.
        kind: of the failure that is to be recorded.
        message: a part of what ``dsn status --failed`` is to say of it.
        attempts: after how many it is given up.
    """

    act: Callable[[Any], None]
    kind: str
    message: str
    attempts: int = 1


def _raise(_training: Any) -> None:
    raise ValueError("planted")


def _return_nan(training: Any) -> None:
    train_on = training._train_on
    training._train_on = lambda *arguments: replace(train_on(*arguments), loss=float("nan"))


def _exit(_training: Any) -> None:
    sys.exit(7)


def _leave(_training: Any) -> None:
    os._exit(7)


def _kill(_training: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _crash(_training: Any) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang(_training: Any) -> None:
    while True:
        time.sleep(3600)


def _allocate(size: int) -> None:
    import numpy as np

    assert np.ones(size, dtype=np.int8).all()


def _run_out_of_memory(_training: Any) -> None:
    _allocate(2**50)


def _take_300_mb(_training: Any) -> None:
    _allocate(300 * 10**6)


def _take_5_gb(_training: Any) -> None:
    _allocate(5 * 10**9)


def _report_nothing(_training: Any) -> None:
    """Its worker gets no result from it in the end; the trial after it is as ever."""
    import pipeline.trial.training as place

    made = place.TrialResult

    def nothing(**_fields: Any) -> None:
        place.TrialResult = made

    place.TrialResult = nothing


LOST = "killed, or left without a word"

FAULTS: dict[str, Fault] = {
    "raises": Fault(act=_raise, kind="exception", message="planted"),
    "returns NaN": Fault(act=_return_nan, kind="diverged", message="not finite"),
    "calls sys.exit": Fault(act=_exit, kind="exited", message="SystemExit: 7"),
    "calls os._exit": Fault(act=_leave, kind="worker-lost", message=LOST, attempts=3),
    "is killed each time": Fault(act=_kill, kind="worker-lost", message=LOST, attempts=3),
    "crashes": Fault(act=_crash, kind="exited", message="SIGSEGV"),
    "hangs": Fault(act=_hang, kind="time-limit", message="ran longer than resources.time_limit"),
    "runs out of memory": Fault(act=_run_out_of_memory, kind="out-of-memory", message="Unable to allocate"),
    "reports nothing": Fault(act=_report_nothing, kind="no-result", message="came to an end without a result"),
}

_ACTS = {name: fault.act for name, fault in FAULTS.items()} | {
    "takes 300 MB": _take_300_mb,
    "takes 5 GB": _take_5_gb,
}


def plant(training: type, faults: str) -> None:
    """Make trials of ``training`` misbehave: ``faults`` names the fault of each seed, ``3=raises;4=returns NaN``."""
    by_seed = {int(seed): _ACTS[name] for seed, name in (each.split("=") for each in faults.split(";"))}
    train_epoch = training._train_epoch

    def misbehave(self: Any) -> Any:
        if self._seed in by_seed and self.epoch == AT_EPOCH:
            by_seed[self._seed](self)
        return train_epoch(self)

    training._train_epoch = misbehave
