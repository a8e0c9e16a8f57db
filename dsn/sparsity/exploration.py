"""What exploration did to the masks of a training: a record a kernel group a moment, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dsn.sparsity.trainer import Mask, MaskUpdate, SparseLayer


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupUpdate:
    """One kernel group at one moment: the start of a training, or one of its mask updates.

    Attributes:
        epoch, step: when, in epochs begun and mini-batches seen; both 0 at the start.
        layer, group: which, counted from 1.
        active: weights of the group that are on; it never changes.
        exchanged: weights that were pruned, and as many grown.
        changed: of those grown, the ones that were off before: growth may bring back what has just been pruned.
        covered: positions of the group that have been on at some time so far.
        region: positions that the group may use.
    """

    epoch: int
    step: int
    layer: int
    group: int
    active: int
    exchanged: int
    changed: int
    covered: int
    region: int


def group_updates(
    layers: Sequence[SparseLayer],
    before: Sequence[Mask],
    update: MaskUpdate,
    covered: Sequence[Mask],
    *,
    epoch: int,
    step: int,
) -> Iterator[GroupUpdate]:
    """The record of one mask update, a row a kernel group.

    Args:
        layers: the sparse layers; all else is one array a layer, (C_out, C_in, k).
        before: the masks that were updated.
        update: what came of it.
        covered: the union of all masks so far, the new ones included.
        epoch: as in the record.
        step: as in the record.
    """
    for index, layer in enumerate(layers):
        grown = update.grown[index]
        changed = grown & ~before[index]
        for number, group in enumerate(layer.groups, start=1):
            rows = slice(group.start, group.stop)
            yield GroupUpdate(
                epoch=epoch,
                step=step,
                layer=index + 1,
                group=number,
                active=int(np.count_nonzero(update.masks[index][rows])),
                exchanged=int(np.count_nonzero(grown[rows])),
                changed=int(np.count_nonzero(changed[rows])),
                covered=int(np.count_nonzero(covered[index][rows])),
                region=group.channels * layer.shape[1] * group.region,
            )


def initial_record(layers: Sequence[SparseLayer], masks: Sequence[Mask]) -> Iterator[GroupUpdate]:
    """The record of the initial topology, a row a kernel group: nothing is exchanged yet."""
    nothing = [np.zeros_like(mask) for mask in masks]
    return group_updates(layers, masks, MaskUpdate(masks=list(masks), grown=nothing), masks, epoch=0, step=0)


def itop_rate(updates: Iterable[GroupUpdate], layers: Sequence[SparseLayer]) -> float:
    """Part of the sparse layers' weights that were active at some time: R_s of Liu et al. 2021 (ITOP).

    Of all weights, those outside the regions included: a fixed topology's rate is its density. 1 if no layer is sparse.
    """
    weights = sum(int(np.prod(layer.shape)) for layer in layers)
    last = {(row.layer, row.group): row.covered for row in updates}
    return sum(last.values()) / weights if weights else 1.0


def mask_churn(updates: Iterable[GroupUpdate]) -> float:
    """Part of the active weights, of all groups together, that an update moves to positions that were off before it:
    the mean over updates, 0 where there was none."""
    moments: dict[int, list[GroupUpdate]] = {}
    for row in updates:
        if row.step > 0:
            moments.setdefault(row.step, []).append(row)
    shares = [sum(row.changed for row in rows) / sum(row.active for row in rows) for rows in moments.values()]
    return sum(shares) / len(shares) if shares else 0.0
