"""The simulated driver against queueing theory, where theory has an answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.driver_queue import Bounds, Load, Service, Simulated, simulate

DRIVER = Service(trial=0.01, report=0.0, slot=0.0, store=0.0)

SECONDS = st.floats(0.001, 10.0)


@given(
    load=st.builds(Load, slots=st.integers(1, 20), seconds=SECONDS, every=SECONDS | st.just(math.inf)),
    service=st.builds(Service, trial=SECONDS, report=SECONDS, slot=st.just(0.0) | SECONDS, store=SECONDS),
    trials=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1) | st.none(),
)
def test_operational_laws_hold_of_every_run(load: Load, service: Service, trials: int, seed: int | None) -> None:
    random = None if seed is None else np.random.default_rng(seed)
    found = simulate(load, service, trials, random=random)
    trial, report = service.at(load.slots)
    # The utilisation law, exactly: what was served is what was asked for.
    assert found.busy == pytest.approx(trials * trial + (found.visits - trials) * report)
    assert found.utilisation <= 1 + 1e-9
    assert found.trials == trials <= found.visits
    # Little's law: those at the driver, on average, are never more than there are slots.
    assert (found.waited + found.busy) / found.seconds <= min(load.slots, trials) * (1 + 1e-9)
    if seed is None:
        bounds = Bounds.of(load, service)
        assert found.visits == trials * (1 + load.reports)
        # A study of few trials ends before some slots ask again: what was trained in all is the bound.
        assert found.throughput <= bounds.throughput * (1 + 1e-9) or trials < load.slots
        assert found.throughput <= bounds.driver * (1 + 1e-9)
    # The process behind it: never ahead, and behind by no more than all of its work.
    assert 0 <= found.lag <= trials * service.store * (1 + 1e-9)


def _long(load: Load, *, seed: int | None = None, service: Service = DRIVER, trials: int = 20_000) -> Simulated:
    return simulate(load, service, trials, random=None if seed is None else np.random.default_rng(seed))


@pytest.mark.parametrize(("slots", "seconds"), [(1, 1.0), (4, 1.0), (90, 1.0)])
def test_below_saturation_equal_trials_come_as_they_are_asked_for(slots: int, seconds: float) -> None:
    """The driver itself spaces the slots at their start, after which nobody waits for anybody."""
    load = Load(slots=slots, seconds=seconds)
    found, bounds = _long(load), Bounds.of(load, DRIVER)
    assert bounds.asked < bounds.driver
    # Over n trials only the first round, and the last, differ from the steady state.
    assert found.throughput == pytest.approx(bounds.asked, rel=2 * slots / found.trials + 1e-6)
    assert found.waited == pytest.approx(sum(range(slots)) * DRIVER.trial)


@pytest.mark.parametrize("seed", [None, 0])
def test_above_saturation_the_driver_is_all_that_counts(seed: int | None) -> None:
    load = Load(slots=300, seconds=1.0)
    found, bounds = _long(load, seed=seed), Bounds.of(load, DRIVER)
    assert bounds.driver == 100 < bounds.asked
    # The driver idles while the first trial trains, and hardly ever after.
    assert found.throughput == pytest.approx(bounds.driver, rel=0.02)
    # Little's law: of 300 slots 100 train, and 200 wait or are served.
    assert (found.waited + found.busy) / found.seconds == pytest.approx(200, rel=0.03)


def test_many_long_trials_make_an_m_d_1_queue() -> None:
    """Trials of random length on many slots end like a Poisson stream: Pollaczek and Khinchine's mean wait."""
    slots, busy = 2000, 0.6
    load = Load(slots=slots, seconds=slots * DRIVER.trial / busy)
    wait = busy * DRIVER.trial / (2 * (1 - busy))
    waits = [_long(load, seed=seed, trials=50_000).wait for seed in range(4)]
    # Of four runs the mean is as uncertain as they differ; and their last 2,000 of 50,000 trials end ever more seldom.
    uncertain = 3 * float(np.std(waits, ddof=1)) / 2
    assert np.mean(waits) == pytest.approx(wait, abs=uncertain + wait * slots / 50_000)


@pytest.mark.parametrize(("store", "keeps_up"), [(0.05, True), (0.2, False)])
def test_mlflow_falls_behind_as_trials_come_faster_than_it_writes(store: float, keeps_up: bool) -> None:
    load, service = Load(slots=10, seconds=1.0), Service(trial=0.01, report=0.0, slot=0.0, store=store)
    found = _long(load, service=service, trials=2000)
    if keeps_up:
        assert found.lag <= 10 * store
    else:
        assert found.lag == pytest.approx(2000 * store - found.seconds, abs=2.0)


def test_reports_alone_can_saturate_a_driver() -> None:
    """1,000 slots that each report every 2 s are 500 reports a second, whatever the trials take."""
    load = Load(slots=1000, seconds=600.0, every=2.0)
    service = Service(trial=0.01, report=0.004, slot=0.0, store=0.0)
    bounds, found = Bounds.of(load, service), simulate(load, service, 3000)
    assert load.reports == 299
    assert bounds.throughput == bounds.driver == pytest.approx(1 / (0.01 + 299 * 0.004))
    assert found.throughput == pytest.approx(bounds.driver, rel=0.02)
    assert found.utilisation > 0.98
