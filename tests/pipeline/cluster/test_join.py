"""Where a cluster is looked for."""

from __future__ import annotations

import socket

import pytest

from dsn.errors import InvalidInput
from pipeline.cluster.join import join, require_address


@pytest.mark.parametrize("address", ["auto", "head:6379", "10.0.0.2:6379", "[fd00::2]:6379"])
def test_an_address(address: str) -> None:
    require_address(address)


@pytest.mark.parametrize("address", ["", "head", ":6379", "head:", "head:0", "head:65536", "head:six", "head:-1"])
def test_what_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match=r"must be auto, or HOST:PORT") as caught:
        require_address(address)
    assert (caught.value.key, caught.value.value) == ("--address", address)


def test_rays_client_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match="must itself be on a host of the cluster"):
        require_address("ray://head:10001")


def test_where_nothing_listens_that_is_said_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(InvalidInput, match=r"no Ray head answers there \(Connection refused\)"):
            join(address)
