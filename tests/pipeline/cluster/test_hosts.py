"""Which hosts trials may be placed on, as hosts come and go; without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from dsn.config import DataConfig
from pipeline.cluster import hosts
from pipeline.cluster.hosts import ExaminedHosts
from pipeline.errors import UnfitHosts
from pipeline.planning.capacity import Capacity, Host
from pipeline.study.resources import Resources

A, B, C = (Host(name=name, cpus=4, gpus=0) for name in ("a (10.0.0.1)", "b (10.0.0.2)", "c (10.0.0.3)"))
DATA = {DataConfig(source="aeon", name="UnitTest"): "0" * 64}
LACKS = ("data set UnitTest: no such folder",)


@dataclass(kw_only=True)
class Cluster:
    """What Ray would say: the hosts, what each answers (None: not yet), and what time it is."""

    there: dict[str, Host] = field(default_factory=dict)
    answers: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)

    def hosts(self, each: Resources) -> ExaminedHosts:
        return ExaminedHosts(each, DATA, self.said.append, lambda there: self.changes.append(len(there.hosts)))

    def later(self, examined: ExaminedHosts) -> bool:
        self.now += 60
        return examined.look()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()

    class Examination:
        def __init__(self, node: str, data: Mapping[DataConfig, str]) -> None:
            assert data == DATA
            made.asked.append(node)
            self._node = node

        def problems(self, *, wait: bool) -> tuple[str, ...] | None:
            return made.answers.get(self._node, ())

    monkeypatch.setattr(hosts, "Examination", Examination)
    monkeypatch.setattr(hosts, "hosts_there", lambda: dict(made.there))
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    return made


def test_every_host_with_room_for_a_trial_is_asked_and_no_other(cluster: Cluster) -> None:
    cluster.there = {"1": A, "2": B, "head": Host(name="head", cpus=0, gpus=0)}
    examined = cluster.hosts(Resources())
    examined.admit_all()
    assert sorted(cluster.asked) == ["1", "2"]
    assert examined.capacity == Capacity(hosts=(A, B))
    assert examined.labels() == {"ray.io/node-id": "in(1,2)"}, "Ray knows no blanks there"
    (said,) = cluster.said
    assert said.startswith("cluster: 2 hosts: a (10.0.0.1) with 4 CPUs and 0 GPUs, b (10.0.0.2) with 4 CPUs and 0 GPUs")


def test_a_host_that_lacks_something_ends_the_run_before_it_begins(cluster: Cluster) -> None:
    cluster.there, cluster.answers = {"1": A, "2": B}, {"2": LACKS}
    with pytest.raises(UnfitHosts) as caught:
        cluster.hosts(Resources()).admit_all()
    assert str(caught.value) == (
        "1 of 2 hosts cannot train this study, and nothing was trained:\n"
        "  host b (10.0.0.2): data set UnitTest: no such folder"
    )


def test_a_host_that_joins_is_asked_before_it_is_given_anything(cluster: Cluster) -> None:
    cluster.there = {"1": A}
    examined = cluster.hosts(Resources())
    examined.admit_all()
    cluster.there, cluster.answers = {"1": A, "2": B, "3": C}, {"2": None, "3": LACKS}
    assert not cluster.later(examined)
    assert examined.capacity == Capacity(hosts=(A,))
    assert cluster.said[1:] == [
        "cluster: host c (10.0.0.3) has joined, but is given no trial: data set UnitTest: no such folder"
    ]
    cluster.answers["2"] = ()
    assert not cluster.later(examined)
    assert cluster.said[2:] == ["cluster: host b (10.0.0.2) has joined"]
    assert examined.capacity == Capacity(hosts=(A, B))
    assert cluster.changes == [2]
    assert cluster.asked == ["1", "2", "3"], "each once"


def test_a_host_that_leaves_is_named_and_what_is_left_still_serves(cluster: Cluster) -> None:
    cluster.there = {"1": A, "2": B}
    examined = cluster.hosts(Resources())
    examined.admit_all()
    both, cluster.there = examined.labels(), {"1": A}
    assert cluster.later(examined)
    assert cluster.said[1:] == ["cluster: host b (10.0.0.2) has left; what it trained is trained elsewhere"]
    assert examined.serves(both)
    assert examined.labels() == {"ray.io/node-id": "in(1)"}
    cluster.there = {}
    assert cluster.later(examined)
    assert not examined.serves(both)
    assert examined.capacity == Capacity(hosts=())
    # It comes back, as another to Ray.
    cluster.there = {"4": B}
    assert not cluster.later(examined)
    assert not examined.serves(both)
    assert examined.serves(examined.labels())
    assert cluster.changes == [1, 0, 1]


def test_ray_is_not_asked_at_every_turn(cluster: Cluster) -> None:
    cluster.there = {"1": A}
    examined = cluster.hosts(Resources())
    examined.admit_all()
    cluster.there = {}
    assert not examined.look()
    assert examined.capacity == Capacity(hosts=(A,))
