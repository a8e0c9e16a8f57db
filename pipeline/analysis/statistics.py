"""What a study's trials say in numbers: accuracy a cell, each arm against the reference, cost.

A cell is one arm on one data set. It holds the test accuracies of its done trials, one a seed. Two cells are comparable
when they have the same done seeds, each once and at least one: then neither is favoured by an easy seed, and means,
wins and losses rest on the same runs. What is not comparable is left out and counted, never filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from pipeline.analysis.wording import rounded_percent
from pipeline.ledger import STATUSES

PLACE = ["dataset", "arm"]
"""The columns that say to which cell a trial belongs."""

COSTS = ("parameters", "active_weights", "flops", "flops_published", "train_seconds")
"""The metrics that say what an arm costs, in the units of ``results.METRICS``."""


def status_counts(trials: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """A row an arm: ``arm, planned`` and a column for each of ``STATUSES``; planned is the sum of the others."""
    unknown = set(trials["status"]) - set(STATUSES)
    assert not unknown, f"statuses that no table knows: {sorted(map(str, unknown))}"
    rows = []
    for arm in arms:
        status = trials.loc[trials["arm"] == arm, "status"]
        rows.append({"arm": arm, "planned": len(status)} | {name: int((status == name).sum()) for name in STATUSES})
    return pd.DataFrame(rows, columns=["arm", "planned", *STATUSES])


def accuracy_cells(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """A row a data set and arm, in that order: ``dataset, arm, planned, done, seeds, mean, std``.

    ``planned`` and ``done`` count trials, ``seeds`` is the sorted tuple of done seeds, ``mean`` and ``std`` are
    fractions of test accuracy over the done trials: the sample standard deviation (ddof = 1), NaN for fewer than two.
    """
    done = _done(trials).groupby(PLACE)
    accuracy = done["test_accuracy"]
    seeds = {place: tuple(sorted(int(seed) for seed in group)) for place, group in done["seed"]}
    columns = {
        "planned": trials.groupby(PLACE).size(),
        "done": accuracy.size(),
        "mean": accuracy.mean(),
        "std": accuracy.std(ddof=1),
    }
    cells = pd.DataFrame(columns, index=_places(arms, datasets)).fillna({"planned": 0, "done": 0})
    cells.insert(
        2, "seeds", pd.Series([seeds.get(place, ()) for place in cells.index], index=cells.index, dtype=object)
    )
    return cells.astype({"planned": int, "done": int}).reset_index()


def comparable(seeds: Iterable[tuple[int, ...]]) -> bool:
    """Whether cells with these done seeds may be compared: the same ones, each once, at least one."""
    distinct = set(seeds)
    if len(distinct) != 1:
        return False
    (only,) = distinct
    return bool(only) and len(set(only)) == len(only)


def shared_datasets(cells: pd.DataFrame) -> tuple[str, ...]:
    """The data sets whose cells are comparable in every arm that has any result, in the order of ``cells``.

    An arm without a single done trial does not count: it would leave no data set at all while it waits.
    """
    started = set(cells.loc[cells["done"] > 0, "arm"])
    known = cells[cells["arm"].isin(started)]
    return tuple(str(name) for name, group in known.groupby("dataset", sort=False) if comparable(group["seeds"]))


def mean_over_datasets(cells: pd.DataFrame, datasets: Sequence[str]) -> dict[str, float]:
    """Arm -> mean over ``datasets`` of its cells' means, a fraction; NaN where a cell has no result or none is given.

    Each data set weighs the same, however many seeds it has.
    """
    chosen = cells[cells["dataset"].isin(datasets)]
    return {
        str(arm): float(chosen.loc[chosen["arm"] == arm, "mean"].mean(skipna=False))
        for arm in cells["arm"].drop_duplicates()
    }


def paired_differences(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """A row for each arm after the first, data set and seed done in both: ``arm, dataset, seed, difference``.

    The difference is the arm's test accuracy minus that of the reference ``arms[0]`` under the same seed (same initial
    weights and batch order), a fraction. Several done trials of one seed in a cell have no pair: none of them is the
    partner.
    """
    done = _done(trials)
    done = done[~done.duplicated([*PLACE, "seed"], keep=False)]
    others = done[[*PLACE, "seed", "test_accuracy"]].rename(columns={"test_accuracy": "own"})
    reference = others[others["arm"] == arms[0]].rename(columns={"own": "reference"}).drop(columns="arm")
    pairs = others.merge(reference, on=["dataset", "seed"])
    pairs = pairs[pairs["arm"].isin(arms[1:]) & pairs["dataset"].isin(datasets)]
    order = pd.DataFrame({"arm": pairs["arm"].map(arms.index), "dataset": pairs["dataset"].map(datasets.index)})
    pairs = pairs.assign(difference=pairs["own"] - pairs["reference"])
    pairs = pairs.loc[order.assign(seed=pairs["seed"]).sort_values(["arm", "dataset", "seed"]).index]
    return pairs[["arm", "dataset", "seed", "difference"]].reset_index(drop=True)


def comparisons(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """A row for each arm after the first: how it does against the reference ``arms[0]``.

    Columns:
        arm.
        wins, ties, losses: data sets in which the arm's mean accuracy, as ``rounded_percent``, is above, equal to or
            below the reference's; only data sets in which the two cells are comparable.
        left_out: the other data sets, so that wins + ties + losses + left_out = the number of data sets.
        difference: the mean over data sets of the mean over seeds of ``paired_differences``, a fraction; NaN without
            pairs. It uses every pair, also of data sets that wins and losses leave out.
        pairs, paired_datasets: how many pairs, and how many data sets with at least one, the difference rests on.
    """
    cells = {
        (cell["dataset"], cell["arm"]): (cell["seeds"], rounded_percent(cell["mean"]))
        for cell in accuracy_cells(trials, arms, datasets).to_dict("records")
    }
    pairs = paired_differences(trials, arms, datasets)
    columns = ["arm", "wins", "ties", "losses", "left_out", "difference", "pairs", "paired_datasets"]
    rows = []
    for arm in arms[1:]:
        signs = [_sign(cells[name, arm], cells[name, arms[0]]) for name in datasets]
        own = pairs[pairs["arm"] == arm]
        per_dataset = own.groupby("dataset")["difference"].mean()
        outcome = [signs.count(1), signs.count(0), signs.count(-1), signs.count(None)]
        rows.append([arm, *outcome, float(per_dataset.mean()), len(own), len(per_dataset)])
    return pd.DataFrame(rows, columns=columns)


def cost_cells(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """A row a data set and arm, in that order: ``dataset, arm, done`` and the mean of each of ``COSTS`` over the done
    trials, NaN where nothing is done."""
    done = trials[trials["status"] == "done"].astype(dict.fromkeys(COSTS, float)).groupby(PLACE)
    cells = done[list(COSTS)].mean().reindex(_places(arms, datasets))
    cells.insert(0, "done", done.size().reindex(cells.index, fill_value=0).astype(int))
    return cells.reset_index()


def mean_cost(costs: pd.DataFrame, arms: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The mean of ``cost_cells`` over data sets, a row an arm (``arm`` and ``COSTS``), and the data sets it is over.

    Those are the data sets in which every arm that has results has one: a mean over others would compare an arm on
    long series with one on short series.
    """
    started = set(costs.loc[costs["done"] > 0, "arm"])
    known = costs[costs["arm"].isin(started)]
    shared = tuple(str(name) for name, group in known.groupby("dataset", sort=False) if (group["done"] > 0).all())
    rows = []
    for arm in arms:
        own = costs[(costs["arm"] == arm) & costs["dataset"].isin(shared)]
        rows.append({"arm": arm} | {name: float(own[name].mean(skipna=False)) for name in COSTS})
    return pd.DataFrame(rows, columns=["arm", *COSTS]), shared


def _done(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that are done and have a test accuracy."""
    done = trials[(trials["status"] == "done") & trials["test_accuracy"].notna()]
    return done.astype({"test_accuracy": float})


def _places(arms: Sequence[str], datasets: Sequence[str]) -> pd.MultiIndex:
    """Every data set and arm, whether or not a trial is planned there."""
    return pd.MultiIndex.from_product([datasets, arms], names=PLACE)


def _sign(own: tuple[tuple[int, ...], float], reference: tuple[tuple[int, ...], float]) -> int | None:
    """1, 0 or -1 as the cell ``own`` (done seeds, rounded mean) is above, equal to or below ``reference``; None if the
    two are not comparable."""
    if not comparable([own[0], reference[0]]):
        return None
    return (own[1] > reference[1]) - (own[1] < reference[1])
