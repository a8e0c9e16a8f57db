"""Estimates that measured trials correct: what is learnt of a data set, an arm, a cell, and what one odd trial does."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.data import describe
from pipeline.planning.correction import (
    FEWEST,
    SHRINKAGE,
    Correction,
    Estimate,
    Measured,
    corrected_by,
    error_factor,
)
from pipeline.planning.plan import make_plan
from pipeline.study.spec import read_study

ROOT = Path(__file__).parents[3]
ARMS, DATASETS = "xyz", "ABCDE"


def _measured(ratio: float, *, arm: str = "x", dataset: str = "A", planned: float = 10.0) -> Measured:
    return Measured(estimate=Estimate(arm=arm, dataset=dataset, seconds=planned), seconds=planned * ratio)


def _grid(ratio: dict[tuple[str, str], float], seeds: int) -> list[Measured]:
    return [_measured(each, arm=arm, dataset=dataset) for (arm, dataset), each in ratio.items() for _ in range(seeds)]


def test_without_a_measured_trial_the_plan_is_believed() -> None:
    assert corrected_by([]) == Correction()
    assert Correction().seconds(Estimate(arm="x", dataset="A", seconds=7.0)) == 7.0


def test_what_all_trials_have_in_common_goes_for_those_of_other_arms_and_data_sets_too() -> None:
    correction = corrected_by([_measured(3.0, arm=arm, dataset=dataset) for arm in "xy" for dataset in "AB"])
    assert correction.factor("z", "C") == pytest.approx(3.0, rel=1e-12)
    assert correction.factor("x", "A") == pytest.approx(3.0, rel=1e-12)


def test_a_long_trial_says_more_of_the_scale_than_short_ones() -> None:
    """Of what is short, most may be what no plan knows of: a process that starts, a file that is read."""
    short = [_measured(9.0, planned=1.0) for _ in range(5)]
    correction = corrected_by([*short, _measured(2.0, dataset="B", planned=6.0)])
    assert correction.factor("y", "C") == pytest.approx(2.0, rel=1e-12)
    assert corrected_by([_measured(2.0), _measured(8.0)]).overall == pytest.approx(math.log(4.0)), "equal ones"


def test_a_data_set_is_believed_the_more_the_more_of_its_trials_are_measured() -> None:
    """A takes four times as long as the others do; by trials of arms that are nowhere else."""
    others = [_measured(1.0, arm=arm, dataset=dataset) for arm in "uvwxy" for dataset in "BCDE"]
    found = [
        corrected_by([*others, *(_measured(4.0, arm=arm, dataset="A") for arm in "abcdefghi"[:count])])
        for count in (1, 3, 9)
    ]
    factors = [each.factor("new", "A") for each in found]
    assert 1 < factors[0] < factors[1] < factors[2] < 4
    assert {each.factor("new", "B") for each in found} == {1.0}


def test_arms_and_data_sets_are_told_apart() -> None:
    """Arm y takes thrice as long, data set B twice; the cell of both has not been measured."""
    slow = {arm: 3.0 if arm == "y" else 1.0 for arm in ARMS}
    large = {dataset: 2.0 if dataset == "B" else 1.0 for dataset in DATASETS}
    ratio = {(arm, dataset): slow[arm] * large[dataset] for arm in ARMS for dataset in DATASETS}
    del ratio["y", "B"]
    correction = corrected_by(_grid(ratio, 10))
    # By 20 trials of the data set, and by 40 of the arm.
    believed = 2 ** (20 / (20 + SHRINKAGE)) * 3 ** (40 / (40 + SHRINKAGE))
    assert correction.factor("y", "B") == pytest.approx(believed, rel=1e-12)
    assert correction.factor("x", "A") == pytest.approx(1.0, rel=1e-12)


def test_other_seeds_tell_what_neither_arm_nor_data_set_does() -> None:
    ratio = {(arm, dataset): 5.0 if (arm, dataset) == ("y", "B") else 1.0 for arm in ARMS for dataset in DATASETS}
    correction = corrected_by(_grid(ratio, 9))
    assert correction.factor("y", "B") == pytest.approx(5 ** (9 / (9 + SHRINKAGE)), rel=1e-12)
    assert correction.factor("y", "A") == correction.factor("x", "B") == 1.0


@given(odd=st.floats(1e-6, 1e6), seeds=st.integers(2, 5))
def test_one_odd_trial_among_others_of_its_cell_moves_nothing(odd: float, seeds: int) -> None:
    """One that hung for an hour, or that a clock cut short."""
    measured = _grid({(arm, dataset): 2.0 for arm in ARMS for dataset in DATASETS}, seeds)
    undisturbed = corrected_by(measured)
    assert undisturbed.factor("x", "A") == pytest.approx(2.0, rel=1e-12)
    assert corrected_by([*measured, _measured(odd)]) == undisturbed


@given(odd=st.floats(1e-6, 1e6))
def test_one_odd_trial_that_is_all_that_is_known_of_its_data_set_is_half_believed(odd: float) -> None:
    """For other arms; for those that are measured elsewhere, nothing changes."""
    measured = _grid({(arm, dataset): 1.0 for arm in "xy" for dataset in "BCDE"}, 3)
    correction = corrected_by([*measured, _measured(odd)])
    assert abs(math.log(correction.factor("y", "A"))) <= abs(math.log(odd)) / (1 + SHRINKAGE) + 1e-12
    assert correction.factor("y", "B") == 1.0


@given(
    st.lists(
        st.tuples(st.sampled_from(ARMS), st.sampled_from(DATASETS), st.floats(0.1, 10.0), st.floats(0.01, 1e4)),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_trials_are_done_does_not_matter(
    trials: list[tuple[str, str, float, float]], random: st.DataObject
) -> None:
    measured = [_measured(ratio, arm=arm, dataset=dataset, planned=planned) for arm, dataset, ratio, planned in trials]
    shuffled = list(measured)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert corrected_by(shuffled) == corrected_by(measured)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan, 5e-324, 1.7e308, 1.1e7])
def test_what_is_no_time_is_passed_over(seconds: float) -> None:
    nonsense = Measured(estimate=Estimate(arm="x", dataset="A", seconds=10.0), seconds=seconds)
    assert corrected_by([nonsense]) == Correction()
    assert corrected_by([nonsense, _measured(2.0)]) == corrected_by([_measured(2.0)])


def test_how_right_it_is_is_said_from_trials_that_did_not_make_it() -> None:
    """Two seeds of a cell, of which one takes 1.5 times as long: each half knows the other one alone."""
    assert error_factor([_measured(1.0)] * (FEWEST - 1)) is None
    assert error_factor([_measured(7.0)] * FEWEST) == pytest.approx(1.0)
    assert error_factor([_measured(1.0), _measured(1.5)] * 8) == pytest.approx(1.5)


KEPT = {"fig7_dynamic_vs_fixed_vs_gradient": "cheapest", "fresh_vs_warm": None}
"""Studies whose results are kept, and whose data sets are known without their files -> profile."""


@pytest.mark.parametrize("name", KEPT)
def test_real_trials_are_foretold_better_by_the_others_than_by_the_plan(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of seconds each, on a server: the plan is wrong by a scale, and by data set."""
    monkeypatch.setenv("DSN_DATA", "/nowhere")
    profile = KEPT[name]
    measured = _kept(name, profile)
    logs = [each.log_ratio for each in measured]
    middle = median(logs)
    by_plan = math.exp(median(abs(each - middle) for each in logs))
    by_others = error_factor(measured)
    print(f"{name}: {len(measured)} trials, half within {by_plan:.2f} times of the plan, {by_others:.2f} corrected")
    assert by_others is not None
    assert math.log(by_others) < math.log(by_plan) / 2


def _kept(name: str, profile: str | None) -> list[Measured]:
    plan = make_plan(read_study(ROOT / f"studies/{name}.yaml", profile, ("engine=native",)), describe)
    planned = {(trial.arm, trial.config.data.name, trial.seed): trial.seconds for trial in plan.trials}
    folder = ROOT / "studies/results" / (f"{name}@{profile}" if profile else name)
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "done"]
    keys = [(row["arm"], row["dataset"], int(row["seed"])) for row in rows]
    took = [float(row["train_seconds"]) + float(row["test_seconds"]) for row in rows]
    assert len(rows) >= 80
    return [
        Measured(estimate=Estimate(arm=key[0], dataset=key[1], seconds=planned[key]), seconds=seconds)
        for key, seconds in zip(keys, took, strict=True)
    ]
