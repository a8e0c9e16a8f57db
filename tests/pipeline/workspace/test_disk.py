"""The estimate of what results take, against what they take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsn.data import describe
from dsn.engines import ENGINES
from pipeline.planning.plan import Plan, TrialSpec, make_plan
from pipeline.study.spec import Tracking, read_study
from pipeline.trial.outcome import ACTIVE_WEIGHTS, MASK_UPDATES, NETWORK, Checkpoint
from pipeline.trial.training import run_trial, trial_epochs
from pipeline.workspace.disk import (
    BYTES_A_METRIC,
    checkpoint_bytes,
    checkpoints_bytes,
    disk_space,
    estimated_bytes,
    network_bytes,
    shown_size,
    sparsity_bytes,
)

STUDY = """\
name: s
data: [{source: npz, path: Some.npz, names: [Some]}]
base: {training.epochs: 12, model.channels: 48, sparsity.update_every: 1}
arms:
  sparse: {}
  sparser: {sparsity.level: 0.95}
  one-group: {sparsity.groups: 1}
  every-step: {sparsity.update_unit: steps}
  dense: {sparsity.level: dense}
seeds: 1
"""


TRAIN_N = 4


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    x, y = np.random.default_rng(1).normal(size=(TRAIN_N, 2, 30)), [0, 1, 0, 1]
    np.savez(tmp_path / "Some.npz", X_train=x, y_train=y, X_test=x, y_test=y)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    return make_plan(read_study(tmp_path / "study.yaml"), describe)


@pytest.fixture
def by_arm(plan: Plan) -> dict[str, TrialSpec]:
    return {trial.arm: trial for trial in plan.trials}


def _estimated(plan: Plan, trials: Iterable[TrialSpec], tracking: Tracking) -> int:
    return estimated_bytes(replace(plan, trials=tuple(trials)), tracking)


def test_the_estimate_is_no_less_than_what_real_artifacts_weigh_and_not_far_above(
    plan: Plan,
) -> None:
    assert len(plan.trials) == 5
    for trial in plan.trials:
        artifacts = run_trial(trial).artifacts
        network = len(artifacts[NETWORK])
        headers = 20_000  # some 300 bytes for each of about 50 arrays, and the configuration
        assert network < network_bytes(trial.cost) + headers
        # Half of it may be air: short trainings leave masks that compress better.
        assert network_bytes(trial.cost) < 2 * network
        alone = _estimated(plan, [trial], Tracking(uri="http://elsewhere")) - _estimated(plan, [], Tracking())
        assert sum(map(len, artifacts.values())) < alone
        updates, weights = len(artifacts[MASK_UPDATES]), len(artifacts[ACTIVE_WEIGHTS])
        schemas = 8_000  # of the two files, whatever they hold: 7 kB
        assert updates + weights < sparsity_bytes(trial.config, TRAIN_N) + schemas


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("moments", ["warm", "fresh"])
def test_the_estimate_of_a_checkpoint_is_no_less_than_a_real_one_and_not_far_above(
    plan: Plan, engine: str, moments: str
) -> None:
    for trial in plan.trials:
        sparsity = trial.config.sparsity
        if sparsity.level == "dense" and moments == "fresh":
            continue
        config = replace(trial.config, sparsity=replace(sparsity, moments=moments, grow="gradient"))
        each = replace(trial, config=config, engine=engine)
        sizes = [
            len(step.content)
            for step in trial_epochs(each, keep_model=False, checkpoint_every=0)
            if isinstance(step, Checkpoint)
        ]
        assert len(sizes) == 11, "none after the last of 12 epochs"
        assert sizes[-1] < checkpoint_bytes(each, TRAIN_N) < 3 * sizes[-1]


def test_checkpoints_are_counted_for_the_trials_that_run_at_a_time_and_one_that_is_written(plan: Plan) -> None:
    largest = max(checkpoint_bytes(trial, TRAIN_N) for trial in plan.trials)
    assert checkpoints_bytes(plan, 2) == pytest.approx(3 * largest, abs=1)
    assert checkpoints_bytes(plan, 100) == pytest.approx(6 * largest, abs=1), "five trials"
    assert checkpoints_bytes(replace(plan, trials=()), 2) == 0


def test_what_is_kept_elsewhere_or_not_at_all_takes_nothing(plan: Plan) -> None:
    here = estimated_bytes(plan, Tracking())
    elsewhere = estimated_bytes(plan, Tracking(uri="http://elsewhere"))
    nothing = estimated_bytes(plan, Tracking(keep_models="none"))
    networks = sum(network_bytes(trial.cost) for trial in plan.trials)
    assert here - nothing == pytest.approx(2 * networks, abs=1)
    assert here - elsewhere > networks


def test_the_learning_curve_in_mlflow_is_bounded(plan: Plan) -> None:
    few, many = (estimated_bytes(plan, Tracking(curve_points=points)) for points in (0, 12))
    assert few < many == estimated_bytes(plan, Tracking(curve_points=10_000))


def test_the_disk_of_a_folder_that_is_not_made_yet_is_that_of_the_one_above(tmp_path: Path) -> None:
    there, later = disk_space(tmp_path), disk_space(tmp_path / "not" / "yet")
    assert there.total == later.total > there.free > 0


@pytest.mark.parametrize(
    ("count", "text"), [(999, "1 kB"), (45e6, "45 MB"), (2.54e6, "2.5 MB"), (3.21e9, "3.2 GB"), (72e9, "72 GB")]
)
def test_sizes_read_as_people_say_them(count: float, text: str) -> None:
    assert shown_size(count) == text


def test_a_longer_training_takes_more(plan: Plan) -> None:
    longer = [
        replace(trial, config=replace(trial.config, training=replace(trial.config.training, epochs=1000)))
        for trial in plan.trials
    ]
    assert _estimated(plan, longer, Tracking()) > estimated_bytes(plan, Tracking())


def test_what_explores_records_more_than_what_does_not(by_arm: dict[str, TrialSpec]) -> None:
    config = by_arm["sparse"].config
    configs = {arm: trial.config for arm, trial in by_arm.items()}
    configs["fixed"] = replace(config, sparsity=replace(config.sparsity, explore=False))
    found = {arm: sparsity_bytes(config, TRAIN_N) for arm, config in configs.items()}
    # 12 updates in 3 groups of 4 layers, of some 10 bytes; where the weights are is recorded of both.
    assert found["sparse"] - found["fixed"] == 12 * 3 * 4 * 10
    assert found["every-step"] - found["fixed"] == 2 * (found["sparse"] - found["fixed"]), "an epoch has two steps"
    assert found["sparse"] > found["one-group"] > found["fixed"] > found["dense"] == 0


def test_each_test_on_the_way_is_a_point_of_a_curve(plan: Plan) -> None:
    trial = plan.trials[0]
    watched = replace(trial, config=replace(trial.config, training=replace(trial.config.training, eval_test_every=5)))
    points = {
        count: _estimated(plan, [watched], Tracking(curve_points=count))
        - _estimated(plan, [trial], Tracking(curve_points=count))
        for count in (0, 2, 100)
    }
    assert points == {0: 0, 2: 2 * BYTES_A_METRIC, 100: 3 * BYTES_A_METRIC}, "after epochs 5, 10 and 12"
