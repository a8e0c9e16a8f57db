"""The one object that every analysis reads: a study's cells as a frame, and what its trials left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsn.config import RunConfig
from pipeline.planning import DataUse

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
            ``started`` and ``finished`` (seconds since 1970, NaN until it has ended), ``error_kind``, ``error`` and
            ``traceback`` (empty unless failed), the resolved configuration under dotted names
            (``model.kernel_size``) and ``provenance.*``. One trial may fill several cells, such as those of two arms
            that mean the same training: what counts trials counts distinct ids, not rows.
        histories: trial id -> frame of ``epoch, train_loss, train_accuracy, learning_rate, seconds``, a row an epoch;
            only trials that are done.
        receptive_fields: trial id -> frame of ``layer, group, size, kernels`` (``dsn.receptive_field.SizeCount``) of
            the selected network; only trials that are done, and none that an earlier version computed.
        factors: label of an arm -> dotted key -> the factor value that it stands for; empty without factors.
        configs: label of an arm -> its resolved configuration, on the first of its data sets.
        data: every data set, once for each way in which it is used; empty when an earlier version planned the study.
        source: the text of the study file.
        file: its path as the user gave it.
    """

    name: str
    question: str
    reproduces: str
    arms: tuple[str, ...]
    references: Mapping[str, str]
    datasets: tuple[str, ...]
    trials: pd.DataFrame
    histories: Mapping[str, pd.DataFrame]
    receptive_fields: Mapping[str, pd.DataFrame]
    factors: Mapping[str, Mapping[str, Any]]
    configs: Mapping[str, RunConfig]
    data: tuple[DataUse, ...]
    source: str
    file: str

    def arm_name(self, arm: str) -> str:
        """The name in the study file of the arm with this label, which is that name and, after a comma, its factors'
        values; no name has a comma (``pipeline.study.names``)."""
        return arm.partition(", ")[0]

    def __post_init__(self) -> None:
        compared, references = set(self.references), set(self.references.values())
        assert compared | references <= set(self.arms), "a reference of or to an arm that the study does not have"
        assert not compared & references, "a reference that is itself compared with another arm"
