"""What a trial wants against what there is."""

from __future__ import annotations

import math

import pytest

from dsn.errors import InvalidInput
from pipeline.planning.capacity import Capacity, Host
from pipeline.study.resources import Resources


@pytest.mark.parametrize(
    ("capacity", "wanted", "slots"),
    [
        (Capacity.of_one(cpus=2), Resources(), 2),
        (Capacity.of_one(cpus=5), Resources(cpus=2), 2),
        (Capacity.of_one(cpus=16, gpus=2), Resources(gpus=0.25), 8),
        (Capacity.of_one(cpus=4, gpus=2), Resources(gpus=0.25), 4),
        (Capacity.of_one(cpus=16, gpus=8), Resources(gpus=2), 4),
        (Capacity.of_one(cpus=99, gpus=1), Resources(gpus=0.2), 5),
        (Capacity.of_one(cpus=99, gpus=1), Resources(gpus=0.05), 20),
        (Capacity.of_one(cpus=99, gpus=2), Resources(gpus=0.4), 4),
        (Capacity.of_one(cpus=99, gpus=2), Resources(gpus=0.6), 2),
        (Capacity.of_one(cpus=16, gpus=2), Resources(), 16),
        (Capacity.of_one(cpus=16, memory=7 * 10**9), Resources(memory="2GB"), 3),
        (Capacity.of_one(cpus=2, memory=7 * 10**9), Resources(memory="2GB"), 2),
        (Capacity.of_one(cpus=16, memory=2 * 10**9), Resources(memory="2GB"), 1),
    ],
)
def test_trials_at_a_time(capacity: Capacity, wanted: Resources, slots: int) -> None:
    assert capacity.slots(capacity.fitted(wanted)) == slots


BIG = Host(name="big", cpus=16, gpus=0, memory=8 * 10**9)
FAST = Host(name="fast", cpus=4, gpus=2, memory=4 * 10**9)


@pytest.mark.parametrize(
    ("wanted", "slots"),
    [
        (Resources(), 20),
        (Resources(cpus=3), 5 + 1),
        (Resources(cpus=16), 1),
        (Resources(gpus=0.5), 4),
        (Resources(memory="3GB"), 2 + 1),
    ],
)
def test_a_trial_has_its_place_on_one_host(wanted: Resources, slots: int) -> None:
    there = Capacity(hosts=(BIG, FAST))
    assert there.slots(there.fitted(wanted)) == slots


@pytest.mark.parametrize(
    ("wanted", "key", "said"),
    [
        (Resources(cpus=17), "resources.cpus", "is more than any one host has, 16: no trial could start"),
        (Resources(gpus=3), "resources.gpus", "is more than any one host has, 2: no trial could start"),
        (
            Resources(cpus=8, gpus=1),
            "resources.gpus",
            "and as many cores are on no host together (8): no trial could start",
        ),
        (
            Resources(gpus=1, memory="5GB"),
            "resources.memory",
            "is more than any one host has for trials, 4000MB: no trial could start",
        ),
    ],
)
def test_what_no_host_has_is_refused(wanted: Resources, key: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Capacity(hosts=(BIG, FAST)).fitted(wanted)
    assert (caught.value.key, caught.value.problem) == (key, said)


def test_without_gpus_trials_run_on_the_cpu() -> None:
    assert Capacity.of_one(cpus=2).fitted(Resources(gpus=0.5)) == Resources(gpus=0)


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (Resources(cpus=3), "resources.cpus"),
        (Resources(gpus=2), "resources.gpus"),
        (Resources(memory="1001MB"), "resources.memory"),
    ],
)
def test_what_could_never_start_is_refused(wanted: Resources, key: str) -> None:
    with pytest.raises(InvalidInput, match="no trial could start") as caught:
        Capacity.of_one(cpus=2, gpus=1, memory=10**9).fitted(wanted)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("1.5 m", 90), ("2min", 120), ("2h", 7200), ("1d", 86400), (None, math.inf)]
)
def test_time_limits_in_seconds(written: str | None, seconds: float) -> None:
    assert Resources(time_limit=written).time_limit_seconds == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("500MB", 5 * 10**8), ("1.5 GB", 15 * 10**8), ("1GiB", 2**30), ("100000000B", 10**8), (None, None)],
)
def test_memory_in_bytes(written: str | None, size: int | None) -> None:
    assert Resources(memory=written).memory_bytes == size


@pytest.mark.parametrize("key", ["time_limit", "memory"])
@pytest.mark.parametrize("written", ["", "2", "s", "-2s", "0MB", "0s", "2 weeks", "1e3s", "2s2s", " 2s", "2GB\n"])
def test_what_is_no_quantity_is_refused(key: str, written: str) -> None:
    with pytest.raises(InvalidInput, match="must be a number above 0 with one of the units") as caught:
        Resources(**{key: written})
    assert caught.value.key == key
