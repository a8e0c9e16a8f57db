"""The hosts of a cluster: which there are, and which trials may be placed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import ray

from dsn.config import DataConfig
from pipeline.cluster.examination import Examination
from pipeline.errors import UnfitHosts
from pipeline.planning.capacity import Capacity, Host
from pipeline.study.resources import Resources

_LOOK_EVERY = 5.0
"""Seconds between two looks at which hosts there are."""

_NODE = "ray.io/node-id"
"""The label that every host has, by which Ray tells it from all others."""

Say = Callable[[str], None]


class Placement(Protocol):
    """Where trials may be placed, at this moment."""

    @property
    def capacity(self) -> Capacity: ...

    def labels(self) -> Mapping[str, str]:
        """Those that a host must have, as Ray selects by them. There is one, or nothing is to be placed now."""
        ...

    def serves(self, labels: Mapping[str, str]) -> bool:
        """Whether there still is a host that has them."""
        ...

    def look(self) -> bool:
        """Asked now and then, as hosts come and go; whether some have gone."""
        ...


@dataclass(frozen=True, kw_only=True)
class Anywhere:
    """Ray on this machine alone: it has what the driver has."""

    capacity: Capacity

    def labels(self) -> Mapping[str, str]:
        return {}

    def serves(self, labels: Mapping[str, str]) -> bool:
        return True

    def look(self) -> bool:
        return False


def hosts_there() -> dict[str, Host]:
    """The hosts that live, by Ray's id of them; a host that comes back has another."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return {node["NodeID"]: _host(node) for node in nodes if node["Alive"]}


def capacity_there() -> Capacity:
    """What all hosts have together."""
    return Capacity(hosts=tuple(hosts_there().values()))


def _host(node: Mapping[str, object]) -> Host:
    there = node["Resources"]
    assert isinstance(there, Mapping)
    return Host(
        name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})",
        cpus=int(there.get("CPU", 0)),
        gpus=int(there.get("GPU", 0)),
        memory=int(there.get("memory", 0)),
    )


class ExaminedHosts:
    """Hosts that were asked whether they can train what is to be trained; on no other is a trial placed.

    A host that joins while trials run is asked too, and one that leaves is left out. Otherwise a host without the data
    would be the quickest of all, and swallow the whole study.

    Args:
        each: what a trial is given; hosts without room for one are not asked.
        data: content hash of every data set of the run.
        say: takes a line about a host that comes, goes or is not fit.
        changed: told of the capacity whenever it has changed.
    """

    def __init__(
        self, each: Resources, data: Mapping[DataConfig, str], say: Say, changed: Callable[[Capacity], None]
    ) -> None:
        self._each = each
        self._data = data
        self._say = say
        self._changed = changed
        self._asked: dict[str, Examination] = {}
        self._fit: dict[str, Host] = {}
        self._unfit: dict[str, Host] = {}
        self._looked = time.monotonic()

    def admit_all(self) -> None:
        """Ask every host that there is, and wait for the answers.

        Raises:
            UnfitHosts: some lack something; nothing has been trained.
        """
        there = self._with_room()
        self._say(f"cluster: {_described(list(there.values()))}; each is asked for the data and the software")
        asked = {node: Examination(node, self._data) for node in there}
        answers = {host.name: asked[node].problems(wait=True) for node, host in there.items()}
        problems = {name: found for name, found in answers.items() if found}
        if problems:
            raise UnfitHosts(problems, total=len(there))
        self._fit = there

    @property
    def capacity(self) -> Capacity:
        return Capacity(hosts=tuple(self._fit.values()))

    def labels(self) -> Mapping[str, str]:
        return {_NODE: f"in({','.join(sorted(self._fit))})"}

    def serves(self, labels: Mapping[str, str]) -> bool:
        return any(node in labels[_NODE] for node in self._fit)

    def look(self) -> bool:
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return False
        self._looked = now
        there, before = self._with_room(), dict(self._fit)
        for node in [node for node in before if node not in there]:
            self._say(f"cluster: host {self._fit.pop(node).name} has left; what it trained is trained elsewhere")
        known = {*self._fit, *self._unfit, *self._asked}
        self._asked |= {node: Examination(node, self._data) for node in there if node not in known}
        for node in list(self._asked):
            self._hear(node, there.get(node))
        if self._fit != before:
            self._changed(self.capacity)
        return bool(before.keys() - self._fit.keys())

    def _hear(self, node: str, host: Host | None) -> None:
        """The answer of a host that has joined, once it is there; None: it has left again."""
        found = () if host is None else self._asked[node].problems(wait=False)
        if found is None:
            return
        del self._asked[node]
        if host is None:
            return
        if found:
            self._unfit[node] = host
            self._say(f"cluster: host {host.name} has joined, but is given no trial: {'; '.join(found)}")
        else:
            self._fit[node] = host
            self._say(f"cluster: host {host.name} has joined")

    def _with_room(self) -> dict[str, Host]:
        return {node: host for node, host in hosts_there().items() if host.slots(self._each)}


def _described(hosts: Sequence[Host]) -> str:
    names = ", ".join(f"{host.name} with {host.cpus} CPUs and {host.gpus} GPUs" for host in hosts)
    return f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}: {names}"
