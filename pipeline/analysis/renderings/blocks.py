"""Wide tables: which columns stand side by side where not all of them can."""

from __future__ import annotations

from collections.abc import Sequence


def column_blocks(widths: Sequence[int], keys: int, limit: int | None, gap: int = 2) -> list[list[int]]:
    """Indices of the columns of each block: the first ``keys``, then as many others as fit, at least one.

    Args:
        widths: letters of each column.
        keys: columns at the beginning that every block repeats.
        limit: letters of a line; None for no limit.
        gap: letters between two columns.
    """
    repeated = list(range(min(keys, len(widths))))
    blocks = [list(repeated)]
    for index in range(len(repeated), len(widths)):
        used = sum(widths[other] + gap for other in blocks[-1])
        if limit is not None and len(blocks[-1]) > len(repeated) and used + widths[index] > limit:
            blocks.append(list(repeated))
        blocks[-1].append(index)
    return blocks
