"""An MLflow tracking store as seen from outside: whether it answers. Without MLflow, which takes seconds to import."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.parse
import urllib.request

from dsn.errors import InvalidInput
from pipeline.study.tracking_uri import filled_in, shown

PATIENCE = 3.0
"""Seconds to wait for an answer."""

OUTDATED_SCHEMA = "out-of-date database schema"
"""What MLflow says of a database whose tables are those of another version of it."""

_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def unreachable(uri: str, patience: float = PATIENCE) -> str | None:
    """Why nothing answers at a tracking URI, in a clause; None when something does, or when it cannot be told.

    A server is asked for its health, a database's port is opened, and a file of SQLite is left to who opens it.
    """
    try:
        parts = urllib.parse.urlsplit(filled_in(uri))
        host, port = parts.hostname, parts.port
    except InvalidInput as error:
        return f"cannot be asked: {error.problem}"
    except ValueError as error:
        return f"is no address: {error}"
    kind = parts.scheme.partition("+")[0]
    if kind in ("http", "https"):
        # Names and passwords are no part of what is asked; urllib would take them for the host.
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        return _silent_server(bare.geturl(), patience)
    if kind in _DATABASE_PORTS:
        return _closed_port(host or "localhost", port or _DATABASE_PORTS[kind], patience)
    return None


def outdated(uri: str) -> InvalidInput:
    """A database that MLflow calls out of date."""
    problem = (
        f"is of another version of MLflow; `mlflow db upgrade {shown(uri)}` brings it up to date; or remove it, and "
        "`dsn sync STUDY` writes it anew from the ledger"
    )
    return InvalidInput(problem, key="MLflow's database")


def _silent_server(uri: str, patience: float) -> str | None:
    try:
        # The scheme is one of two, see above.
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=patience):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        # Something before MLflow may ask for a password. MLflow itself answers 403 to a host name that it was not
        # told of, and anything but MLflow 404.
        return None if error.code == 401 else f"answers {error.code} {error.reason} when asked for /health"
    except urllib.error.URLError as error:
        return f"does not answer: {error.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {error or type(error).__name__}"


def _closed_port(host: str, port: int, patience: float) -> str | None:
    try:
        socket.create_connection((host, port), timeout=patience).close()
    except OSError as error:
        return f"does not answer at {host}:{port}: {error}"
    return None
