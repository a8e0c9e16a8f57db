"""The address of an MLflow tracking store, as a study writes it and as it is used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from dsn.errors import InvalidInput
from pipeline.redaction import holds_credentials, redacted

_STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def require_store_uri(uri: str) -> None:
    """Refuse what is no address of an MLflow store, and what holds credentials: studies are recorded and shown.

    Raises:
        InvalidInput: it is one of these; without the credentials.
    """
    if holds_credentials(uri):
        problem = (
            "must hold no name and no password, as it is recorded and shown: for a server, set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; for a database, write ${NAME} and set that variable"
        )
        raise InvalidInput(problem, key="uri", value=shown(uri))
    # What begins with a variable is looked at when that is filled in.
    if uri != "databricks" and not uri.startswith("${"):
        _require_scheme(uri)


def _require_scheme(uri: str) -> None:
    scheme, _, rest = uri.partition("://")
    if scheme.partition("+")[0] not in _STORES or not rest:
        raise InvalidInput("must be the URI of an MLflow store, SCHEME://PLACE", key="uri", value=uri, choices=_STORES)


def filled_in(uri: str, environment: Mapping[str, str] = os.environ) -> str:
    """A URI as it is used: with the values of the environment's variables for ``${NAME}``.

    Raises:
        InvalidInput: one is not set, or what comes of it is no address of a store.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise InvalidInput(f"environment variable {found[1]} is not set", key="tracking.uri", value=shown(uri))
        return environment[found[1]]

    full = _VARIABLE.sub(value, uri)
    if full not in (uri, "databricks") and full.partition("://")[0].partition("+")[0] not in _STORES:
        raise InvalidInput("is no URI of an MLflow store once it is filled in", key="tracking.uri", value=uri)
    return full


def shown(uri: str) -> str:
    """A URI for a message: without the password that it may hold."""
    return redacted(uri)


def sqlite_file(uri: str) -> str | None:
    """The file that a ``sqlite:///`` URI names; None for others."""
    prefix, _, path = uri.partition(":///")
    return path.partition("?")[0] if prefix.partition("+")[0] == "sqlite" and path else None
