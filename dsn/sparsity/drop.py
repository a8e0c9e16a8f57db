"""Drop rules: a score for every position of a group; the active weights with the LOWEST scores are pruned.

Equal scores go to the lower position, NaN is pruned last. Adding a rule is a function here, a line in DROP, and its
name in ``dsn.config.SparsityConfig.drop``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dsn.sparsity.view import Array, GroupView, Rule


def magnitude(view: GroupView, rng: np.random.Generator) -> Array:
    """abs(w): the paper's rule, as in RigL (Evci 2020) and SNFS (Dettmers 2019)."""
    return np.abs(view.weight)


def smallest_of_each_sign(view: GroupView, rng: np.random.Generator) -> Array:
    """SET (Mocanu 2018): the smallest positive and the largest negative weights, the same fraction of either.

    The score is the rank of abs(w) among the n active weights of its sign, as (rank + 1/2) / n with ranks from 0. Of r
    weights to be pruned, each sign then gives up its share, r times its part of the weights, rounded to the nearest
    (of two equally near ones the lower position decides); where all have one sign, this is ``magnitude``. A weight of
    exactly zero has no sign and scores 0: it goes first. Equal weights rank by position.

    SET prunes up to two thresholds, so that ties and rounding change how many go; here their number is exact.
    """
    scores = np.zeros(view.weight.shape)
    for of_sign in (view.weight > 0, view.weight < 0):  # neither holds where a weight is not active
        where = np.flatnonzero(of_sign)
        order = _stable_order(np.abs(view.weight).reshape(-1)[where])
        scores.reshape(-1)[where[order]] = (np.arange(where.size) + 0.5) / where.size
    scores[np.isnan(view.weight)] = np.nan
    return scores


def _stable_order(values: Array) -> NDArray[np.intp]:
    """``np.argsort(values, kind="stable")``, by NumPy's faster sort where no two values are equal."""
    order = np.argsort(values)
    ascending = values[order]
    distinct = bool((ascending[1:] > ascending[:-1]).all())
    return order if distinct else np.argsort(values, kind="stable")


def sensitivity(view: GroupView, rng: np.random.Generator) -> Array:
    """abs(w * g): how much the loss of the last mini-batch would change without the weight, to first order.

    One rule of two names. SNIP (Lee 2019) scores abs(w * g), Taylor-FO (Molchanov 2019) (w * g)^2, which puts single
    weights in the same order; what sets the two apart in their papers does not arise here: SNIP prunes once, before
    training, by one batch, and Taylor-FO adds its scores up over the weights of a channel and averages them over many
    batches. The code of Nowak 2023 has both for single weights and one batch, as here.

    In float64, where the product of two float32 numbers neither rounds nor underflows.
    """
    assert view.gradient is not None, "the engine was not asked for the gradient"
    return np.abs(view.weight.astype(np.float64) * view.gradient)


def random(view: GroupView, rng: np.random.Generator) -> Array:
    """Uniform: what any criterion must beat (Nowak 2023)."""
    return rng.random(view.weight.shape)


_SENSITIVITY = Rule(score=sensitivity, needs=frozenset({"gradient"}))

DROP: Mapping[str, Rule] = {
    "magnitude": Rule(score=magnitude),
    "set": Rule(score=smallest_of_each_sign),
    "snip": _SENSITIVITY,
    "taylor": _SENSITIVITY,
    "random": Rule(score=random),
}
"""Names of one and the same rule share an entry: whoever compares configurations can tell that they are one."""
