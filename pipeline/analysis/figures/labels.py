"""What axes and legends call settings and costs: short, with the unit, without the key of the study file."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.analysis.grids import ARM
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setup import key_in_words
from pipeline.wording import counted, percent, spelled

SETTING_LABELS: Mapping[str, str] = {
    ARM: "arm",
    "data.normalisation": "normalisation",
    "data.split": "split",
    "data.train_subset": "training series",
    "model.name": "model",
    "model.depth": "layers",
    "model.channels": "channels a layer",
    "model.kernel_size": "kernel size (taps)",
    "model.padding": "padding",
    "model.pool_size": "pooled to (steps)",
    "sparsity.level": "sparsity",
    "sparsity.relative_to": "sparsity relative to",
    "sparsity.groups": "kernel groups",
    "sparsity.regions": "regions",
    "sparsity.group_sizes": "sizes of the groups",
    "sparsity.explore": "explores",
    "sparsity.initial": "initial topology",
    "sparsity.drop": "drops by",
    "sparsity.grow": "grows by",
    "sparsity.update_every": "between updates",
    "sparsity.update_unit": "unit between updates",
    "sparsity.update_timing": "time of an update",
    "sparsity.moments": "moments of grown weights",
    "sparsity.initial_fraction": "fraction exchanged at first",
    "sparsity.final_fraction": "fraction exchanged at last",
    "sparsity.explore_until": "explores until (of all steps)",
    "sparsity.schedule": "schedule",
    "training.epochs": "epochs",
    "training.batch_size": "largest batch (series)",
    "training.batch_rule": "batch rule",
    "training.learning_rate": "learning rate",
    "training.final_learning_rate": "final learning rate",
    "training.eval_test_every": "tests every (epochs)",
}
"""Key of a setting -> what an axis says."""


def setting_label(key: str) -> str:
    """``kernel size (taps)`` for ``model.kernel_size``; a key without a label of its own in words."""
    return SETTING_LABELS.get(key) or key_in_words(key)


def setting_in_words(key: str, value: object) -> str:
    """``kernel groups = 3``, ``explores = false``; of an arm its name."""
    return spelled(value) if key == ARM else f"{setting_label(key).partition(' (')[0]} = {spelled(value)}"


def arm_labels(results: StudyResults) -> dict[str, str]:
    """Arm -> what a legend calls it: its factors in words, behind its name unless all have the same. If that made two
    of them equal, their labels in the study are left as they are."""
    names = {results.arm_name(arm) for arm in results.arms}
    labels = {}
    for arm in results.arms:
        factors = [setting_in_words(key, value) for key, value in results.factors[arm].items()]
        parts = factors if factors and len(names) == 1 else [results.arm_name(arm), *factors]
        labels[arm] = ", ".join(parts)
    return labels if len(set(labels.values())) == len(labels) else {arm: arm for arm in results.arms}


def short_labels(results: StudyResults) -> dict[str, str]:
    """Arm -> its name, unless all have the same, and the bare values of its factors: ``0.8, 3``."""
    names = {results.arm_name(arm) for arm in results.arms}
    labels = {}
    for arm in results.arms:
        values = [spelled(value) for value in results.factors[arm].values()]
        labels[arm] = ", ".join(values if values and len(names) == 1 else [results.arm_name(arm), *values])
    return labels


def accuracy_in_words(mean: float, std: float, seeds: int) -> str:
    """``98.25 ± 0.31% (5 seeds)`` for fractions."""
    spread = "" if math.isnan(std) else f" ± {percent(std)}"
    return f"{percent(mean)}{spread}% ({counted(seeds, 'seed')})"
