"""What trials may use, as sums; without a cluster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.air.execution.resources.request import ResourceRequest

from pipeline.cluster.budget import LOOK_EVERY, Budget


class Cluster:
    """What there is, and what time it is."""

    def __init__(self, **total: float) -> None:
        self.total: Mapping[str, float] = total
        self.now = 0.0
        self.asked = 0

    def resources(self) -> Mapping[str, float]:
        self.asked += 1
        return self.total

    def clock(self) -> float:
        return self.now

    def budget(self) -> Budget:
        return Budget(self.resources, self.clock)


def test_workers_start_until_nothing_is_left_and_again_when_something_is_given_back() -> None:
    budget, one = Cluster(CPU=2.0).budget(), ResourceRequest([{"CPU": 1}])
    first, second = budget.acquire_resources(one), budget.acquire_resources(one)
    assert first is not None
    assert second is not None
    assert budget.acquire_resources(one) is None
    budget.free_resources(first)
    assert budget.has_resources_ready(one)
    budget.clear()
    assert [budget.acquire_resources(one) is None for _ in range(3)] == [False, False, True]


def test_each_resource_counts_and_what_a_cluster_has_not_fits_nowhere() -> None:
    budget = Cluster(CPU=8.0, GPU=1.0, memory=1e9).budget()
    assert budget.acquire_resources(ResourceRequest([{"CPU": 1, "memory": 6e8}])) is not None
    assert not budget.has_resources_ready(ResourceRequest([{"CPU": 1, "memory": 6e8}]))
    assert budget.has_resources_ready(ResourceRequest([{"CPU": 1, "memory": 4e8}]))
    assert not budget.has_resources_ready(ResourceRequest([{"CPU": 1, "TPU": 1}]))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.3333, 0.7])
def test_shares_of_a_gpu_add_up_to_whole_ones(share: float) -> None:
    budget, each = Cluster(CPU=64.0, GPU=1.0).budget(), ResourceRequest([{"CPU": 1, "GPU": share}])
    given = [budget.acquire_resources(each) for _ in range(int(1 / share))]
    assert None not in given
    assert budget.acquire_resources(each) is None


def test_machines_that_come_and_go_are_seen_within_a_second_while_somebody_waits() -> None:
    cluster, one = Cluster(CPU=1.0), ResourceRequest([{"CPU": 1}])
    budget = cluster.budget()
    assert budget.acquire_resources(one) is not None
    cluster.total = {"CPU": 2.0}
    assert not budget.has_resources_ready(one)
    assert cluster.asked == 1
    cluster.now += LOOK_EVERY
    assert budget.acquire_resources(one) is not None
    cluster.total, cluster.now = {"CPU": 1.0}, cluster.now + LOOK_EVERY
    # Two are used of one that is left.
    assert not budget.has_resources_ready(one)
    assert cluster.asked == 3


@given(st.lists(st.sampled_from([0.0001, 0.1, 0.25, 0.5, 1.0]), max_size=60), st.randoms())
def test_what_is_given_back_is_all_there_again(shares: list[float], random) -> None:
    budget = Cluster(GPU=3.0).budget()
    given = [budget.acquire_resources(ResourceRequest([{"GPU": share}])) for share in shares]
    assert sum(share for share, each in zip(shares, given, strict=True) if each) <= 3.0 + 1e-9
    held = [each for each in given if each is not None]
    random.shuffle(held)
    for each in held:
        budget.free_resources(each)
    assert budget.has_resources_ready(ResourceRequest([{"GPU": 3.0}]))
    assert not budget.has_resources_ready(ResourceRequest([{"GPU": 3.0001}]))
