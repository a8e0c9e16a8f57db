"""How many topologies dynamic sparse training can choose from (paper, Equations 5 to 7), as a common logarithm.

A topology says which weights of the sparse layers are active. A set of n positions, a of them active, has C(n, a) of
them, and independent sets have the product of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from dsn.architecture import LayerPlan
from dsn.config import ModelConfig


def log10_topologies(
    layers: Sequence[LayerPlan], model: ModelConfig, *, within: Literal["layers", "groups", "regions"] = "regions"
) -> float:
    """log10 of the number of topologies that a network can have; 0 when it is dense.

    Each number that ``within`` can ask for is at most the one before it, which counts the same topologies and more: all
    three are at the network's own numbers of active weights, and only where these may lie differs.

    Whether the network explores, and how many topologies training has the time to visit, is no part of it. The result
    is off by less than 1e-15 * log10(n!) for each set of n positions, thus by less than 1e-8 for the paper's networks.

    Args:
        layers: the network's layers; the dense ones among them have one topology.
        model: its shape.
        within: where active weights may lie. ``layers``: anywhere in their layer, of n = channels * inputs * taps
            positions (Equation 5). ``groups``: in their kernel group, the group's number of them at any of its
            channels * inputs * taps positions (Equation 6). ``regions``: in the first taps of their group, up to its
            region, as in a DSN (Equation 7).
    """
    return math.fsum(_log10_choices(positions, active) for positions, active in _sets(layers, model, within))


def _sets(layers: Sequence[LayerPlan], model: ModelConfig, within: str) -> Iterator[tuple[int, int]]:
    """The positions and active weights of every set within which active weights may move."""
    for layer in layers:
        if layer.groups is None:
            continue
        if within == "layers":
            yield model.channels * layer.sparse_inputs * model.kernel_size, layer.active
            continue
        for group in layer.groups:
            taps = group.region if within == "regions" else model.kernel_size
            yield group.channels * layer.sparse_inputs * taps, group.active


def _log10_choices(positions: int, active: int) -> float:
    """log10 of the binomial coefficient C(positions, active)."""
    inactive = positions - active
    return (math.lgamma(positions + 1) - math.lgamma(active + 1) - math.lgamma(inactive + 1)) / math.log(10)
