"""What legends call arms, and how figures say an accuracy."""

from __future__ import annotations

import math

from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_in_words
from pipeline.wording import counted, percent, spelled


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
