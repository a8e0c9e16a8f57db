"""Grow rules: a score for every position of a group; the inactive weights with the HIGHEST scores are activated.

Positions pruned in the same update compete like all others (published code); the kept ones never do. Equal scores go to
the lower position, NaN is grown last. Adding a rule is a function here, a line in GROW, and its name in
``dsn.config.SparsityConfig.grow``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsn.sparsity.view import Array, GroupView, Rule


def random(view: GroupView, rng: np.random.Generator) -> Array:
    """Uniform: the paper's rule, after SET (Mocanu 2018)."""
    return rng.random(view.weight.shape)


def gradient(view: GroupView, rng: np.random.Generator) -> Array:
    """abs of the dense gradient of the last mini-batch: RigL (Evci 2020), the paper's DSN-grad."""
    assert view.gradient is not None, "the engine was not asked for the gradient"
    return np.abs(view.gradient)


def momentum(view: GroupView, rng: np.random.Generator) -> Array:
    """abs of the running mean of dense gradients: SNFS (Dettmers 2019), within each group.

    The mean is Adam's first moment, where SNFS has SGD's momentum (and its code, under Adam, that moment divided by the
    root of the second). SNFS also moves weights between layers; here a group's number of active weights is fixed.
    """
    assert view.momentum is not None, "the engine was not asked for the momentum"
    return np.abs(view.momentum)


def least_covered(view: GroupView, rng: np.random.Generator) -> Array:
    """Uniform over positions never active so far and, where they do not suffice, over the rest.

    Ours: it raises what ITOP (Liu 2021) finds accuracy to follow, the part of all positions explored over time, as fast
    as random growth can. ITOP itself leaves the growth rule as it is.
    """
    # Exact: subtracting 1 keeps distinct draws from [0, 1) distinct, adding 1 would not.
    return rng.random(view.weight.shape) - view.covered


GROW: Mapping[str, Rule] = {
    "random": Rule(score=random),
    "gradient": Rule(score=gradient, needs=frozenset({"gradient"})),
    "momentum": Rule(score=momentum, needs=frozenset({"momentum"})),
    "least-covered": Rule(score=least_covered),
}
