"""On a host of a cluster: waits until so many live, runs a task on each, and prints what they said::

python each_host.py 2
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

PATIENCE = 120.0


def _living(count: int) -> list[str]:
    until = time.monotonic() + PATIENCE
    while True:
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        if len(nodes) == count:
            return nodes
        assert time.monotonic() < until, f"{len(nodes)} hosts instead of {count}"
        time.sleep(0.2)


def _said() -> dict[str, object]:
    here = ray.util.get_node_ip_address()
    return {"host": socket.gethostname(), "address": here, "token": os.environ.get("RAY_AUTH_MODE")}


if __name__ == "__main__":
    ray.init(address="auto", log_to_driver=False)
    asked = ray.remote(num_cpus=1)(_said)
    strategies = [NodeAffinitySchedulingStrategy(node, soft=False) for node in _living(int(sys.argv[1]))]
    answers = ray.get([asked.options(scheduling_strategy=each).remote() for each in strategies])
    json.dump({"hosts": answers, "resources": ray.cluster_resources()}, sys.stdout)
