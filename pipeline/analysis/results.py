"""The one object that every analysis reads: a study's cells as a frame, and the learning curves of their trials."""

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
        arms: labels of the arms in the order of the file, each combination of factors a label of its own.
        references: label of an arm -> label of the arm that it is compared with. No key is a value: what is itself a
            reference is compared with nothing, and so is an arm that has none.
        datasets: names of the data sets in the order of the file.
        trials: a row a planned cell (an arm, a data set, a seed), in plan order: ``trial_id, arm, dataset, seed,
            status`` (done, pruned, failed, running, pending), every name of ``METRICS`` (NaN until done),
            ``error_kind`` and ``error`` (empty unless failed), the resolved configuration under dotted names
            (``model.kernel_size``) and ``provenance.*``. One trial may fill several cells, such as those of two arms
            that mean the same training: what counts trials counts distinct ids, not rows.
        histories: trial id -> frame of ``epoch, train_loss, train_accuracy, learning_rate, seconds``, a row an epoch;
            only trials that are done.
        source: the text of the study file.
    """

    name: str
    question: str
    reproduces: str
    arms: tuple[str, ...]
    references: Mapping[str, str]
    datasets: tuple[str, ...]
    trials: pd.DataFrame
    histories: Mapping[str, pd.DataFrame]
    source: str

    def __post_init__(self) -> None:
        compared, references = set(self.references), set(self.references.values())
        assert compared | references <= set(self.arms), "a reference of or to an arm that the study does not have"
        assert not compared & references, "a reference that is itself compared with another arm"
