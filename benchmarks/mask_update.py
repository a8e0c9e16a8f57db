"""One mask update of the default network, against the published way."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from benchmarks.effort import Effort
from benchmarks.interleaved import Steps, take_turns
from benchmarks.made_up import SEED, made_up_config, made_up_data
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.table import Table, Value
from dsn.config import RunConfig, SparsityConfig
from dsn.engines import ENGINES
from dsn.engines.contract import Engine
from dsn.sparsity.trainer import Mask, SparseTrainer

FRACTION = 0.5
"""Part of the active weights that is exchanged: at the start of a training, where it is largest."""

TOTAL_STEPS = 1000
"""Of a training; what is exchanged at step 0 does not depend on it."""

PUBLISHED = "published: two full sorts a group"
SELECTED = "PyTorch: top-k and a permutation of the active and inactive"


def mask_update(effort: Effort) -> list[Table]:
    """The published way, a leaner one, ours, and ours with what an engine has to do for it."""
    say("mask update")
    torch.set_num_threads(1)
    config = made_up_config(SparsityConfig(initial="random", initial_fraction=FRACTION))
    competitors = {
        PUBLISHED: _in_torch(config, published_exchange),
        SELECTED: _in_torch(config, selected_exchange),
        "SparseTrainer.update": _ours(config),
        **{f"with {name}'s weights and masks": _within(config, name) for name in usable_engines()},
    }
    timings = take_turns(competitors, rounds=effort.rounds, block_seconds=effort.block_seconds)
    rows: list[tuple[Value, ...]] = [
        (
            name,
            1e3 * timings.of(name).median,
            None if name == PUBLISHED else timings.speed_up(name, over=PUBLISHED),
        )
        for name in competitors
    ]
    return [
        Table(
            title="Mask update",
            columns={"how": "", "ms": ".2f", "times published": ".2f"},
            rows=rows,
            notes=(
                "Medians, with quartiles, on one thread; processor time; the default network, S=0.8, N=3.",
                f"{FRACTION:.0%} of the active weights are exchanged: pruned by magnitude, grown at random.",
            ),
        )
    ]


Exchange = Callable[[torch.Tensor, torch.Tensor, int, torch.Generator], torch.Tensor]
"""A group's weights and mask, all its taps (channels, inputs, k), its region, and random numbers -> its new mask."""


def published_exchange(
    weight: torch.Tensor, mask: torch.Tensor, region: int, generator: torch.Generator
) -> torch.Tensor:
    """As the published code goes about it: sorts of the dense group, once to prune and once to grow.

    All weights are sorted by magnitude, zeros included, for the threshold under which the active ones go; then all
    positions by a score that puts kept ones first, those inside the region next, in random order, and the rest last.
    """
    active = int((mask != 0).sum().item())
    magnitude = weight.abs()
    ascending, _ = magnitude.reshape(-1).sort()
    threshold = ascending[mask.numel() - active + math.ceil(FRACTION * active) - 1].item()
    kept = magnitude > threshold
    scores = torch.rand(mask.shape, generator=generator)
    scores[:, :, :region] += 10
    scores += 100 * kept
    _, order = scores.reshape(-1).sort(descending=True)
    new = torch.zeros_like(mask)
    new.reshape(-1)[order[:active]] = 1
    return new


def selected_exchange(
    weight: torch.Tensor, mask: torch.Tensor, region: int, generator: torch.Generator
) -> torch.Tensor:
    """The same exchange with selections instead of sorts: top-k on active weights, a permutation of the others."""
    new = mask[:, :, :region].contiguous()
    flat = new.view(-1)
    active = flat.nonzero().squeeze(1)
    count = math.ceil(FRACTION * len(active))
    magnitude = weight[:, :, :region].reshape(-1)[active].abs()
    _, smallest = magnitude.topk(count, largest=False, sorted=False)
    flat[active[smallest]] = 0
    free = (flat == 0).nonzero().squeeze(1)
    flat[free[torch.randperm(len(free), generator=generator)[:count]]] = 1
    whole = torch.zeros_like(mask)
    whole[:, :, :region] = new
    return whole


def _in_torch(config: RunConfig, exchange: Exchange) -> Steps:
    engine, _, masks = _network("torch", config)
    groups = [
        (torch.from_numpy(weight[rows]), torch.from_numpy(mask[rows]).float(), group.region)
        for layer, weight, mask in zip(engine.sparse_layers, engine.weights(), masks, strict=True)
        for group in layer.groups
        for rows in [slice(group.start, group.stop)]
    ]
    generator = torch.Generator().manual_seed(SEED)

    def run(number: int) -> None:
        for _ in range(number):
            for weight, mask, region in groups:
                exchange(weight, mask, region, generator)

    return run


def _ours(config: RunConfig) -> Steps:
    """The trainer alone, on weights that are there."""
    engine, trainer, masks = _network("torch", config)
    weights = engine.weights()

    def run(number: int) -> None:
        for _ in range(number):
            trainer.update(weights, masks, step=0, total_steps=TOTAL_STEPS)

    return run


def _within(config: RunConfig, name: str) -> Steps:
    """All of it, again and again: the engine's weights, new masks, and these back into the engine."""
    engine, trainer, masks = _network(name, config)

    def run(number: int) -> None:
        nonlocal masks
        for _ in range(number):
            update = trainer.update(engine.weights(), masks, step=0, total_steps=TOTAL_STEPS)
            masks = update.masks
            engine.set_masks(masks, update.grown)

    return run


def _network(name: str, config: RunConfig) -> tuple[Engine, SparseTrainer, list[Mask]]:
    engine = ENGINES[name](config, made_up_data(batch=2, length=50), seed=SEED, device="cpu")
    trainer = SparseTrainer(engine.sparse_layers, config.sparsity, SEED)
    masks = trainer.initial_masks()
    engine.set_masks(masks)
    return engine, trainer, masks
