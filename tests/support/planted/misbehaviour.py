"""What a trial may do that it should not, as it really happens: in the worker, in the middle of the training.

Add a fault here and the tests of misbehaving trials run it.
"""

from __future__ import annotations

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
    """

    act: Callable[[Any], None]
    kind: str
    message: str


def _raise(_training: Any) -> None:
    raise ValueError("planted")


def _return_nan(training: Any) -> None:
    train_on = training._train_on
    training._train_on = lambda *arguments: replace(train_on(*arguments), loss=float("nan"))


FAULTS: dict[str, Fault] = {
    "raises": Fault(act=_raise, kind="exception", message="planted"),
    "returns NaN": Fault(act=_return_nan, kind="diverged", message="not finite"),
    # Once they are told apart and acted upon: exits (SystemExit, os._exit), hangs past its time limit, allocates more
    # than its memory, reports nothing.
}


def plant(training: type, faults: str) -> None:
    """Make trials of ``training`` misbehave: ``faults`` names the fault of each seed, ``3=raises;4=returns NaN``."""
    by_seed = {int(seed): FAULTS[name] for seed, name in (each.split("=") for each in faults.split(";"))}
    train_epoch = training._train_epoch

    def misbehave(self: Any) -> Any:
        if self._seed in by_seed and self.epoch == AT_EPOCH:
            by_seed[self._seed].act(self)
        return train_epoch(self)

    training._train_epoch = misbehave
