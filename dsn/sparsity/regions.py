"""Kernel groups and their exploration regions (paper, Section 3.2): arithmetic that planning and training share."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

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
    *, out_channels: int, in_channels: int, kernel_size: int, groups: int, density: Fraction
) -> tuple[KernelGroup, ...]:
    """Split a layer's kernels into groups of growing reach, as the published code does.

    Channels are split in runs of ceil(out_channels / groups), the last one shorter. Group i of N (from 1) has the
    region of the first i * floor(k / N) taps, and floor(channels * in_channels * region * density) active weights,
    computed exactly (the published code's floats are off by one in places).

    Raises:
        InvalidInput: some group would get no channel, no tap or no active weight. The published code silently makes
            fewer groups then, or kernels that stay zero.
    """
    run = -(-out_channels // groups)
    step = kernel_size // groups
    if step < 1:
        raise InvalidInput(f"must be at most the kernel size, {kernel_size}", key="sparsity.groups", value=groups)
    if run * (groups - 1) >= out_channels:
        raise InvalidInput(
            f"{out_channels} channels in runs of {run} fill only {-(-out_channels // run)} groups",
            key="sparsity.groups",
            value=groups,
        )
    made = []
    for index in range(groups):
        start, stop = index * run, min((index + 1) * run, out_channels)
        region = (index + 1) * step
        active = int((stop - start) * in_channels * region * density)
        if active < 1:
            raise InvalidInput(
                f"leaves no active weight in group {index + 1}, which has {(stop - start) * in_channels * region}",
                key="sparsity.level",
                value=float(1 - density),
            )
        made.append(KernelGroup(start=start, stop=stop, region=region, active=active))
    return tuple(made)
