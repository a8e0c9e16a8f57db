"""A host is asked whether it could train: whether the program runs there, and the data are there, the same."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dsn.config import DataConfig
from dsn.data import content_of
from dsn.errors import InvalidInput
from pipeline.wording import cause, printable

PATIENCE = 300.0
"""Seconds for which an answer is waited for: on a new host Ray unpacks the program first."""

SOFTWARE = ("torch", "numpy")
"""Packages on which the last digits of results depend."""


class Examination:
    """The question to one host, from the moment it is put.

    Args:
        node: Ray's id of the host.
        data: content hash of every data set that it must have.
    """

    def __init__(self, node: str, data: Mapping[DataConfig, str]) -> None:
        wanted = [(asdict(config), content_hash) for config, content_hash in data.items()]
        # Of no cores: it is not to wait for trials of others.
        task = ray.remote(num_cpus=0, max_retries=0)(_problems)
        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        self._answer = task.options(scheduling_strategy=there).remote(wanted, _software())

    def problems(self, *, wait: bool) -> tuple[str, ...] | None:
        """What the host lacks; None: it has not answered, and was not waited for."""
        try:
            found: tuple[str, ...] = ray.get(self._answer, timeout=PATIENCE if wait else 0)
        except GetTimeoutError:
            return (f"it has not answered for {PATIENCE:.0f} s",) if wait else None
        except RayError as error:
            return (f"this program does not run there: {cause(printable(str(error)))}",)
        return found


def _problems(wanted: list[tuple[dict[str, Any], str]], software: dict[str, str]) -> tuple[str, ...]:
    """On the host."""
    found = [
        f"{name} is {here or 'not installed'} there, and {software[name]} here"
        for name, here in _software().items()
        if here != software[name]
    ]
    for fields, content_hash in wanted:
        config = DataConfig(**fields)
        try:
            there = content_of(config)
        except InvalidInput as error:
            found.append(f"data set {config.name}: {error}")
        else:
            if there != content_hash:
                found.append(f"data set {config.name}: its files are not those that were planned with")
    return tuple(found)


def _software() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: _version(name) for name in SOFTWARE}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
