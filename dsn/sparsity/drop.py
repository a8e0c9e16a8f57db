"""Drop rules: a score for every position of a group; the active weights with the LOWEST scores are pruned.

Adding one is a function here, a line in DROP, and its name in ``dsn.config.SparsityConfig.drop``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dsn.sparsity.view import Array, GroupView

DropRule = Callable[[GroupView, np.random.Generator], Array]


def magnitude(view: GroupView, rng: np.random.Generator) -> Array:
    """abs(w): the paper's rule, after SET (Mocanu 2018)."""
    return np.abs(view.weight)


DROP: Mapping[str, DropRule] = {"magnitude": magnitude}
