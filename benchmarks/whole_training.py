"""GunPoint from the first epoch to the test, under each engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.table import Table, Value
from benchmarks.training_step import MOMENTS, Moments
from dsn.config import DataConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.data import load
from dsn.data.dataset import TimeSeriesData
from dsn.training import EpochRecord, FitResult, Training

DATA = DataConfig(source="aeon", name="GunPoint")


class _Timed:
    """A training whose own time is counted, from before it is built to its test."""

    def __init__(self, moments: Moments, engine: str, data: TimeSeriesData, epochs: int) -> None:
        config = RunConfig(data=DATA, sparsity=SparsityConfig(moments=moments), training=TrainingConfig(epochs=epochs))
        start = time.perf_counter()
        self._training = Training(config, data, seed=0, engine=engine)
        self._epochs: Iterator[EpochRecord] = self._training.epochs()
        self.seconds = time.perf_counter() - start

    def epoch(self) -> None:
        start = time.perf_counter()
        next(self._epochs)
        self.seconds += time.perf_counter() - start

    def result(self) -> FitResult:
        start = time.perf_counter()
        result = self._training.result()
        self.seconds += time.perf_counter() - start
        return result


def whole_training(effort: Effort) -> list[Table]:
    """The paper's protocol with fewer epochs, under warm and fresh moments; the trainings take turns, an epoch each."""
    data = load(DATA)
    trainings = {
        (engine, moments): _Timed(moments, engine, data, effort.epochs)
        for moments in MOMENTS
        for engine in usable_engines()
    }
    for epoch in range(effort.epochs):
        if epoch % 10 == 0:
            say(f"whole trainings, epoch {epoch} of {effort.epochs}")
        for training in trainings.values():
            training.epoch()
    accuracies = {key: training.result().metrics["test_accuracy"] for key, training in trainings.items()}
    rows: list[tuple[Value, ...]] = [
        (
            engine,
            moments,
            training.seconds,
            None if engine == "torch" else trainings["torch", moments].seconds / training.seconds,
            100 * accuracies[engine, moments],
        )
        for (engine, moments), training in trainings.items()
    ]
    return [
        Table(
            title=f"Training of GunPoint, {effort.epochs} epochs",
            columns={"engine": "", "moments": "", "s": ".2f", "times torch": ".2f", "test accuracy, %": ".2f"},
            rows=rows,
            notes=("Wall time of the whole: engine, steps, mask updates, copies of the best network, test. Seed 0.",),
        )
    ]
