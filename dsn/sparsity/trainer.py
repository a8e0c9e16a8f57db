"""The grouped dynamic sparse trainer: turns scores into masks (paper, Algorithm 1; published code).

The one place where masks are made and edited. Whatever a rule returns, each group has exactly its number of active
weights, all inside its region, before and after every update.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.config import SparsityConfig
from dsn.randomness import generator
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.regions import KernelGroup
from dsn.sparsity.schedule import exchanged_fraction
from dsn.sparsity.topology import INITIAL
from dsn.sparsity.view import Array, GroupView, Measurement

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SparseLayer:
    """A layer with masks: the shape of its weight, (out_channels, in_channels, kernel_size), and its kernel groups."""

    shape: tuple[int, int, int]
    groups: tuple[KernelGroup, ...]

    def holds(self, mask: Mask) -> bool:
        """Whether a mask is of the layer's shape and inside the regions of its groups."""
        beyond = (mask[group.start : group.stop, :, group.region :] for group in self.groups)
        return mask.shape == self.shape and not any(outside.any() for outside in beyond)


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskUpdate:
    """What an update did, an array a layer in its weight's shape.

    Attributes:
        masks: the new ones.
        grown: what growth turned on, weights that had been pruned a moment before included: ``moments: fresh`` lets
            the optimiser begin anew there.
    """

    masks: list[Mask]
    grown: list[Mask]


def needed_measurements(sparsity: SparsityConfig) -> frozenset[Measurement]:
    """What mask updates read of an engine beyond the weights: nothing where masks never change."""
    if not sparsity.explore or sparsity.level == "dense":
        return frozenset()
    return DROP[sparsity.drop].needs | GROW[sparsity.grow].needs


def highest(scores: Array, eligible: Mask, count: int) -> Mask:
    """The ``count`` highest scores among the eligible, as a mask.

    Exact whatever the scores are: ties go to the lower position, and NaN ranks below every number. Nothing is sorted;
    partial selection takes linear time.
    """
    flat, competing = scores.reshape(-1), eligible.reshape(-1)
    others = competing.size - int(np.count_nonzero(competing))
    assert count + others <= competing.size, f"{count} wanted of {competing.size - others} eligible positions"
    candidates = competing
    if 0 < 2 * (count + others) < competing.size and not np.isnan(flat).any():
        # Few are not eligible: even if all of them ranked first, those wanted would come right after. To bound the
        # candidates so first is cheaper than to gather them all.
        candidates = competing & (flat >= _nth_highest(flat, count + others))
    positions = np.flatnonzero(candidates)
    chosen = np.zeros(competing.size, dtype=bool)
    chosen[positions[_highest_of_all(flat[positions], count)]] = True
    return chosen.reshape(eligible.shape)


def _highest_of_all(scores: Array, count: int) -> NDArray[np.intp]:
    """Where the ``count`` highest of a list of scores are; ties and NaN as for ``highest``."""
    if count == 0:
        return np.empty(0, dtype=np.intp)
    unknown = np.isnan(scores)
    if unknown.any():
        numbers = np.flatnonzero(~unknown)
        known = min(count, numbers.size)
        best = numbers[_highest_of_all(scores[numbers], known)]
        return np.concatenate([best, np.flatnonzero(unknown)[: count - known]])
    lowest = _nth_highest(scores, count)
    chosen = np.flatnonzero(scores >= lowest)
    surplus = chosen.size - count
    if surplus:
        ties = np.flatnonzero(scores[chosen] == lowest)
        chosen = np.delete(chosen, ties[-surplus:])
    return chosen


def _nth_highest(scores: Array, n: int) -> Any:
    return np.partition(scores, scores.size - n)[scores.size - n]


class SparseTrainer:
    """Makes the initial masks of a network and edits them during training.

    Args:
        layers: the sparse layers, in order from the input.
        sparsity: what to do.
        seed: of the trial; topology and exploration have streams of their own.
    """

    def __init__(self, layers: Sequence[SparseLayer], sparsity: SparsityConfig, seed: int) -> None:
        self._layers = tuple(layers)
        self._sparsity = sparsity
        self._seed = seed
        self._rng = generator(seed, "exploration")
        self._covered = [np.zeros(layer.shape, dtype=bool) for layer in self._layers]

    @property
    def needs_gradient(self) -> bool:
        """Whether ``update`` must be given dense gradients."""
        return "gradient" in needed_measurements(self._sparsity)

    @property
    def needs_momentum(self) -> bool:
        """Whether ``update`` must be given Adam's first moments."""
        return "momentum" in needed_measurements(self._sparsity)

    @property
    def covered(self) -> list[Mask]:
        """The union of all masks so far, an array a layer: what has been explored (ITOP, Liu 2021). Later updates leave
        these arrays as they are."""
        return list(self._covered)

    def initial_masks(self) -> list[Mask]:
        """One mask a layer, in its weight's shape; what is covered begins with them."""
        topology = INITIAL[self._sparsity.initial]
        masks = []
        for index, layer in enumerate(self._layers):
            rng = generator(self._seed, "topology", index)
            mask = np.zeros(layer.shape, dtype=bool)
            for group in layer.groups:
                block = mask[group.block]
                scores = topology(block.shape, rng)
                block[...] = highest(scores, np.ones(block.shape, dtype=bool), group.active)
            masks.append(mask)
        self._covered = [mask.copy() for mask in masks]
        return masks

    def update(
        self,
        weights: Sequence[Array],
        masks: Sequence[Mask],
        gradients: Sequence[Array] | None = None,
        momentum: Sequence[Array] | None = None,
        *,
        step: int,
        total_steps: int,
    ) -> MaskUpdate:
        """One round of pruning and regrowing; the arguments stay as they are.

        Args:
            weights: one a layer, zero where not active.
            masks: the present ones.
            gradients: dense gradients of the last mini-batch; may be None when ``needs_gradient`` is False.
            momentum: Adam's first moments, dense too; may be None when ``needs_momentum`` is False.
            step: mini-batches seen so far.
            total_steps: mini-batches of the whole training.
        """
        fraction = exchanged_fraction(self._sparsity, step, total_steps)
        update = MaskUpdate(masks=[], grown=[])
        for index, layer in enumerate(self._layers):
            mask, grown = masks[index].copy(), np.zeros(layer.shape, dtype=bool)
            for group in layer.groups:
                where = group.block
                view = GroupView(
                    weight=weights[index][where],
                    active=np.ascontiguousarray(masks[index][where]),  # read several times
                    covered=self._covered[index][where],
                    gradient=None if gradients is None else gradients[index][where],
                    momentum=None if momentum is None else momentum[index][where],
                )
                kept, regrown = self._exchange(view, fraction)
                mask[where], grown[where] = kept | regrown, regrown
            update.masks.append(mask)
            update.grown.append(grown)
            self._covered[index] = self._covered[index] | mask  # a new array: the old one may have been handed out
        return update

    def _exchange(self, view: GroupView, fraction: float) -> tuple[Mask, Mask]:
        """Prune ceil(fraction * active) weights of one group and regrow as many among all that were not kept.

        Returns the kept and the grown.
        """
        active = int(np.count_nonzero(view.active))
        count = min(math.ceil(fraction * active), active)
        # Drop ranks upwards from the lowest score, so the trainer negates; NaN scores are then dropped last.
        dropped = highest(-DROP[self._sparsity.drop].score(view, self._rng), view.active, count)
        kept = view.active & ~dropped
        return kept, highest(GROW[self._sparsity.grow].score(view, self._rng), ~kept, count)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs: the exploration stream's position, and what has been covered."""
        return {"exploration": self._rng.bit_generator.state, "covered": self.covered}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["exploration"]
        self._covered = [mask.copy() for mask in state["covered"]]
