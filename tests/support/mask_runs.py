"""Masks of any drop rule, grow rule and topology over a few updates of made-up arrays; a group as a rule sees it."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dsn.config import SparsityConfig
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.regions import kernel_groups
from dsn.sparsity.schedule import exchanged_fraction
from dsn.sparsity.topology import INITIAL
from dsn.sparsity.trainer import MaskUpdate, SparseLayer, SparseTrainer
from dsn.sparsity.view import GroupView

Shape = tuple[int, int, int]

SHAPE: Shape = (7, 3, 11)  # neither channels nor taps divide by the number of groups
RULES = list(itertools.product(DROP, GROW, INITIAL))
UPDATES = 8
VALUES = ["normal", "ties", "zeros", "dead channels", "not a number"]


def sparse_layers(sparsity: SparsityConfig, shape: Shape = SHAPE) -> list[SparseLayer]:
    out, cin, k = shape
    groups = kernel_groups(sparsity, out_channels=out, in_channels=cin, kernel_size=k)
    return [SparseLayer(shape=shape, groups=groups)] * 2


def rules_of(drop: str, grow: str, initial: str) -> SparsityConfig:
    return replace(SparsityConfig(level=0.7, groups=3), drop=drop, grow=grow, initial=initial)


def counts_inside(layer: SparseLayer, mask: np.ndarray) -> list[int]:
    """Active weights of each group inside its region; asserts that there are none elsewhere."""
    inside = [int(mask[g.start : g.stop, :, : g.region].sum()) for g in layer.groups]
    assert sum(inside) == mask.sum()
    return inside


def made_values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    normal = rng.normal(size=shape).astype(np.float32)
    if kind == "normal":
        return normal
    if kind == "ties":
        return np.ones(shape, dtype=np.float32)
    if kind == "zeros":
        return np.zeros(shape, dtype=np.float32)
    if kind == "dead channels":
        return normal * (np.arange(shape[0]) % 2)[:, None, None].astype(np.float32)
    return np.where(rng.random(shape) < 0.3, np.float32(np.nan), normal)


def made_update(
    trainer: SparseTrainer, masks: list[np.ndarray], values: str, rng: np.random.Generator, at: tuple[int, int]
) -> MaskUpdate:
    """An update at (step, total steps) on made-up arrays that nobody may write into; what was not asked for is None."""
    weights = [np.where(mask, made_values(values, mask.shape, rng), np.float32(0)) for mask in masks]
    gradients, momentum = ([made_values(values, mask.shape, rng) for mask in masks] for _ in range(2))
    for array in (*weights, *masks, *gradients, *momentum):
        array.setflags(write=False)
    return trainer.update(
        weights,
        masks,
        gradients if trainer.needs_gradient else None,
        momentum if trainer.needs_momentum else None,
        step=at[0],
        total_steps=at[1],
    )


def mask_history(sparsity: SparsityConfig, values: str, shape: Shape = SHAPE, seed: int = 0) -> list[np.ndarray]:
    """The masks after each update; every promise on a single update is checked on the way."""
    layers = sparse_layers(sparsity, shape)
    trainer, rng = SparseTrainer(layers, sparsity, seed), np.random.default_rng(1)
    masks, seen = trainer.initial_masks(), []
    for step in range(1, UPDATES + 1):
        update = made_update(trainer, masks, values, rng, (step, UPDATES))
        share = exchanged_fraction(sparsity, step, UPDATES)
        for layer, old, new, grown in zip(layers, masks, update.masks, update.grown, strict=True):
            active = [group.active for group in layer.groups]
            assert counts_inside(layer, new) == active
            assert counts_inside(layer, grown) == [min(math.ceil(share * count), count) for count in active]
            assert new[grown].all(), "what was grown is on"
            assert grown[new & ~old].all(), "what is newly on was grown"
        masks = update.masks
        seen += [mask.copy() for mask in masks]
    return seen


def same_masks(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def digests() -> Iterator[str]:
    for rules in RULES:
        masks = mask_history(rules_of(*rules), "normal")
        yield f"{rules}: {hashlib.sha256(b''.join(mask.tobytes() for mask in masks)).hexdigest()}"


def group_view(
    weight: list[float],
    *,
    active: list[bool] | None = None,
    covered: list[bool] | None = None,
    gradient: list[float] | None = None,
    momentum: list[float] | None = None,
) -> GroupView:
    """A group of one channel and one input; active is what is not zero, unless said otherwise."""
    values = np.array(weight, dtype=np.float32).reshape(1, 1, -1)
    on = values != 0 if active is None else np.array(active).reshape(values.shape)
    return GroupView(
        weight=values,
        active=on,
        covered=on if covered is None else np.array(covered).reshape(values.shape),
        gradient=None if gradient is None else np.array(gradient, dtype=np.float32).reshape(values.shape),
        momentum=None if momentum is None else np.array(momentum, dtype=np.float32).reshape(values.shape),
    )
