"""What a study's trials say in numbers: accuracy a cell, each arm against its reference, cost.

A cell is here one arm on one data set, all its seeds together. It holds the test accuracies of its done trials, one a
seed. Two cells are comparable when they have the same done seeds, each once and at least one: then neither is favoured
by an easy seed, and means, wins and losses rest on the same runs. What is not comparable is left out and counted, never
filled in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pipeline.wording import rounded_percent
from pipeline.workspace.lifecycle import STATUSES, tally

PLACE = ["dataset", "arm"]
"""The columns that say to which cell a row of the frame belongs."""

_ACCURACY = [*PLACE, "seed", "test_accuracy"]
"""All that accuracies are computed from: copying the other columns would take most of the time."""

COSTS = (
    "parameters",
    "active_weights",
    "flops",
    "flops_published",
    "train_seconds",
    "test_seconds",
    "peak_memory_bytes",
)
"""The metrics that say what an arm costs, in the units of ``results.METRICS``."""

QUALITY = ("test_accuracy", "test_balanced_accuracy", "test_macro_f1", "test_loss", "test_calibration_error")
"""The metrics that say how good predictions are."""

EXPLORATION = (
    "log10_topologies_layers",
    "log10_topologies_groups",
    "log10_topologies",
    "itop_rate",
    "mask_churn",
    "mean_receptive_field",
)
"""The metrics that say what topologies there were to explore, how many were, and how far the one that is kept sees."""


def distinct_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a trial, where it is first planned; its ``dataset`` and ``arm`` name all that it serves, ``; `` between."""
    distinct = trials.drop_duplicates("trial_id")
    if len(distinct) == len(trials):
        return distinct
    cells = trials.groupby("trial_id", sort=False)
    served = {name: cells[name].unique().map("; ".join) for name in PLACE}
    return distinct.assign(**{name: distinct["trial_id"].map(names) for name, names in served.items()})


def status_counts(trials: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """A row an arm: ``arm, planned`` and a column for each of ``STATUSES``; planned is the sum of the others.

    A trial that serves several arms counts in the row of each.
    """
    rows = [{"arm": arm} | _counted_statuses(trials.loc[trials["arm"] == arm, "status"]) for arm in arms]
    return pd.DataFrame(rows, columns=["arm", "planned", *STATUSES])


def status_totals(trials: pd.DataFrame) -> dict[str, int]:
    """``planned`` and each of ``STATUSES`` -> how many trials, each counted once however many arms it serves."""
    return _counted_statuses(trials.drop_duplicates("trial_id")["status"])


def accuracy_cells(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """A row a data set and arm, in that order: ``dataset, arm, planned, done, seeds, mean, std``.

    ``planned`` and ``done`` count trials, ``seeds`` is the sorted tuple of done seeds, ``mean`` and ``std`` are
    fractions of test accuracy over the done trials: the sample standard deviation (ddof = 1), NaN for fewer than two.
    """
    done = _done(trials)
    accuracy = done.groupby(PLACE)["test_accuracy"]
    seeds: dict[tuple[str, str], list[int]] = {}
    for dataset, arm, seed in done[[*PLACE, "seed"]].itertuples(index=False):
        seeds.setdefault((dataset, arm), []).append(int(seed))
    columns = {
        "planned": trials.groupby(PLACE).size(),
        "done": accuracy.size(),
        "mean": accuracy.mean(),
        "std": accuracy.std(ddof=1),
    }
    cells = pd.DataFrame(columns, index=_places(arms, datasets)).fillna({"planned": 0, "done": 0})
    found = [tuple(sorted(seeds.get(place, ()))) for place in cells.index]
    cells.insert(2, "seeds", pd.Series(found, index=cells.index, dtype=object))
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
    seeds: dict[str, list[tuple[int, ...]]] = {}
    for name, each in zip(known["dataset"], known["seeds"], strict=True):
        seeds.setdefault(str(name), []).append(each)
    return tuple(name for name, each in seeds.items() if comparable(each))


def mean_over_datasets(cells: pd.DataFrame, datasets: Sequence[str]) -> dict[str, float]:
    """Arm -> mean over ``datasets`` of its cells' means, a fraction; NaN where a cell has no result or none is given.

    Each data set weighs the same, however many seeds it has.
    """
    arms = list(map(str, cells["arm"].drop_duplicates()))
    means = metric_means(cells, arms, datasets, ["mean"])["mean"]
    return dict(zip(arms, means.tolist(), strict=True))


def paired_differences(
    trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], references: Mapping[str, str]
) -> pd.DataFrame:
    """A row for each arm with a reference, data set and seed done in both: ``arm, dataset, seed, difference``.

    The difference is the arm's test accuracy minus that of ``references[arm]`` under the same seed (same initial
    weights and batch order), a fraction. Several done trials of one seed in a cell have no pair: none of them is the
    partner.
    """
    done = _done(trials)
    done = done[~done.duplicated([*PLACE, "seed"], keep=False) & done["dataset"].isin(datasets)]
    done = done[[*PLACE, "seed", "test_accuracy"]]
    own = done[done["arm"].isin(references)].rename(columns={"test_accuracy": "own"})
    own = own.assign(reference=own["arm"].map(dict(references)).astype(own["arm"].dtype))  # also where there is none
    other = done.rename(columns={"arm": "reference", "test_accuracy": "other"})
    pairs = own.merge(other, on=["reference", "dataset", "seed"])
    order = pd.DataFrame({"arm": pairs["arm"].map(arms.index), "dataset": pairs["dataset"].map(datasets.index)})
    pairs = pairs.assign(difference=pairs["own"] - pairs["other"])
    pairs = pairs.loc[order.assign(seed=pairs["seed"]).sort_values(["arm", "dataset", "seed"]).index]
    return pairs[["arm", "dataset", "seed", "difference"]].reset_index(drop=True)


def outcomes(
    cells: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], references: Mapping[str, str]
) -> pd.DataFrame:
    """A row for each arm with a reference and data set in which their two cells are comparable.

    Columns:
        arm, reference, dataset.
        own, other: mean accuracy of the arm and of its reference there, fractions.
        sign: 1, 0 or -1 as ``own`` is above, equal to or below ``other``, both as ``rounded_percent``.
    """
    found = {(cell["dataset"], cell["arm"]): (cell["seeds"], cell["mean"]) for cell in cells.to_dict("records")}
    rows = []
    for arm, dataset in itertools.product((arm for arm in arms if arm in references), datasets):
        (own_seeds, own), (other_seeds, other) = found[dataset, arm], found[dataset, references[arm]]
        if comparable([own_seeds, other_seeds]):
            shown = rounded_percent(own), rounded_percent(other)
            rows.append((arm, references[arm], dataset, own, other, (shown[0] > shown[1]) - (shown[0] < shown[1])))
    return pd.DataFrame(rows, columns=["arm", "reference", "dataset", "own", "other", "sign"])


def comparisons(
    trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], references: Mapping[str, str]
) -> pd.DataFrame:
    """A row for each arm with a reference, in the order of ``arms``: how it does against ``references[arm]``.

    Columns:
        arm, reference.
        wins, ties, losses: data sets in which the arm's mean accuracy, as ``rounded_percent``, is above, equal to or
            below the reference's; only data sets in which the two cells are comparable.
        left_out: the other data sets, so that wins + ties + losses + left_out = the number of data sets.
        difference: the mean over data sets of the mean over seeds of ``paired_differences``, a fraction; NaN without
            pairs. It uses every pair, also of data sets that wins and losses leave out.
        pairs, paired_datasets: how many pairs, and how many data sets with at least one, the difference rests on.
    """
    signs = outcomes(accuracy_cells(trials, arms, datasets), arms, datasets, references)
    pairs = paired_differences(trials, arms, datasets, references)
    columns = ["arm", "reference", "wins", "ties", "losses", "left_out", "difference", "pairs", "paired_datasets"]
    counts, known = pairs["arm"].value_counts(), signs.groupby(["arm", "sign"]).size().to_dict()
    per_dataset = pairs.groupby(["arm", "dataset"])["difference"].mean()
    places, means = per_dataset.groupby("arm").indices, per_dataset.to_numpy(float)
    rows = []
    for arm in (arm for arm in arms if arm in references):
        outcome = [known.get((arm, sign), 0) for sign in (1, 0, -1)]
        own = means[places.get(arm, [])]
        difference = float(own.mean()) if len(own) else math.nan
        left_out = len(datasets) - sum(outcome)
        rows.append([arm, references[arm], *outcome, left_out, difference, int(counts.get(arm, 0)), len(own)])
    return pd.DataFrame(rows, columns=columns)


def metric_cells(
    trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """A row a data set and arm, in that order: ``dataset, arm, done`` and the mean of each metric over the done trials.

    NaN where nothing is done, and where a done trial has not recorded the metric: a mean over the others would be one
    over other seeds.
    """
    done = trials.loc[trials["status"] == "done", [*PLACE, *names]].astype(dict.fromkeys(names, float)).groupby(PLACE)
    cells = done[list(names)].mean(skipna=False).reindex(_places(arms, datasets))
    cells.insert(0, "done", done.size().reindex(cells.index, fill_value=0).astype(int))
    return cells.reset_index()


def cost_cells(trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> pd.DataFrame:
    """``metric_cells`` of ``COSTS``."""
    return metric_cells(trials, arms, datasets, COSTS)


def started_datasets(cells: pd.DataFrame) -> tuple[str, ...]:
    """The data sets of ``cells`` in which every arm that has results has one: a mean over others would compare an arm
    on long series with one on short series."""
    started = set(cells.loc[cells["done"] > 0, "arm"])
    known = cells[cells["arm"].isin(started)]
    return tuple(str(name) for name, group in known.groupby("dataset", sort=False) if (group["done"] > 0).all())


def metric_means(
    cells: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """The mean of ``metric_cells`` over ``datasets``, a row an arm: ``arm`` and ``names``; NaN where one is."""
    chosen = cells[cells["dataset"].isin(datasets)]
    values, places = chosen[list(names)].to_numpy(float), chosen.groupby("arm").indices
    # One column at a time: a sum over several adds in another order, and its last digit differs.
    means = [
        [float(column.mean()) for column in values[places[arm]].T] if arm in places else [math.nan] * len(names)
        for arm in arms
    ]
    frame = pd.DataFrame(means, columns=list(names), dtype=float)
    frame.insert(0, "arm", list(arms))
    return frame


def arm_means(
    trials: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What each arm reaches and costs over the same data sets, a row an arm, and those data sets.

    They are the ``shared_datasets``. Columns: ``arm``; ``mean``, as ``mean_over_datasets``; ``std``, the sample
    standard deviation (ddof = 1) over seeds of a seed's mean over those data sets, NaN for fewer than two seeds;
    ``seeds``, how many that rests on: those done in all of them; and ``COSTS``, as ``metric_means``.
    """
    cells = accuracy_cells(trials, arms, datasets)
    shared = shared_datasets(cells)
    means = mean_over_datasets(cells, shared)
    done = _done(trials)
    by_seed = done[done["dataset"].isin(shared)].groupby(["arm", "seed"])["test_accuracy"].agg(["mean", "size"])
    by_seed = by_seed[by_seed["size"] == len(shared)].groupby("arm")["mean"].agg(["std", "size"])
    frame = pd.DataFrame({"arm": list(arms), "mean": [means[arm] for arm in arms]})
    frame["std"] = frame["arm"].map(by_seed["std"]).astype(float)
    frame["seeds"] = frame["arm"].map(by_seed["size"]).fillna(0).astype(int)
    costs = metric_means(cost_cells(trials, arms, datasets), arms, shared, COSTS)
    return frame.merge(costs, on="arm"), shared


def _counted_statuses(status: pd.Series) -> dict[str, int]:
    """``planned``, the length, and how often each of ``STATUSES`` occurs."""
    return {"planned": len(status)} | tally(status)


def _done(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that are done and have a test accuracy: where they belong, and how accurate they are."""
    done = trials.loc[(trials["status"] == "done") & trials["test_accuracy"].notna(), _ACCURACY]
    return done.astype({"test_accuracy": float})


def _places(arms: Sequence[str], datasets: Sequence[str]) -> pd.MultiIndex:
    """Every data set and arm, whether or not a trial is planned there."""
    return pd.MultiIndex.from_product([datasets, arms], names=PLACE)
