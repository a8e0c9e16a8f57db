"""The one object that every analysis reads: a study's cells as a frame, and what its trials left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from dsn.config import RunConfig
from pipeline.analysis.published import Published
from pipeline.planning.plan import DataUse

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Columns: TypeAlias = "Mapping[str, NDArray[Any]]"
"""Columns of one trial's artifact by name, all of the same length. Arrays: of thousands of trials, making frames would
take most of a report's time."""

METRICS = (
    "test_accuracy",
    "test_loss",
    "test_balanced_accuracy",
    "test_macro_f1",
    "test_calibration_error",
    "train_accuracy",
    "train_loss",
    "best_epoch",
    "epochs",
    "parameters",
    "active_weights",
    "flops",
    "flops_published",
    "itop_rate",
    "mask_churn",
    "log10_topologies",
    "log10_topologies_groups",
    "log10_topologies_layers",
    "mean_receptive_field",
    "train_seconds",
    "test_seconds",
    "peak_memory_bytes",
)
"""Numeric columns of the frame; NaN in what trials of earlier versions did not record.

- ``test_accuracy, test_loss, train_accuracy, train_loss``: of the selected network, fractions and nats.
- ``test_balanced_accuracy``: mean recall over classes; ``test_macro_f1``: mean F1 score over classes;
  ``test_calibration_error``: by how much confidence and accuracy differ, in 15 bins. Fractions (``dsn.metrics``).
- ``best_epoch``: the selected network's, from 1; ``epochs``: how many were trained.
- ``parameters``, and ``active_weights`` of the sparse layers alone.
- ``flops``: the plain count for one series (2 x multiply-adds, each layer once); ``flops_published``: the authors'.
- ``itop_rate``: part of the sparse layers' weights that were active at some time, 1 when dense; ``mask_churn``: mean
  part of the active weights that a mask update moves, 0 without updates (``dsn.sparsity.exploration``).
- ``log10_topologies``: log10 of how many topologies there are within the kernel groups and their regions (Equation 7);
  ``log10_topologies_groups``: if the groups could use all taps (Equation 6); ``log10_topologies_layers``: without
  groups (Equation 5); 0 when dense (``dsn.sparsity.exploration_space``).
- ``mean_receptive_field``: of the paths through all layers of the selected network, in time steps.
- ``train_seconds, test_seconds``: wall-clock times of the training, tests on the way apart, and of the one test at its
  end; ``peak_memory_bytes``: the most that the trial's process held in memory during both, or on a GPU, its tensors
  there (``dsn.peak_memory``); NaN too where the system does not tell it.
"""


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
        histories: trial id -> columns ``epoch, train_loss, train_accuracy, learning_rate, seconds, test_accuracy``, a
            row an epoch (``dsn.training.EpochRecord``); only trials that are done. The last column is NaN in epochs
            without a test, and not there in what an earlier version recorded.
        receptive_fields: trial id -> columns ``layer, group, size, kernels`` (``dsn.receptive_field.SizeCount``) of
            the selected network; only trials that are done, and none that an earlier version computed.
        mask_updates: likewise, of ``epoch, step, layer, group, active, exchanged, changed, covered, region``: a row a
            kernel group for the start of training and for each mask update (``dsn.sparsity.exploration.GroupUpdate``);
            without rows when dense.
        active_weights: likewise, of ``layer, group, channel, tap, active``: where the selected network's active weights
            are (``dsn.active_weights.TapCount``); without rows when dense.
        factors: label of an arm -> dotted key -> the factor value that it stands for; empty without factors.
        configs: label of an arm -> its resolved configuration, on the first of its data sets.
        data: every data set, once for each way in which it is used; empty when an earlier version planned the study.
        published: accuracies that others have printed, to be shown beside these (``pipeline.analysis.published``).
        left_out: the data sets of the study's file that were not there, and are in none of this.
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
    histories: Mapping[str, Columns]
    receptive_fields: Mapping[str, Columns]
    mask_updates: Mapping[str, Columns]
    active_weights: Mapping[str, Columns]
    factors: Mapping[str, Mapping[str, Any]]
    configs: Mapping[str, RunConfig]
    data: tuple[DataUse, ...]
    source: str
    file: str
    left_out: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    @cached_property
    def accuracy_cells(self) -> pd.DataFrame:
        """``statistics.accuracy_cells``, which half of a report starts from: to be read, not to be changed."""
        from pipeline.analysis import statistics

        return statistics.accuracy_cells(self.trials, self.arms, self.datasets)

    @cached_property
    def cost_cells(self) -> pd.DataFrame:
        """``statistics.cost_cells``, likewise."""
        from pipeline.analysis import statistics

        return statistics.cost_cells(self.trials, self.arms, self.datasets)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """``statistics.comparisons``, likewise."""
        from pipeline.analysis import statistics

        return statistics.comparisons(self.trials, self.arms, self.datasets, self.references)

    @cached_property
    def arm_means(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """``statistics.arm_means``, likewise."""
        from pipeline.analysis import statistics

        return statistics.arm_means(self.trials, self.arms, self.datasets)

    def arm_name(self, arm: str) -> str:
        """The name in the study file of the arm with this label, which is that name and, after a comma, its factors'
        values; no name has a comma (``pipeline.study.names``)."""
        return arm.partition(", ")[0]

    def __post_init__(self) -> None:
        compared, references = set(self.references), set(self.references.values())
        assert compared | references <= set(self.arms), "a reference of or to an arm that the study does not have"
        assert not compared & references, "a reference that is itself compared with another arm"
