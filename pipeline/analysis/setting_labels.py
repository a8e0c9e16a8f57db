"""What tables and figures call settings: short, with the unit, without the key of the study file."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.analysis.grids import ARM
from pipeline.analysis.setup import key_in_words
from pipeline.wording import spelled

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
    "model.pool_size": "pooled length (steps)",
    "sparsity.level": "sparsity",
    "sparsity.relative_to": "basis of sparsity",
    "sparsity.groups": "kernel groups",
    "sparsity.regions": "regions",
    "sparsity.group_sizes": "sizes of the groups",
    "sparsity.explore": "exploration",
    "sparsity.initial": "initial topology",
    "sparsity.drop": "drop rule",
    "sparsity.grow": "grow rule",
    "sparsity.update_every": "update interval",
    "sparsity.update_unit": "unit of the update interval",
    "sparsity.update_timing": "time of an update",
    "sparsity.moments": "moments of grown weights",
    "sparsity.initial_fraction": "fraction exchanged at first",
    "sparsity.final_fraction": "fraction exchanged at last",
    "sparsity.explore_until": "end of exploration (of all steps)",
    "sparsity.schedule": "schedule",
    "training.epochs": "epochs",
    "training.batch_size": "largest batch (series)",
    "training.batch_rule": "batch rule",
    "training.learning_rate": "learning rate",
    "training.final_learning_rate": "final learning rate",
    "training.eval_test_every": "test interval (epochs)",
}
"""Key of a setting -> what an axis says of it."""


def setting_label(key: str) -> str:
    """``kernel size (taps)`` for ``model.kernel_size``; a key without a label of its own in words."""
    return SETTING_LABELS.get(key) or key_in_words(key)


def setting_name(key: str) -> str:
    """The label without its unit: ``kernel size``."""
    return setting_label(key).partition(" (")[0]


def setting_in_words(key: str, value: object) -> str:
    """``kernel groups = 3``, ``exploration = false``; of an arm its name."""
    return spelled(value) if key == ARM else f"{setting_name(key)} = {spelled(value)}"
