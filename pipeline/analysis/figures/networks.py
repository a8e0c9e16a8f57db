"""The trained networks that a figure rests on, and the shape of their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dsn.architecture import LayerPlan, is_sparse, layer_plans
from pipeline.analysis.results import Columns, StudyResults
from pipeline.wording import counted, listed

if TYPE_CHECKING:
    import pandas as pd

MOST_NETWORKS = 30
"""Networks of an arm whose masks are read: their files are long, and a mean over more looks the same."""


def sparse_arms(results: StudyResults) -> list[str]:
    """The arms whose networks have masks, in the order of the study."""
    return [arm for arm in results.arms if is_sparse(results.configs[arm].model, results.configs[arm].sparsity)]


def drawable(results: StudyResults, artifact: Mapping[str, Columns], what: str) -> pd.DataFrame | str:
    """The networks that a figure can be drawn from, or the sentence that says why there are none.

    They are the done trials of sparse arms that ``artifact`` knows and whose data set's size is known, each once an
    arm: ``arm, dataset, seed, trial_id``, in plan order. ``what`` says in words what the artifact holds.
    """
    trials, channels = results.trials, channels_of(results)
    done = trials["status"] == "done"
    if not done.any():
        return "No trial is done yet, so there is no network to look into."
    if not sparse_arms(results):
        return "No arm of this study has masks: all weights of its networks are active."
    usable = done & trials["trial_id"].isin(set(artifact))
    usable &= trials["arm"].isin(sparse_arms(results)) & trials["dataset"].isin(set(channels))
    columns = ["arm", "dataset", "seed", "trial_id"]
    found = trials.loc[usable, columns].drop_duplicates(["arm", "trial_id"]).reset_index(drop=True)
    return not_there(what) if found.empty else found


def arms_of(results: StudyResults, trials: pd.DataFrame) -> list[str]:
    """The arms that ``trials`` are of, in the order of the study."""
    known = set(trials["arm"])
    return [arm for arm in results.arms if arm in known]


def evenly_spread(trials: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_NETWORKS`` of each arm's trials at even steps, the first and the last among them."""
    rows = []
    for _, own in trials.groupby("arm", sort=False):
        last, most = len(own) - 1, min(len(own), MOST_NETWORKS)
        rows += [own.index[round(step * last / max(most - 1, 1))] for step in range(most)]
    return trials.loc[rows]


def basis(trials: pd.DataFrame) -> str:
    """Over which networks the means of ``evenly_spread(trials)`` are, in words."""
    counts = trials.groupby("arm", sort=False).size()
    if counts.max() > MOST_NETWORKS:
        most = counted(MOST_NETWORKS, "trained network")
        return f"Means are over at most {most} of each arm, spread evenly over its data sets and seeds."
    if counts.nunique() == 1:
        return f"Means are over all data sets and seeds: {counted(int(counts.iloc[0]), 'trained network')} of each arm."
    return f"Means are over all data sets and seeds: {counts.min()} to {counts.max()} trained networks of an arm."


def left_out(results: StudyResults, arms: Sequence[str], most: int) -> list[str]:
    """Which arms a figure of the first ``most`` of ``arms`` does not show, and why: sentences.

    Args:
        results: of the study.
        arms: those that have ``drawable`` networks, in the order of the study.
        most: how many are drawn.
    """
    sparse, notes = sparse_arms(results), []
    dense = [arm for arm in results.arms if arm not in sparse]
    missing = [arm for arm in sparse if arm not in arms]
    if len(arms) > most:
        hidden = listed(arms[most:], between="; ")
        notes.append(f"Only the first {most} of {len(arms)} arms with masks are drawn, without {hidden}.")
    if dense:
        notes.append(f"Without {listed(dense, between='; ')}: dense, all weights are trained throughout.")
    if missing:
        notes.append(f"Nothing recorded of {listed(missing, between='; ')}.")
    return notes


def not_there(what: str) -> str:
    """The sentence that says why ``what``, which done trials record, cannot be shown."""
    return f"{what} are not there: an earlier version of this program trained them, or their files have been removed."


def channels_of(results: StudyResults) -> dict[str, int]:
    """Data set -> channels of its series, for those whose sizes are known."""
    return {use.config.name: use.info.channels for use in results.data}


def layers_of(results: StudyResults, arm: str, dataset: str) -> tuple[LayerPlan, ...]:
    """The layers of the arm's network on a data set whose sizes are known."""
    config = results.configs[arm]
    return layer_plans(config.model, config.sparsity, channels_of(results)[dataset])
