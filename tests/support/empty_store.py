"""An empty MLflow database, made once and copied.

MLflow takes two seconds to make one, as it makes its oldest tables and changes them version by version. Tests that are
about how it is made begin without.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

_FILE = "mlflow.db"


def put_empty_store(file: Path) -> None:
    """A database of the version of MLflow that is here, without runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(_made().name) / _FILE, file)


@cache
def _made() -> tempfile.TemporaryDirectory[str]:
    """The folder of the one that is copied; it is there as long as somebody holds it."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tempfile.TemporaryDirectory(prefix="dsn-empty-store-")
    store = SqlAlchemyStore(f"sqlite:///{folder.name}/{_FILE}", f"{folder.name}/artifacts")
    store.engine.dispose()
    return folder
