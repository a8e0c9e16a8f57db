"""``train_subset``: the part of a training set that is trained on where the whole would take too long.

It is stratified, and fixed: which series it holds depends on their labels and on nothing else, not on the seed of a
trial either, so that all trials of a study are trained on the same series.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsn.data.labels import Texts
from dsn.errors import InvalidData

DRAW: Final = 20_221
"""The seed of the draw. Another number would be another subset under the same name: it never changes."""


def require_subset(size: int | None, *, series: int, classes: int, place: str) -> None:
    """Check that ``size`` of ``series`` training series of ``classes`` classes can be drawn; None asks for all.

    Raises:
        InvalidData: there are fewer, or a class would be left out.
    """
    if size is None:
        return
    if size > series:
        raise InvalidData(
            f"asks for more than the {series} training series", key="train_subset", value=size, place=place
        )
    if size < classes:
        problem = f"leaves out some of the {classes} classes, each of which needs a series"
        raise InvalidData(problem, key="train_subset", value=size, place=place)


def stratified_subset(labels: Texts, size: int) -> NDArray[np.intp]:
    """Positions, ascending, of ``size`` of the series with these ``labels`` (n,); ``require_subset`` holds.

    Every series draws a number, and of each class those of the lowest numbers are taken. The numbers are the bit
    generator's own, whose stream NumPy guarantees; that of ``Generator.choice`` may change with its versions.
    """
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    drawn = np.random.PCG64(DRAW).random_raw(len(labels))
    by_class = np.lexsort((drawn, codes))  # class by class, in each by the number drawn
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    taken = by_class[rank < np.repeat(stratum_sizes(sizes, size), sizes)]
    return np.sort(taken)


def stratum_sizes(sizes: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """How many to take of each class, (classes,), in proportion to ``sizes``, together ``total``.

    By largest remainder, of equal ones the first. A class whose share is less than 1 gets 1; the others share the rest.
    At least 1 and at most ``sizes`` of each, for a ``total`` from the number of classes to the sum of ``sizes``.
    """
    counts = np.ones_like(sizes)
    sharing = np.ones(len(sizes), dtype=np.bool_)
    while True:
        rest, among = total - int((~sharing).sum()), int(sizes[sharing].sum())
        small = sharing & (sizes * rest < among)
        if not small.any():
            break
        sharing &= ~small
    shares, remainders = np.divmod(sizes[sharing] * rest, among)
    shares[np.argsort(-remainders, kind="stable")[: rest - int(shares.sum())]] += 1
    counts[sharing] = shares
    return counts
