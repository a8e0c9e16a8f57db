"""A cluster that runs already: joined by a driver on one of its hosts, and left as it was."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import ray

import dsn
import pipeline
from dsn.errors import InvalidInput
from pipeline.wording import cause, printable

AUTO = "auto"
"""The address that stands for the cluster of which this machine is a host."""

_CONNECT = 5.0
"""Seconds in which a head that lives takes a connection."""

_PASSED_ON = ("DSN_INSTRUCTION_SET",)
"""Variables of the driver's environment that a trial reads."""


def require_address(address: str) -> None:
    """
    Raises:
        InvalidInput: it is neither ``auto`` nor ``HOST:PORT``.
    """
    if address == AUTO:
        return
    if "://" in address:
        problem = "is for Ray's client; `dsn run` must itself be on a host of the cluster, so give HOST:PORT or auto"
        raise InvalidInput(problem, key="--address", value=address)
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InvalidInput("must be auto, or HOST:PORT of the cluster's head", key="--address", value=address)


def join(address: str) -> None:
    """Connect to a cluster. Its workers get this program as it is here, whatever they have installed.

    Raises:
        InvalidInput: no cluster answers there, or it does not let this process in.
    """
    require_address(address)
    if address != AUTO:
        _require_answer(address)
    if "RAY_AUTH_MODE" not in os.environ and _has_token():
        # Ray looks for a token by itself only where it also looks for the cluster, and has read its environment when it
        # was imported.
        os.environ["RAY_AUTH_MODE"] = "token"
        ray._raylet.Config.initialize("")
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={
                "py_modules": [str(Path(package.__path__[0])) for package in (dsn, pipeline)],
                "env_vars": {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            },
        )
    except Exception as error:
        # Of any type: wrong versions, wrong tokens and wrong places come as errors of Ray's that have none in common.
        raise InvalidInput(
            f"no cluster could be joined: {printable(cause(str(error)))}", key="--address", value=address
        ) from error


def _require_answer(address: str) -> None:
    """Ray itself would try for a minute, and then end the process."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT).close()
    except OSError as error:
        raise InvalidInput(
            f"no Ray head answers there ({error.strerror or error})", key="--address", value=address
        ) from error


def _has_token() -> bool:
    named = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or Path("~/.ray/auth_token").expanduser().exists()
