"""What trials take of a GPU's memory, and how many then share one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from data_info import made_info
from hypothesis import given
from hypothesis import strategies as st
from study_text import plan_of, refusal

from dsn.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from pipeline.planning.capacity import Capacity, Host
from pipeline.planning.gpu_memory import CONTEXT, SHARES, gpu_bytes, left_for_tensors, share_of
from pipeline.study.resources import Resources

GB = 10**9
CONFIG = RunConfig(
    data=DataConfig(source="npz", name="A"),
    model=ModelConfig(channels=6, kernel_size=9, depth=2),
    training=TrainingConfig(batch_rule="fixed", batch_size=10),
)
INFO = replace(made_info(CONFIG.data), train_n=30, test_n=20, channels=1, length=50)


def test_the_estimate_counts_weights_outputs_and_series() -> None:
    """By hand: a first layer of one channel without a bottleneck, and a second with one."""
    weights = 6 * 1 * 9 + (6 * 2 * 9 + 6 * 2)
    outputs = 4 * 6 * 50
    training, predicting, series = 10 * outputs * 3, 30 * outputs * 2, (30 + 20) * 50
    assert training < predicting
    assert gpu_bytes(CONFIG, INFO) == CONTEXT + 4 * (7 * weights + 2 * predicting + series)
    deep = replace(CONFIG, model=replace(CONFIG.model, depth=8))
    weights += 6 * (6 * 2 * 9 + 6 * 2)
    assert gpu_bytes(deep, INFO) == CONTEXT + 4 * (7 * weights + 2 * 10 * outputs * 9 + series)


@pytest.mark.parametrize(
    ("wanted", "there", "share"),
    [
        (GB, 80 * GB, 1 / 64),
        (10 * GB, 80 * GB, 1 / 8),
        (11 * GB, 80 * GB, 1 / 6),
        (30 * GB, 80 * GB, 1 / 2),
        (50 * GB, 80 * GB, 1),
        (90 * GB, 80 * GB, 1),
    ],
)
def test_as_many_share_a_gpu_as_its_memory_bears(wanted: int, there: int, share: float) -> None:
    assert share_of(wanted, there) == pytest.approx(share, abs=1e-4)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_shares_are_such_that_ray_fits_in_as_many_as_were_meant(wanted: int, there: int) -> None:
    share = Fraction(repr(float(share_of(wanted, there))))
    assert (share * 10_000).denominator == 1, "what Ray counts in"
    number = next(number for number in SHARES if number * share <= 1 < (number + 1) * share)
    assert number == 1 or number * wanted <= there
    host = Host(cpus=100, gpus=1)
    assert host.slots(Resources(gpus=float(share))) == number


def test_the_shares_of_all_leave_room_for_what_no_limit_counts() -> None:
    there = 80 * GB
    for number in SHARES:
        tensors = left_for_tensors(1 / number, there)
        assert number * (tensors * there + CONTEXT) <= there * (1 + 1e-9)
    assert left_for_tensors(0.0001, there) > 0, "a limit of nothing would be refused"


def test_the_plan_says_what_each_trial_is_thought_to_take_and_a_figure_of_ones_own_stands(tmp_path: Path) -> None:
    text = "name: s\ndata: [{source: npz, path: /d, names: [A, B]}]\nresources: {gpus: 1, gpu_memory: auto}\n"
    for trial in plan_of(tmp_path, text).trials:
        assert trial.resources.gpu_memory_bytes == gpu_bytes(trial.config, made_info(trial.config.data))
    own = plan_of(tmp_path, text.replace("auto", "3GB"))
    assert {trial.resources.gpu_memory_bytes for trial in own.trials} == {3 * GB}
    assert {trial.trial_id for trial in own.trials} == {trial.trial_id for trial in plan_of(tmp_path, text).trials}


@pytest.mark.parametrize("gpus", ["0", "0.5", "2"])
def test_it_divides_one_gpu_alone(tmp_path: Path, gpus: str) -> None:
    text = "name: s\ndata: [{source: npz, path: /d, names: [A]}]\n"
    error, _ = refusal(tmp_path, text + f"resources: {{gpus: {gpus}, gpu_memory: auto}}\n")
    assert "so resources.gpus must be 1" in str(error)


def test_without_a_gpu_it_means_nothing() -> None:
    assert Capacity.of_one(cpus=2).fitted(Resources(gpus=1, gpu_memory="2GB")) == Resources()
