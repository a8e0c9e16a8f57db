"""What a drop or grow rule is, and what it may look at: one group's block of one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupView:
    """Arrays of shape (channels, in_channels, region), read-only by agreement.

    Attributes:
        weight: current values, exactly zero where not active.
        active: the current mask.
        covered: positions that have been active at some time since the start, the present ones included.
        gradient: of the loss of the last mini-batch with respect to every position, the inactive ones included; None
            when no rule in use needs it.
        momentum: Adam's first moment at every position, the inactive ones included; None when no rule in use needs it.
    """

    weight: Array
    active: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    gradient: Array | None = None
    momentum: Array | None = None


Measurement = Literal["gradient", "momentum"]
"""What an engine must supply for some rules beyond the weights."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A drop or grow rule.

    Attributes:
        score: (a group's view, the exploration stream) -> a score for every position, in the view's shape. Scores may
            be equal or NaN; positions that do not compete have one too, which nobody reads.
        needs: the measurements that it reads.
    """

    score: Callable[[GroupView, np.random.Generator], Array]
    needs: frozenset[Measurement] = frozenset()
