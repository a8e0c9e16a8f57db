"""Prediction, of one series at a time and of many, against PyTorch's dense convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.effort import Effort
from benchmarks.interleaved import Steps, take_turns
from benchmarks.made_up import CLASSES, SEED, initial_masks, made_up_config, made_up_data
from benchmarks.native import usable_engines
from benchmarks.progress import say
from benchmarks.table import Table, Value
from dsn.config import RunConfig, SparsityConfig
from dsn.engines import ENGINES
from dsn.models import MODELS

LENGTHS = (150, 1000)
BATCHES = (1, 64, 256)
DENSE = "PyTorch, dense"


def inference(effort: Effort) -> list[Table]:
    """Every length and number of series, under every engine."""
    torch.set_num_threads(1)
    rows = [
        row
        for length in sorted({min(length, effort.longest) for length in LENGTHS})
        for batch in BATCHES
        for row in _rows(length, batch, effort)
    ]
    return [
        Table(
            title="Prediction",
            columns={
                "length": "d",
                "series": "d",
                "predicted by": "",
                "ms a call": ".3f",
                "series a second": ",.0f",
                "times PyTorch": ".2f",
            },
            rows=rows,
            notes=(
                "Medians, with quartiles, on one thread; processor time; S=0.8.",
                "PyTorch, dense: the network alone, in evaluation mode without gradients, from a tensor to a tensor.",
                "Engines: Engine.predict, from an array to an array.",
            ),
        )
    ]


def _rows(length: int, batch: int, effort: Effort) -> list[tuple[Value, ...]]:
    say(f"prediction of {batch} x {length}")
    config = made_up_config(SparsityConfig(initial="random"))
    data = made_up_data(batch=batch, length=length)
    x = data.x_train[:batch]
    competitors = {DENSE: _dense(config, torch.tensor(x))}
    for name in usable_engines():
        engine = ENGINES[name](config, data, seed=SEED, device="cpu")
        engine.set_masks(initial_masks(config))
        competitors[name] = _calls(engine.predict, x)
    timings = take_turns(competitors, rounds=effort.rounds, block_seconds=effort.block_seconds)
    rows: list[tuple[Value, ...]] = []
    for name in competitors:
        seconds = timings.of(name).median
        faster = None if name == DENSE else timings.speed_up(name, over=DENSE)
        rows.append((length, batch, name, 1e3 * seconds, batch / seconds, faster))
    return rows


def _dense(config: RunConfig, x: torch.Tensor) -> Steps:
    """The network as PyTorch runs it; zeros among its weights make no difference to the speed, so it has none."""
    network = MODELS[config.model.name](config.model, config.sparsity, channels=1, classes=CLASSES, seed=SEED).eval()

    def predict(series: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            scores: torch.Tensor = network(series)
        return scores

    return _calls(predict, x)


def _calls(predict: Callable[[Any], Any], x: object) -> Steps:
    def run(number: int) -> None:
        for _ in range(number):
            predict(x)

    return run
