"""Grow rules: a score for every position of a group; the inactive weights with the HIGHEST scores are activated.

Positions pruned in the same update compete like all others (published code); the kept ones never do. Adding a rule is
a function here, a line in GROW, and its name in ``dsn.config.SparsityConfig.grow``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dsn.sparsity.view import Array, GroupView


@dataclass(frozen=True, kw_only=True)
class GrowRule:
    """Attributes: ``score``, the rule; ``needs_gradient``, whether an engine must supply the dense gradient."""

    score: Callable[[GroupView, np.random.Generator], Array]
    needs_gradient: bool = False


def random(view: GroupView, rng: np.random.Generator) -> Array:
    """Uniform: the paper's rule, after SET (Mocanu 2018)."""
    return rng.random(view.weight.shape)


def gradient(view: GroupView, rng: np.random.Generator) -> Array:
    """abs of the dense gradient of the last mini-batch: RigL (Evci 2020), the paper's DSN-grad."""
    assert view.gradient is not None, "the engine was not asked for the gradient"
    return np.abs(view.gradient)


GROW: Mapping[str, GrowRule] = {
    "random": GrowRule(score=random),
    "gradient": GrowRule(score=gradient, needs_gradient=True),
}
