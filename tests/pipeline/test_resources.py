"""What a trial wants against what there is."""

from __future__ import annotations

import pytest

from dsn.errors import InvalidInput
from pipeline.resources import Capacity, Resources


@pytest.mark.parametrize(
    ("capacity", "wanted", "slots"),
    [
        (Capacity(cpus=2, gpus=0), Resources(), 2),
        (Capacity(cpus=5, gpus=0), Resources(cpus=2), 2),
        (Capacity(cpus=16, gpus=2), Resources(gpus=0.25), 8),
        (Capacity(cpus=4, gpus=2), Resources(gpus=0.25), 4),
        (Capacity(cpus=16, gpus=8), Resources(gpus=2), 4),
        (Capacity(cpus=99, gpus=1), Resources(gpus=0.2), 5),
        (Capacity(cpus=99, gpus=1), Resources(gpus=0.05), 20),
        (Capacity(cpus=99, gpus=2), Resources(gpus=0.4), 4),
        (Capacity(cpus=99, gpus=2), Resources(gpus=0.6), 2),
        (Capacity(cpus=16, gpus=2), Resources(), 16),
    ],
)
def test_trials_at_a_time(capacity: Capacity, wanted: Resources, slots: int) -> None:
    assert capacity.slots(capacity.fitted(wanted)) == slots


def test_without_gpus_trials_run_on_the_cpu() -> None:
    assert Capacity(cpus=2, gpus=0).fitted(Resources(gpus=0.5)) == Resources(gpus=0)


@pytest.mark.parametrize(
    ("wanted", "key"), [(Resources(cpus=3), "resources.cpus"), (Resources(gpus=2), "resources.gpus")]
)
def test_what_could_never_start_is_refused(wanted: Resources, key: str) -> None:
    with pytest.raises(InvalidInput, match="no trial could start") as caught:
        Capacity(cpus=2, gpus=1).fitted(wanted)
    assert caught.value.key == key
