"""The one object that every analysis reads: a study's trials as a frame, and their learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

METRICS = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "best_epoch",
    "epochs",
    "parameters",
    "active_weights",
    "flops",
    "flops_published",
    "train_seconds",
    "test_seconds",
)
"""Numeric columns of the frame. Accuracies and losses are fractions and nats of the selected network; ``flops`` is the
plain count for one series (2 x multiply-adds, each layer once), ``flops_published`` the authors' count; times are
wall-clock seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResults:
    """What is known of one study at one moment.

    Attributes:
        name: the study's name, with ``@profile`` if one was used.
        question: what the study asks, in the words of its file.
        reproduces: the table or figure of a paper that it repeats, or an empty string.
        arms: labels of the arms in the order of the file; the first is the reference.
        datasets: names of the data sets in the order of the file.
        trials: a row a planned trial, in plan order: ``trial_id, arm, dataset, seed, status`` (done, pruned, failed,
            running, pending), every name of ``METRICS`` (NaN until done), ``error_kind`` and ``error`` (empty unless
            failed), the resolved configuration under dotted names (``model.kernel_size``) and ``provenance.*``.
        histories: trial id -> frame of ``epoch, train_loss, train_accuracy, learning_rate, seconds``, a row an epoch;
            only trials that are done.
        source: the text of the study file.
    """

    name: str
    question: str
    reproduces: str
    arms: tuple[str, ...]
    datasets: tuple[str, ...]
    trials: pd.DataFrame
    histories: Mapping[str, pd.DataFrame]
    source: str
