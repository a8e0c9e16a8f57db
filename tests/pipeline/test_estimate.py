"""How long a trial is expected to take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsn.config import DataConfig, RunConfig, TrainingConfig
from dsn.cost import count
from pipeline.estimate import OPERATIONS_PER_SECOND, estimated_seconds

CONFIG = RunConfig(data=DataConfig(source="npz", name="A"), training=TrainingConfig(epochs=10))
COST = count(CONFIG.model, CONFIG.sparsity, channels=1, length=100, classes=2)


@pytest.mark.parametrize(("every", "tests"), [(1, 10), (4, 3), (5, 2), (99, 1)])
def test_a_test_on_the_way_takes_as_long_as_the_one_at_the_end(every: int, tests: int) -> None:
    watched = replace(CONFIG, training=replace(CONFIG.training, eval_test_every=every))
    more = estimated_seconds(watched, COST, 30, 500) - estimated_seconds(CONFIG, COST, 30, 500)
    assert more == pytest.approx(tests * 500 * COST.flops_masked / OPERATIONS_PER_SECOND, rel=1e-9)
