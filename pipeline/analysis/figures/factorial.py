"""Pairs of factors whose values a study combines with each other, and what every combination reaches: data, no drawing.

The heat map and the interaction plot draw the same cells.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.analysis import statistics
from pipeline.analysis.grids import ARM, grid_of
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_label, setting_name
from pipeline.wording import listed

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 3

COLUMNS = ("first", "second", "arms", "mean", "std", "low", "high", "seeds", "parameters", "flops")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two factors, some of whose values are all combined with each other.

    Attributes:
        first, second: their keys, or ``ARM``; the second has at least as many values.
        cells: (value of the first, value of the second), as a study file spells them -> the arms that have them, one
            for each combination of the ``others``, which are the same in all cells.
        others: the other factors, over which a cell is a mean.
        left_out: arms that have both factors, and others in combinations that some cells lack.
    """

    first: str
    second: str
    cells: Mapping[tuple[str, str], tuple[str, ...]]
    others: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def first_values(self) -> tuple[str, ...]:
        """In the order in which axes have them."""
        return ordered(value for value, _ in self.cells)

    @property
    def second_values(self) -> tuple[str, ...]:
        """In the order in which axes have them."""
        return ordered(value for _, value in self.cells)


def pairs(results: StudyResults) -> list[Pair]:
    """All pairs of the study, in the order of its file; the arms of the file are a factor if several take factors."""
    grid = grid_of(results)
    settings = {
        arm: {key: value for key, value in values.items() if key != ARM or len(grid.names) > 1}
        for arm, values in grid.values.items()
        if values[ARM] in grid.names
    }
    keys = dict.fromkeys(key for combination in settings.values() for key in combination)
    return [pair for first, second in itertools.combinations(keys, 2) for pair in _pair(settings, first, second)]


def _pair(settings: Mapping[str, Mapping[str, str]], first: str, second: str) -> Iterator[Pair]:
    """The pair, if its values are crossed."""
    blocks: dict[tuple[tuple[str, str], ...], dict[tuple[str, str], str]] = {}
    for arm, combination in settings.items():
        if {first, second} <= combination.keys():
            others = tuple((key, value) for key, value in combination.items() if key not in (first, second))
            blocks.setdefault(others, {})[combination[first], combination[second]] = arm
    if not blocks:
        return
    # A mean over other factors is fair where every cell has the same of them: those with the most cells, all alike.
    most = max(blocks.values(), key=len).keys()
    whole = [others for others, block in blocks.items() if block.keys() == most]
    rows, columns = (len({cell[at] for cell in most}) for at in (0, 1))
    if not _crossed(most):
        return
    turned = rows > columns
    yield Pair(
        first=second if turned else first,
        second=first if turned else second,
        cells={(cell[::-1] if turned else cell): tuple(blocks[others][cell] for others in whole) for cell in most},
        others=tuple(key for key, _ in whole[0]),
        left_out=tuple(arm for others, block in blocks.items() if others not in whole for arm in block.values()),
    )


def _crossed(cells: Any) -> bool:
    """Whether some two values of one are both combined with two of the other: zipped and one at a time they are not."""
    by_first: dict[str, set[str]] = {}
    for first, second in cells:
        by_first.setdefault(first, set()).add(second)
    return any(len(one & other) > 1 for one, other in itertools.combinations(by_first.values(), 2))


def ordered(values: Iterator[str]) -> tuple[str, ...]:
    """Distinct values as axes have them: words as they come, then numbers ascending."""
    distinct = dict.fromkeys(values)
    words = [value for value in distinct if as_number(value) is None]
    return (*words, *sorted((value for value in distinct if value not in words), key=float))


def as_number(value: str) -> float | None:
    """The finite number that a value spells, if it does."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def pair_cells(results: StudyResults, pair: Pair) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What each cell reaches and costs, and the data sets that this is a mean over.

    They are those of ``statistics.arm_means``. Columns are ``COLUMNS``: ``mean`` of the cell's arms, each of which
    weighs the same, a fraction; ``std``, the sample standard deviation over ``seeds`` of a seed's mean, and from
    ``low`` to ``high`` the 95% interval of their mean (``intervals.t_interval``), NaN for fewer than two. Cells of
    which an arm has no result have no row.
    """
    means, shared = results.arm_means
    return _cells(pair, means.set_index("arm"), _seed_means(results, shared)), shared


def pair_cells_by_dataset(results: StudyResults, pair: Pair) -> pd.DataFrame:
    """The same on each data set on which the arms with results have the same seeds: ``dataset`` and ``COLUMNS``, whose
    costs are NaN."""
    import pandas as pd

    cells = results.accuracy_cells
    frames = []
    for dataset in statistics.shared_datasets(cells):
        means = cells[(cells["dataset"] == dataset) & (cells["done"] > 0)].set_index("arm")
        means = means.assign(parameters=math.nan, flops=math.nan)
        frames.append(_cells(pair, means, _seed_means(results, (dataset,))).assign(dataset=dataset))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["dataset", *COLUMNS])


def _seed_means(results: StudyResults, datasets: tuple[str, ...]) -> pd.DataFrame:
    """(seed, arm) of mean accuracy over ``datasets``; NaN unless the arm is done on all of them with that seed."""
    trials = results.trials
    done = trials[(trials["status"] == "done") & trials["dataset"].isin(datasets)]
    found = done.groupby(["seed", "arm"])["test_accuracy"].agg(["mean", "count"])
    return found["mean"].where(found["count"] == len(datasets)).unstack("arm")


def _cells(pair: Pair, means: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from pipeline.analysis.inference.intervals import t_interval  # imports scipy, which takes a while

    known = means.index[means["mean"].notna()]
    rows = []
    for (first, second), arms in pair.cells.items():
        if set(arms) <= set(known):
            own, each = means.loc[list(arms)], seeds[list(arms)].dropna().mean(axis=1)
            said = {"first": first, "second": second, "arms": arms, "mean": float(own["mean"].mean())}
            said |= dict(zip(("low", "high"), t_interval(each.tolist()), strict=True))
            said |= {"std": float(each.std(ddof=1)), "seeds": len(each)}
            rows.append(said | {cost: float(own[cost].mean()) for cost in ("parameters", "flops")})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pair_notes(pair: Pair, found: Sequence[Pair], drawn: tuple[int, int | None]) -> list[str]:
    """What a figure of ``pair`` averages over and leaves out; the first of the ``found`` says which have no figure.

    Args:
        pair: that the figure is of.
        found: all that there are.
        drawn: at most so many values of the first factor and of the second are; None: all.
    """
    notes = []
    if pair.others:
        notes.append(f"Means are also over {listed([setting_label(key) for key in pair.others])}.")
    if pair.left_out:
        notes.append(f"Without {listed(pair.left_out, between='; ')}, whose other factors some cells lack.")
    factors = ((pair.first, pair.first_values), (pair.second, pair.second_values))
    for (key, values), most in zip(factors, drawn, strict=True):
        if most is not None and len(values) > most:
            notes.append(f"Only the first {most} of {len(values)} values of {setting_name(key)} are drawn.")
    if pair is found[0] and len(found) > MOST_PAIRS:
        rest = [f"{setting_label(each.first)} by {setting_label(each.second)}" for each in found[MOST_PAIRS:]]
        notes.append(f"Only the first {MOST_PAIRS} pairs of factors have a figure, not {listed(rest, between='; ')}.")
    return notes
