"""One cluster for all tests of a file: to start it takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ray_hosts import Cluster, ray_hosts


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ray_hosts(tmp_path_factory.mktemp("hosts"), tmp_path_factory.getbasetemp()) as cluster:
        yield cluster


@pytest.fixture
def cluster(started: Cluster) -> Cluster:
    """With both its hosts, whatever a test before has killed."""
    started.restore()
    return started
