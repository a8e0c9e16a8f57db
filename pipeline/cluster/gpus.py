"""How much memory the GPUs of the hosts have. Ray counts GPUs, and does not know."""

from __future__ import annotations

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.planning.machine import gpu_memory

_PATIENCE = 60.0


def least_gpu_memory() -> int | None:
    """Bytes of the smallest GPU of all hosts; None where one does not tell."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    hosts = [node["NodeID"] for node in nodes if node["Alive"] and node["Resources"].get("GPU")]
    # Of no cores: it is not to wait for trials of others.
    ask = ray.remote(num_cpus=0)(gpu_memory)
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=host, soft=False)).remote()
        for host in hosts
    ]
    found = ray.get(asked, timeout=_PATIENCE)
    return min((min(sizes, default=0) for sizes in found), default=0) or None
