"""What a drop or grow rule may look at: one group's block of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
            when the rule in use did not ask for it.
    """

    weight: Array
    active: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    gradient: Array | None
