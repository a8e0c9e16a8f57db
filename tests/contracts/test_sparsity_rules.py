"""One suite over every topology, drop rule and grow rule: what the trainer promises whatever a rule returns."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from dsn.config import SparsityConfig
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.regions import kernel_groups
from dsn.sparsity.topology import INITIAL
from dsn.sparsity.trainer import SparseLayer, SparseTrainer, top_positions

SHAPE = (7, 3, 11)  # neither channels nor taps divide by the number of groups
RULES = list(itertools.product(DROP, GROW, INITIAL))
UPDATES = 12


def _layers(sparsity: SparsityConfig, shape: tuple[int, int, int] = SHAPE) -> list[SparseLayer]:
    out, cin, k = shape
    groups = kernel_groups(sparsity, out_channels=out, in_channels=cin, kernel_size=k)
    return [SparseLayer(shape=shape, groups=groups)] * 2


def _sparsity(drop: str, grow: str, initial: str) -> SparsityConfig:
    return replace(SparsityConfig(level=0.7, groups=3), drop=drop, grow=grow, initial=initial)


def _counts(layer: SparseLayer, mask: np.ndarray) -> list[int]:
    """Active weights of each group inside its region; asserts that there are none elsewhere."""
    inside = [int(mask[g.start : g.stop, :, : g.region].sum()) for g in layer.groups]
    assert sum(inside) == mask.sum()
    return inside


def _run(sparsity: SparsityConfig, values: str, seed: int = 0) -> list[np.ndarray]:
    """Masks after several updates with made-up weights and gradients; counts and regions are checked at each."""
    layers = _layers(sparsity)
    trainer = SparseTrainer(layers, sparsity, seed)
    masks = trainer.initial_masks()
    rng = np.random.default_rng(1)
    for update in range(UPDATES):
        weights = [_values(values, mask.shape, rng) * mask for mask in masks]
        gradients = [_values(values, mask.shape, rng) for mask in masks] if trainer.needs_gradient else None
        before = [mask.copy() for mask in masks]
        updated = trainer.update(weights, masks, gradients, step=update, total_steps=UPDATES)
        for layer, old, kept, new, grown in zip(layers, before, masks, updated.masks, updated.grown, strict=True):
            assert np.array_equal(old, kept), "the arguments of an update are left alone"
            assert _counts(layer, new) == [group.active for group in layer.groups]
            assert new[grown].all()
            assert grown[new & ~old].all()
        masks = updated.masks
    return masks


def _values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "ties":
        return np.ones(shape)
    if kind == "dead channels":
        return rng.normal(size=shape) * (np.arange(shape[0]) % 2)[:, None, None]
    return np.where(rng.random(shape) < 0.3, np.nan, rng.normal(size=shape))


@pytest.mark.parametrize("initial", INITIAL)
def test_initial_masks_have_exact_counts_inside_their_regions(initial: str) -> None:
    sparsity = _sparsity("magnitude", "random", initial)
    layers = _layers(sparsity)
    for layer, mask in zip(layers, SparseTrainer(layers, sparsity, 0).initial_masks(), strict=True):
        assert _counts(layer, mask) == [group.active for group in layer.groups]


@pytest.mark.parametrize("values", ["normal", "ties", "dead channels", "not a number"])
@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_counts_stay_exact_at_every_update(drop: str, grow: str, initial: str, values: str) -> None:
    _run(_sparsity(drop, grow, initial), values)


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_a_group_with_one_active_weight_keeps_one(drop: str, grow: str, initial: str) -> None:
    sparsity = replace(_sparsity(drop, grow, initial), level=0.96, groups=1)
    layers = _layers(sparsity, (5, 1, 6))
    assert [group.active for group in layers[0].groups] == [1]
    trainer = SparseTrainer(layers, sparsity, 0)
    masks = trainer.initial_masks()
    ones = [np.ones(mask.shape) for mask in masks]
    masks = trainer.update([mask * 1.0 for mask in masks], masks, ones, step=0, total_steps=2).masks
    assert [int(mask.sum()) for mask in masks] == [1, 1]


@pytest.mark.parametrize(("drop", "grow", "initial"), RULES)
def test_masks_depend_on_the_seed_alone(drop: str, grow: str, initial: str) -> None:
    sparsity = _sparsity(drop, grow, initial)
    first = _run(sparsity, "normal")
    np.random.seed(99)  # noqa: NPY002  # the global state that nothing may read
    assert all(np.array_equal(a, b) for a, b in zip(first, _run(sparsity, "normal"), strict=True))


def test_masks_are_the_same_in_another_process() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import hashlib, test_sparsity_rules as t\n"
        "masks = t._run(t._sparsity('magnitude', 'random', 'random'), 'normal')\n"
        "print(hashlib.sha256(b''.join(mask.tobytes() for mask in masks)).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, str(__import__("pathlib").Path(__file__).parent)]
    outputs = {subprocess.run(command, capture_output=True, check=True, text=True).stdout for _ in range(2)}
    assert len(outputs) == 1
    assert len(outputs.pop().strip()) == 64


@pytest.mark.parametrize("grow", GROW)
def test_the_smallest_are_dropped_and_kept_ones_stay(grow: str) -> None:
    sparsity = replace(SparsityConfig(level=0.5, groups=1, initial_fraction=0.5, final_fraction=0.5), grow=grow)
    layers = _layers(sparsity, (2, 1, 10))[:1]
    trainer = SparseTrainer(layers, sparsity, 0)
    mask = np.zeros((2, 1, 10), dtype=bool)
    mask[0] = True
    weight = np.where(mask, np.arange(20.0).reshape(2, 1, 10) + 1, 0.0)
    (updated,) = trainer.update([weight], [mask], [np.zeros(mask.shape)], step=0, total_steps=10).masks
    assert updated[0, 0, 5:].all(), "the five largest stay"
    assert updated.sum() == 10


def test_gradient_growth_takes_the_largest_gradients_and_may_take_back_what_was_pruned() -> None:
    sparsity = SparsityConfig(level=0.5, groups=1, grow="gradient", initial_fraction=0.5, final_fraction=0.5)
    layers = _layers(sparsity, (2, 1, 10))[:1]
    mask = np.zeros((2, 1, 10), dtype=bool)
    mask[0] = True
    weight = np.where(mask, np.arange(20.0).reshape(2, 1, 10) + 1, 0.0)
    gradient = np.zeros((2, 1, 10))
    gradient[0, 0, 0] = 9  # pruned in this very update, and wanted back
    gradient[1, 0, [2, 3, 4, 5]] = -5
    gradient[0, 0, 9] = 100  # kept: it competes for nothing
    update = SparseTrainer(layers, sparsity, 0).update([weight], [mask], [gradient], step=0, total_steps=10)
    (updated,), (grown,) = update.masks, update.grown
    assert np.flatnonzero(updated[0, 0]).tolist() == [0, 5, 6, 7, 8, 9]
    assert np.flatnonzero(updated[1, 0]).tolist() == [2, 3, 4, 5]
    assert [np.flatnonzero(row).tolist() for row in grown[:, 0]] == [[0], [2, 3, 4, 5]]


def test_sequential_initialisation_fills_tap_by_tap() -> None:
    sparsity = SparsityConfig(level=0.5, groups=1)
    layers = _layers(sparsity, (2, 2, 5))[:1]
    (mask,) = SparseTrainer(layers, sparsity, 0).initial_masks()
    # 10 of 20: taps 0 and 1 of all four kernels, then tap 2 of (out 0, in 0) and (out 0, in 1).
    assert mask.transpose(2, 0, 1).reshape(-1).tolist() == [True] * 10 + [False] * 10


def test_ties_go_to_the_lower_position_and_nan_ranks_last() -> None:
    scores = np.array([1.0, np.nan, 1.0, 2.0, 1.0])
    eligible = np.array([True, True, True, True, False])
    assert top_positions(scores, eligible, 3).tolist() == [3, 0, 2]
    assert top_positions(scores, eligible, 4).tolist() == [3, 0, 2, 1]


def test_what_is_covered_is_the_union_of_all_masks() -> None:
    sparsity = _sparsity("magnitude", "random", "random")
    layers = _layers(sparsity)
    trainer = SparseTrainer(layers, sparsity, 0)
    masks = trainer.initial_masks()
    union = [mask.copy() for mask in masks]
    rng = np.random.default_rng(1)
    for step in range(3):
        masks = trainer.update(
            [rng.normal(size=SHAPE) * mask for mask in masks], masks, None, step=step, total_steps=9
        ).masks
        union = [old | new for old, new in zip(union, masks, strict=True)]
    assert all(np.array_equal(covered, whole) for covered, whole in zip(trainer.covered, union, strict=True))
    resumed = SparseTrainer(layers, sparsity, 0)
    resumed.load_state_dict(trainer.state_dict())
    assert all(np.array_equal(covered, whole) for covered, whole in zip(resumed.covered, union, strict=True))
