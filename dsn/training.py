"""The training loop of the paper's protocol, as an object that holds all state of one trial.

    training = Training(config, data, seed=0)
    for record in training.epochs():   # a record an epoch, as it ends
        ...
    result = training.result()

The caller drives: it may stop between any two epochs, take ``state_dict()`` as a checkpoint, and go on from it in
another process with ``load_state_dict()``, to the same numbers on the same kind of machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsn.checkpoint import require_same_training, training_identity
from dsn.columns import as_columns, as_rows
from dsn.config import RunConfig, TrainingConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engine_choice import choose_engine, require_threads
from dsn.engines import ENGINES
from dsn.engines.contract import Snapshot, Totals
from dsn.errors import Diverged
from dsn.metrics import accuracy, balanced_accuracy, calibration_error, log_loss, macro_f1
from dsn.randomness import generator
from dsn.sparsity.exploration import GroupUpdate, group_updates, initial_record, itop_rate, mask_churn
from dsn.sparsity.schedule import require_steps, updates_due
from dsn.sparsity.trainer import SparseTrainer


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch: means over its series of what each batch showed before its step, and the wall time of its training.

    ``test_accuracy`` is that of the network at the end of the epoch, before its masks change, where
    ``training.eval_test_every`` asks for it; NaN elsewhere.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    learning_rate: float
    seconds: float
    test_accuracy: float = math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """The selected network and how it came about.

    Attributes:
        metrics: ``test_accuracy, test_loss, test_balanced_accuracy, test_macro_f1, test_calibration_error,
            train_accuracy, train_loss`` of the selected network (the two of training are the running ones of its
            epoch), ``best_epoch``, ``epochs``, ``itop_rate`` and ``mask_churn`` of the whole training,
            ``train_seconds``, ``test_seconds``.
        history: a record an epoch.
        mask_updates: a record a kernel group for the start and for each mask update.
        network: the selected network's arrays by name, a plain dict.
    """

    metrics: dict[str, float]
    history: tuple[EpochRecord, ...]
    mask_updates: tuple[GroupUpdate, ...]
    network: Snapshot


def cosine_learning_rate(training: TrainingConfig, epoch: int) -> float:
    """The learning rate of ``epoch`` (from 1): a cosine from the first rate towards the final one."""
    start, end = training.learning_rate, training.final_learning_rate
    return end + (start - end) * (1 + math.cos(math.pi * (epoch - 1) / training.epochs)) / 2


class Training:
    """One trial in progress. All of its state is here: engine, masks, generators, counters, the best network so far.

    Args:
        config: what to train.
        data: prepared series.
        seed: of all of the trial's random streams.
        engine: a key of ``dsn.engines.ENGINES``, or ``auto``: the fastest that can be used here.
        device: where the engine computes.
        threads: of the CPU. No result of the native engine depends on their number; PyTorch's differ in rounding.

    Raises:
        InvalidInput: the engine cannot be used here; no thread; mask updates that leave no gradient step.
    """

    def __init__(
        self,
        config: RunConfig,
        data: TimeSeriesData,
        *,
        seed: int,
        engine: str = "auto",
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        require_threads(threads)
        self._config = config
        self._data = data
        self._seed = seed
        self._engine_name = choose_engine(engine, device).name
        make_engine = ENGINES[self._engine_name]
        self._engine = make_engine(config, data, seed=seed, device=device, threads=threads)
        self._sparse = SparseTrainer(self._engine.sparse_layers, config.sparsity, seed)
        self._order = generator(seed, "order")
        self._batch_size = config.training.batch_size_for(len(data.y_train))
        self._steps_per_epoch = config.training.steps_per_epoch(len(data.y_train))
        self._masks = self._sparse.initial_masks()
        if self._masks:
            require_steps(config.sparsity, self._steps_per_epoch)
        self._engine.set_masks(self._masks)
        self._updates = list(initial_record(self._engine.sparse_layers, self._masks))
        self._history: list[EpochRecord] = []
        self._best: tuple[EpochRecord, Snapshot] | None = None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self._history)

    @property
    def ended(self) -> bool:
        """Whether that was the last."""
        return self.epoch >= self._config.training.epochs

    @property
    def masks(self) -> list[NDArray[np.bool_]]:
        """The present masks, one a sparse layer, (C_out, C_in, k) each."""
        return [mask.copy() for mask in self._masks]

    @property
    def history(self) -> tuple[EpochRecord, ...]:
        """A record an epoch done."""
        return tuple(self._history)

    @property
    def mask_updates(self) -> tuple[GroupUpdate, ...]:
        """A record a kernel group for the start and for each mask update so far."""
        return tuple(self._updates)

    @property
    def selected(self) -> Snapshot:
        """The network of the lowest training loss so far, which nothing but ``result`` tests."""
        assert self._best is not None, "no epoch has been trained"
        return dict(self._best[1])

    def epochs(self) -> Iterator[EpochRecord]:
        """Train on, an epoch at a time, to the last of the configuration.

        Raises:
            Diverged: the loss is not finite.
        """
        while not self.ended:
            yield self._train_epoch()

    def _train_epoch(self) -> EpochRecord:
        epoch, started = self.epoch + 1, time.perf_counter()
        rate = cosine_learning_rate(self._config.training, epoch)
        totals = self._train_on(self._batches(), rate)
        if not math.isfinite(totals.loss):
            raise Diverged("training loss", epoch)
        seconds = time.perf_counter() - started
        record = _record(totals, epoch, rate, seconds, self._test_accuracy(epoch))
        # Selected before the masks change at the last step: the network that is kept has the masks under which its
        # loss was measured; the last of them, where they changed within the epoch too.
        if self._best is None or record.train_loss <= self._best[0].train_loss:
            self._best = (record, self._engine.snapshot())
        last = epoch * self._steps_per_epoch
        if last in self._updates_due():
            self._update_masks(last)
        self._history.append(record)
        return record

    def _test_accuracy(self, epoch: int) -> float:
        """Of the network as it is after ``epoch``, for the learning curve alone; NaN where it is not asked for."""
        if not self._config.training.tests_after(epoch):
            return math.nan
        return accuracy(self._engine.predict(self._data.x_test), self._data.y_test)

    def _train_on(self, batches: list[NDArray[np.intp]], rate: float) -> Totals:
        """Train on an epoch's batches. Masks change where updates are due, but for the last step: that is the caller's.

        An engine takes as many batches at a time as it can: those up to the next update.
        """
        totals, start, done = Totals(), 0, self.epoch * self._steps_per_epoch
        for step in self._updates_due():
            stop = step - done
            totals += self._train_until(batches[start:stop], rate, ends_in_update=True)
            if stop < len(batches):
                self._update_masks(step)
            start = stop
        if start < len(batches):
            totals += self._train_until(batches[start:], rate, ends_in_update=False)
        return totals

    def _train_until(self, batches: list[NDArray[np.intp]], rate: float, *, ends_in_update: bool) -> Totals:
        """A gradient step a batch, but for the last one when an update takes its place."""
        if ends_in_update and self._config.sparsity.update_timing == "replaces-step":
            return self._engine.train(batches[:-1], rate) + self._engine.measure(batches[-1])
        return self._engine.train(batches, rate)

    def _updates_due(self) -> range:
        """Of the present epoch. None where nothing is sparse, short kernels among them: an update must not take a
        gradient step's place."""
        if not self._masks:
            return range(0)
        return updates_due(self._config.sparsity, self.epoch * self._steps_per_epoch, self._steps_per_epoch)

    def _batches(self) -> list[NDArray[np.intp]]:
        """A new order of the training set, in batches; the last may be smaller and is kept."""
        order = self._order.permutation(len(self._data.y_train))
        return [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]

    def _update_masks(self, step: int) -> None:
        update = self._sparse.update(
            self._engine.weights(),
            self._masks,
            self._engine.gradients() if self._sparse.needs_gradient else None,
            self._engine.momentum() if self._sparse.needs_momentum else None,
            step=step,
            total_steps=self._config.training.epochs * self._steps_per_epoch,
        )
        layers, covered = self._engine.sparse_layers, self._sparse.covered
        self._updates += group_updates(layers, self._masks, update, covered, epoch=self.epoch + 1, step=step)
        self._masks = update.masks
        self._engine.set_masks(update.masks, update.grown)

    def result(self) -> FitResult:
        """Evaluate the network of the lowest training loss on the test set, once.

        Raises:
            Diverged: its test loss is not finite.
        """
        assert self._best is not None, "no epoch has been trained"
        record, network = self._best
        started = time.perf_counter()
        log_probabilities = self._engine.predict(self._data.x_test, network)
        test_seconds = time.perf_counter() - started
        labels = self._data.y_test
        test_loss = log_loss(log_probabilities, labels)
        if not math.isfinite(test_loss):
            raise Diverged("test loss", record.epoch)
        metrics = {
            "test_accuracy": accuracy(log_probabilities, labels),
            "test_loss": test_loss,
            "test_balanced_accuracy": balanced_accuracy(log_probabilities, labels),
            "test_macro_f1": macro_f1(log_probabilities, labels),
            "test_calibration_error": calibration_error(log_probabilities, labels),
            "train_accuracy": record.train_accuracy,
            "train_loss": record.train_loss,
            "best_epoch": record.epoch,
            "epochs": self.epoch,
            "itop_rate": itop_rate(self._updates, self._engine.sparse_layers),
            "mask_churn": mask_churn(self._updates),
            "train_seconds": sum(each.seconds for each in self._history),
            "test_seconds": test_seconds,
        }
        return FitResult(metrics=metrics, history=self.history, mask_updates=self.mask_updates, network=dict(network))

    def state_dict(self) -> dict[str, Any]:
        """A checkpoint: everything that the rest of the training depends on, as ``dsn.checkpoint_file`` can keep it."""
        return {
            "training": dict(self._identity),
            "engine": self._engine.state_dict(),
            "sparse": self._sparse.state_dict(),
            "masks": self.masks,
            "order": self._order.bit_generator.state,
            "history": as_columns(EpochRecord, self._history),
            "mask_updates": as_columns(GroupUpdate, self._updates),
            "best": None if self._best is None else (self._best[0].epoch, self.selected),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same configuration, data, seed and engine.

        Raises:
            InvalidInput: it is of another training, or no checkpoint; nothing has changed then.
        """
        require_same_training(state.get("training", {}), self._identity)
        self._engine.load_state_dict(state["engine"])
        self._sparse.load_state_dict(state["sparse"])
        self._masks = [mask.copy() for mask in state["masks"]]
        self._order.bit_generator.state = state["order"]
        self._history = as_rows(EpochRecord, state["history"])
        self._updates = as_rows(GroupUpdate, state["mask_updates"])
        best = state["best"]
        self._best = None if best is None else (self._history[best[0] - 1], best[1])

    @cached_property
    def _identity(self) -> dict[str, object]:
        return training_identity(
            self._config, self._data, seed=self._seed, engine=self._engine_name, dtype=self._engine.dtype
        )


def fit(
    config: RunConfig,
    data: TimeSeriesData,
    *,
    seed: int,
    engine: str = "auto",
    device: str = "cpu",
    threads: int = 1,
) -> FitResult:
    """Train to the end and evaluate, in one call; arguments as for ``Training``."""
    training = Training(config, data, seed=seed, engine=engine, device=device, threads=threads)
    for _ in training.epochs():
        pass
    return training.result()


def _record(totals: Totals, epoch: int, learning_rate: float, seconds: float, test_accuracy: float) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        train_loss=totals.loss / totals.count,
        train_accuracy=totals.correct / totals.count,
        learning_rate=learning_rate,
        seconds=seconds,
        test_accuracy=test_accuracy,
    )
