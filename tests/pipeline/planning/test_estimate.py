"""How long a trial is expected to take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import dsn.native.library
from dsn.config import DataConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.cost import count
from dsn.engine_choice import choose_engine
from dsn.engines import ENGINES
from pipeline.planning.estimate import PACES, estimated_seconds, expected_engine
from pipeline.study.resources import Resources

CONFIG = RunConfig(data=DataConfig(source="npz", name="A"), training=TrainingConfig(epochs=10))
COST = count(CONFIG.model, CONFIG.sparsity, channels=1, length=100, classes=2)


def _estimated(sparsity: SparsityConfig, engine: str) -> float:
    return estimated_seconds(replace(CONFIG, sparsity=sparsity), COST, 30, 500, engine)


def test_every_engine_has_a_pace() -> None:
    assert set(ENGINES) <= set(PACES)


@pytest.mark.parametrize("engine", PACES)
@pytest.mark.parametrize(("every", "tests"), [(1, 10), (4, 3), (5, 2), (99, 1)])
def test_a_test_on_the_way_takes_as_long_as_the_one_at_the_end(every: int, tests: int, engine: str) -> None:
    watched = replace(CONFIG, training=replace(CONFIG.training, eval_test_every=every))
    more = estimated_seconds(watched, COST, 30, 500, engine) - estimated_seconds(CONFIG, COST, 30, 500, engine)
    forward = COST.flops if engine == "native" else COST.flops_masked
    assert more == pytest.approx(tests * 500 * forward / PACES[engine].operations, rel=1e-9)


@pytest.mark.parametrize("engine", PACES)
def test_more_cores_make_a_trial_shorter_and_dearer(engine: str) -> None:
    seconds = [estimated_seconds(CONFIG, COST, 30, 500, engine, cpus=cpus) for cpus in (1, 2, 4, 64)]
    assert seconds == sorted(seconds, reverse=True)
    core_seconds = [each * cpus for each, cpus in zip(seconds, (1, 2, 4, 64), strict=True)]
    assert core_seconds == sorted(core_seconds)
    overhead = 10 * CONFIG.training.steps_per_epoch(30) * PACES[engine].overhead
    # Amdahl's law on what is not overhead: a tenth of it is not shared out.
    assert seconds[1] - overhead == pytest.approx((seconds[0] - overhead) * 0.55, rel=1e-9)


def test_the_native_engine_computes_dense_gradients_only_where_dense_moments_are_kept() -> None:
    least = _estimated(SparsityConfig(explore=False), "native")
    assert _estimated(SparsityConfig(moments="fresh"), "native") == least
    assert _estimated(SparsityConfig(moments="fresh", grow="gradient"), "native") == least
    most = _estimated(SparsityConfig(moments="warm"), "native")
    assert _estimated(SparsityConfig(moments="fresh", grow="momentum"), "native") == most
    extra = 10 * 30 * (COST.flops_masked - COST.flops) / PACES["native"].operations
    assert most - least == pytest.approx(extra, rel=1e-9)
    assert most < _estimated(SparsityConfig(moments="warm"), "torch")


def test_the_estimate_is_for_the_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert expected_engine("auto", Resources()) == choose_engine("auto").name
    assert expected_engine("auto", Resources(gpus=0.5)) == "torch"
    assert expected_engine("torch", Resources()) == "torch"
    monkeypatch.setattr(dsn.native.library, "FOLDER", tmp_path)
    assert expected_engine("auto", Resources()) == "torch"
