"""What trials may use of a cluster, kept as sums."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ray
from ray.air.execution.resources.request import AcquiredResources, RemoteRayEntity, ResourceRequest
from ray.air.execution.resources.resource_manager import ResourceManager

LOOK_EVERY = 1.0
"""Seconds between two looks at what the cluster has, while somebody waits for more."""

_NAMED = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
"""What a worker's options and what bundles call the same; all else is a resource that somebody has named."""

_GRAIN = 10_000
"""Ray counts in ten-thousandths; whole numbers of them add up."""


@dataclass
class Placed(AcquiredResources):
    """What a worker may use, on a host that has the labels which were asked for."""

    def _annotate_remote_entity(
        self, entity: RemoteRayEntity, bundle: dict[str, float], bundle_index: int
    ) -> RemoteRayEntity:
        other = dict(bundle)
        named = {name: other.pop(key, 0) for name, key in _NAMED.items()}
        assert self.resource_request._bound is not None, "it is made with the request"
        selectors = self.resource_request._bound.arguments.get("bundle_label_selector")
        labels = {"label_selector": selectors[bundle_index]} if selectors else {}
        return entity.options(**named, resources=other, **labels)


class Budget(ResourceManager):
    """Lets Tune start a worker when the cluster has what the worker's trial may use.

    Tune's own manager has Ray reserve that beforehand, in a placement group for each trial that waits, and gives it
    back when the trial gets a worker that is there already. That is work for four processes, and longer than a short
    trial. This one subtracts; where a worker then runs, Ray decides, and where no machine has room for it, as two have
    half of it each, it waits at Ray.

    Args:
        total: what the cluster has, by Ray's names; asked again, as machines come and go.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        total: Callable[[], Mapping[str, float]] = ray.cluster_resources,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = total
        self._clock = clock
        self._total = _grains(total())
        self._looked = clock()
        self._used = Counter[str]()

    def request_resources(self, resource_request: ResourceRequest) -> None:
        """Nothing is set aside for who waits: all ask for what Tune has queued, and Tune keeps the order."""

    def cancel_resource_request(self, resource_request: ResourceRequest) -> None:
        """See ``request_resources``."""

    def has_resources_ready(self, resource_request: ResourceRequest) -> bool:
        wanted = _grains(resource_request.required_resources)
        if self._fits(wanted):
            return True
        if self._clock() - self._looked < LOOK_EVERY:
            return False
        self._total, self._looked = _grains(self._ask()), self._clock()
        return self._fits(wanted)

    def acquire_resources(self, resource_request: ResourceRequest) -> AcquiredResources | None:
        if not self.has_resources_ready(resource_request):
            return None
        self._used.update(_grains(resource_request.required_resources))
        return Placed(resource_request=resource_request)

    def free_resources(self, acquired_resource: AcquiredResources) -> None:
        self._used.subtract(_grains(acquired_resource.resource_request.required_resources))

    def clear(self) -> None:
        self._used.clear()

    def _fits(self, wanted: Mapping[str, int]) -> bool:
        return all(self._used[name] + amount <= self._total.get(name, 0) for name, amount in wanted.items())


def _grains(amounts: Mapping[str, float]) -> dict[str, int]:
    return {name: round(amount * _GRAIN) for name, amount in amounts.items()}
