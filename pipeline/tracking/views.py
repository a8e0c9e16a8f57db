"""Ways of looking at a study that MLflow's page of runs offers under *Views*: its columns, their order, its groups.

MLflow keeps such a view as a tag of the experiment. A version that does not know them shows nothing of it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.tracking.layout import ARM, DATASET, KIND, VIEW, arm_tags
from pipeline.workspace.record import StudyRecord

_METRICS = (
    "test_accuracy",
    "test_balanced_accuracy",
    "test_loss",
    "train_loss",
    "best_epoch",
    "active_weights",
    "flops",
    "train_seconds",
)
"""Columns, what a study is about first; MLflow's own order is that of the alphabet."""

_NAME, _CREATED = "attributes.`Run Name`", "runDateAndNestInfo"
_NAME_WIDTH = 370
"""Pixels. By itself MLflow leaves the names no room for a data set and an arm."""

_TRIALS, _ARMS, _DATASETS = "trials", "arms", "datasets"

_RUNS_LOADED = 100
"""MLflow's page of runs loads as many and averages no others: a group of more would have a wrong mean."""

_LONGEST = 20_000
"""Characters. The page refuses to change longer ones."""


def views_of(record: StudyRecord, began: float) -> dict[str, str]:
    """Tags of the study's experiment: name -> content.

    Groups are left out of a study with more trials than MLflow averages.

    Args:
        record: of the study.
        began: when, in seconds since 1970; the views take turns in MLflow's list by their age.
    """
    columns = [f"metrics.`{name}`" for name in _METRICS]
    shared = {
        "searchFilter": f"tags.{KIND} = 'trial'",
        "columnOrder": [_NAME, _CREATED, *columns],
        "columnWidths": {_NAME: _NAME_WIDTH},
        "runsHiddenMode": "SHOW_ALL",
    }
    trials = {
        **shared,
        "orderByKey": f"tags.`{DATASET}`",
        "orderByAsc": True,
        "selectedColumns": [*columns, "attributes.`Dataset`"],
    }
    best_first = {**shared, "orderByKey": columns[0], "orderByAsc": False, "selectedColumns": columns}
    states = {_TRIALS: ("Trials", trials)}
    if len(record.trials) <= _RUNS_LOADED:
        arms = sorted(set(arm_tags(record.cells).values()))
        by_dataset = {**trials, "selectedColumns": columns}
        states[_ARMS] = ("Means of the arms", best_first | _grouped({ARM: arms}))
        states[_DATASETS] = ("Means by data set", by_dataset | _grouped({DATASET: record.datasets, ARM: arms}))
    newest = round(began * 1000)
    tags = {
        f"{VIEW}{key}": _content(name, state, newest - age) for age, (key, (name, state)) in enumerate(states.items())
    }
    return {tag: text for tag, text in tags.items() if len(text) <= _LONGEST}


def left_over(views: Iterable[str], tags: Iterable[str]) -> set[str]:
    """Those of an experiment's tags that are views of ours, but none that the study still has."""
    return {f"{VIEW}{key}" for key in (_TRIALS, _ARMS, _DATASETS)}.intersection(tags).difference(views)


def is_changed(tag: str, content: str) -> bool:
    """Whether somebody has saved other columns, groups or charts under the name of a view."""
    if not tag.startswith(VIEW) or not content:
        return False
    view = json.loads(content)
    return bool(view["createdAt"] != view["updatedAt"])


def _grouped(values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Runs by the values of tags, each group with its mean and closed: the page opens those that it is not told of."""
    groups = itertools.product(*([f"tag.{tag}.{value}" for value in known] for tag, known in values.items()))
    return {
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": tag} for tag in values],
        },
        "groupsExpanded": {",".join(group): False for group in groups},
    }


def _content(name: str, state: dict[str, Any], milliseconds: int) -> str:
    return json.dumps({"name": name, "createdAt": milliseconds, "updatedAt": milliseconds, "state": json.dumps(state)})
