"""Kernel groups and their exploration regions (paper, Section 3.2): arithmetic that planning and training share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput

SMALLEST_SPARSE_KERNEL = 5
"""The published code leaves layers with shorter kernels dense."""


@dataclass(frozen=True, kw_only=True)
class KernelGroup:
    """Output channels ``start`` to ``stop`` (exclusive), whose kernels may use taps 0 to ``region`` (exclusive).

    ``active`` weights of ``(stop - start) * in_channels * region`` are on, at every moment of training.
    """

    start: int
    stop: int
    region: int
    active: int

    @property
    def channels(self) -> int:
        return self.stop - self.start

    @property
    def block(self) -> tuple[slice, slice, slice]:
        """The positions that the group may use, as an index into an array of its layer's shape."""
        return slice(self.start, self.stop), slice(None), slice(0, self.region)


def kernel_groups(
    sparsity: SparsityConfig, *, out_channels: int, in_channels: int, kernel_size: int
) -> tuple[KernelGroup, ...]:
    """Split a layer's kernels into groups of growing reach.

    Channels are shared out by ``sparsity.group_sizes``, taps by ``sparsity.regions`` and active weights by
    ``sparsity.relative_to``, in exact arithmetic (the published code's floats are off by one in places).

    Raises:
        InvalidInput: some group would get no channel, no tap or no active weight, or the regions cannot hold as many
            weights as the layer is to keep. The published code silently makes fewer groups then, or kernels that stay
            zero.
    """
    number = sparsity.groups
    if kernel_size < number:
        raise InvalidInput(f"must be at most the kernel size, {kernel_size}", key="sparsity.groups", value=number)
    stops = _channel_stops(sparsity, out_channels)
    starts = (0, *stops[:-1])
    bounds = list(zip(starts, stops, regions(sparsity, kernel_size), strict=True))
    sizes = [(stop - start) * in_channels * region for start, stop, region in bounds]
    counts = _active_counts(sparsity, sizes, layer_size=out_channels * in_channels * kernel_size)
    for index, (size, active) in enumerate(zip(sizes, counts, strict=True), start=1):
        if active < 1:
            raise InvalidInput(
                f"leaves no active weight in group {index}, which has {size}",
                key="sparsity.level",
                value=float(1 - sparsity.density),
            )
    return tuple(
        KernelGroup(start=start, stop=stop, region=region, active=active)
        for (start, stop, region), active in zip(bounds, counts, strict=True)
    )


def _active_counts(sparsity: SparsityConfig, sizes: Sequence[int], *, layer_size: int) -> list[int]:
    """How many weights of each region, of ``sizes``, are active in a layer of ``layer_size``.

    Relative to the region: floor(size * (1 - S)) each. Relative to the layer: floor(size * D) each, where the one
    density D makes floor(layer_size * (1 - S)) of all regions together, and what the floors leave over goes to the last
    group; where that becomes full (fewer positions than groups are to stay off), to the one before.

    Raises:
        InvalidInput: D exceeds 1.
    """
    if sparsity.relative_to == "region":
        return [math.floor(size * sparsity.density) for size in sizes]
    wanted, room = math.floor(layer_size * sparsity.density), sum(sizes)
    if wanted > room:
        # Rounded up to the decimals shown, so that what the message asks for is enough.
        least = math.ceil((1 - Fraction(room, layer_size)) * 10_000) / 10_000
        raise InvalidInput(
            f"must be at least {least} when it is relative to the layer: the regions of {sparsity.groups} groups hold "
            f"{room} of its {layer_size} weights",
            key="sparsity.level",
            value=float(1 - sparsity.density),
        )
    counts = [size * wanted // room for size in sizes]
    for index in reversed(range(len(sizes))):
        counts[index] += min(wanted - sum(counts), sizes[index] - counts[index])
    return counts


def regions(sparsity: SparsityConfig, kernel_size: int) -> tuple[int, ...]:
    """How many taps, from the first on, the kernels of each group may use."""
    number = sparsity.groups
    if sparsity.regions == "proportional":
        return tuple(index * kernel_size // number for index in range(1, number + 1))
    return tuple(index * (kernel_size // number) for index in range(1, number + 1))


def _channel_stops(sparsity: SparsityConfig, out_channels: int) -> tuple[int, ...]:
    """Where the channels of each group end.

    Raises:
        InvalidInput: some group would get none.
    """
    number = sparsity.groups
    if sparsity.group_sizes == "balanced":
        if number > out_channels:
            raise InvalidInput(f"must be at most the {out_channels} channels", key="sparsity.groups", value=number)
        return tuple(index * out_channels // number for index in range(1, number + 1))
    run = -(-out_channels // number)
    if run * (number - 1) >= out_channels:
        raise InvalidInput(
            f"{out_channels} channels in runs of {run} fill only {-(-out_channels // run)} groups",
            key="sparsity.groups",
            value=number,
        )
    return tuple(min(index * run, out_channels) for index in range(1, number + 1))
