"""Kernel groups and their exploration regions (paper, Section 3.2): arithmetic that planning and training share."""

from __future__ import annotations

from dataclasses import dataclass

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


def kernel_groups(
    sparsity: SparsityConfig, *, out_channels: int, in_channels: int, kernel_size: int
) -> tuple[KernelGroup, ...]:
    """Split a layer's kernels into groups of growing reach.

    Channels are shared out by ``sparsity.group_sizes`` and taps by ``sparsity.regions``. Each group has
    floor(channels * in_channels * region * density) active weights, computed exactly (the published code's floats are
    off by one in places).

    Raises:
        InvalidInput: some group would get no channel, no tap or no active weight. The published code silently makes
            fewer groups then, or kernels that stay zero.
    """
    number = sparsity.groups
    if kernel_size < number:
        raise InvalidInput(f"must be at most the kernel size, {kernel_size}", key="sparsity.groups", value=number)
    stops = _channel_stops(sparsity, out_channels)
    starts = (0, *stops[:-1])
    made = []
    bounds = zip(starts, stops, regions(sparsity, kernel_size), strict=True)
    for index, (start, stop, region) in enumerate(bounds, start=1):
        size = (stop - start) * in_channels * region
        active = int(size * sparsity.density)
        if active < 1:
            raise InvalidInput(
                f"leaves no active weight in group {index}, which has {size}",
                key="sparsity.level",
                value=float(1 - sparsity.density),
            )
        made.append(KernelGroup(start=start, stop=stop, region=region, active=active))
    return tuple(made)


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
