"""Which factors matter, and which only together: the analysis of variance of a complete grid, exact.

A grid holds one accuracy for each combination of the factors, on each data set, under each seed. As it is balanced, the
sums of squares of all effects add up to the total, whatever the order in which they are taken (types I, II and III are
the same), and each is a matter of averaging.

What an effect is tested against is how much it differs from block to block. The blocks are the data sets: they are the
sample that a study generalises from, as in its means and its bootstrap, so seeds are averaged before. Seeds count as
repeated measures of one data set and not as further evidence about others; to test against their spread, or to pool it,
would make effects look surer than they are. On a single data set the blocks are its seeds, which are paired across
combinations.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from pipeline.wording import counted, spelled

BLOCKS: Final = ("dataset", "seed")
"""Columns of the frame that are no factors."""

_NOTHING: Final = 1e-12
"""Relative to all squares: below it, squares are the rounding of equal numbers."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A main effect (one factor) or an interaction (several).

    Attributes:
        factors: names.
        squares: sum of squares, points squared.
        df: degrees of freedom.
        f: mean square over that of the residual.
        p: of the F-test.
        partial: partial eta squared: squares / (squares + those of the residual).
    """

    factors: tuple[str, ...]
    squares: float
    df: int
    f: float
    p: float
    partial: float


@dataclass(frozen=True, kw_only=True)
class Anova:
    """How the squares of a grid divide; together they are ``total_squares``.

    Attributes:
        effects: by order, then as the factors were given, up to all factors together.
        block: of ``BLOCKS``, what effects are tested across.
        block_squares, block_df: of the blocks' means.
        residual_squares, residual_df: of the effects' differences from block to block.
        seed_squares, seed_df: of the seeds about the mean of their combination and data set; 0 where seeds are blocks.
            No test uses them.
        total_squares: about the mean of all.
    """

    effects: tuple[Effect, ...]
    block: str
    block_squares: float
    block_df: int
    residual_squares: float
    residual_df: int
    seed_squares: float
    seed_df: int
    total_squares: float


def grid_effects(grid: pd.DataFrame, factors: Sequence[str]) -> Anova | str:
    """The analysis, or the sentence that says why there is none.

    Args:
        grid: a row a result: a column for each of ``factors``, ``BLOCKS``, and ``accuracy``, a fraction.
        factors: at least one, each with two values or more.
    """
    coded = [pd.factorize(grid[name].map(spelled)) for name in (*factors, *BLOCKS)]
    places = tuple(codes for codes, _ in coded)
    levels = [list(values) for _, values in coded]
    counts = np.zeros([len(values) for values in levels], dtype=np.int64)
    assert all(size > 1 for size in counts.shape[: len(factors)]), "a factor that does not vary"
    np.add.at(counts, places, 1)
    if (counts != 1).any():
        return _incomplete(counts, factors, levels)
    accuracies = np.empty(counts.shape)
    accuracies[places] = 100 * grid["accuracy"].to_numpy()
    return _analysis(accuracies, factors)


def _analysis(accuracies: NDArray[np.float64], factors: Sequence[str]) -> Anova | str:
    """Of percentages: an axis for each factor, one for the data sets and one for the seeds."""
    several = accuracies.shape[-2] > 1
    block, seeds = ("dataset", accuracies.shape[-1]) if several else ("seed", 1)
    values = accuracies.mean(axis=-1) if several else accuracies[..., 0, :]  # an axis for each factor, one for blocks
    blocks = values.shape[-1]
    if blocks == 1:
        return "Effects cannot be tested on one data set under one seed: there is nothing that they could differ over."
    across = len(factors)
    chosen = [each for order in range(1, across + 1) for each in itertools.combinations(range(across), order)]
    # Each value of ``values`` stands for as many results as it is a mean of.
    squares = [seeds * _squares(values, each) for each in chosen]
    residual = seeds * sum(_squares(values, (*each, across)) for each in chosen)
    if residual <= _NOTHING * float((accuracies**2).sum()):
        return f"Effects cannot be tested: they are the same {'on every data set' if several else 'under every seed'}."
    df = [int(np.prod([values.shape[axis] - 1 for axis in each])) for each in chosen]
    residual_df = sum(df) * (blocks - 1)
    effects = []
    for each, own, freedom in zip(chosen, squares, df, strict=True):
        f = own / freedom / (residual / residual_df)
        effects.append(
            Effect(
                factors=tuple(factors[axis] for axis in each),
                squares=own,
                df=freedom,
                f=f,
                p=float(special.fdtrc(freedom, residual_df, f)),
                partial=own / (own + residual),
            )
        )
    return Anova(
        effects=tuple(effects),
        block=block,
        block_squares=seeds * _squares(values, (across,)),
        block_df=blocks - 1,
        residual_squares=residual,
        residual_df=residual_df,
        seed_squares=float(((accuracies - accuracies.mean(axis=-1, keepdims=True)) ** 2).sum()) if several else 0.0,
        seed_df=values.size * (seeds - 1),
        total_squares=float(((accuracies - accuracies.mean()) ** 2).sum()),
    )


def _squares(values: NDArray[np.float64], axes: Sequence[int]) -> float:
    """Sum of squares, over all of ``values``, of what these axes do together and no fewer of them do: the mean over the
    other axes, centred along each of these."""
    effect = values
    for axis in range(values.ndim):
        mean = effect.mean(axis=axis, keepdims=True)
        effect = effect - mean if axis in axes else mean
    return float((effect**2).sum()) * values.size / effect.size


def _incomplete(counts: NDArray[np.int64], factors: Sequence[str], levels: Sequence[Sequence[str]]) -> str:
    """What the grid lacks, or has several times."""
    lacking = np.argwhere(counts == 0)
    first = (lacking if len(lacking) else np.argwhere(counts > 1))[0]
    *combination, dataset, seed = (values[at] for values, at in zip(levels, first, strict=True))
    words = ", ".join(f"{name}={value}" for name, value in zip(factors, combination, strict=True))
    place = f"{words} on {dataset} under seed {seed}"
    if not len(lacking):
        return f"An analysis of variance needs one result of each combination; of {place} there are {counts.max()}."
    return (
        "An analysis of variance needs each combination of the factors on each data set under each seed; of "
        f"{counted(counts.size, 'result')} it lacks {len(lacking)}, {'first ' if len(lacking) > 1 else ''}{place}."
    )
