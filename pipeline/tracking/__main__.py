"""``python -m pipeline.tracking WORKSPACE STUDY``: the process that writes to MLflow (``pipeline.tracking.writer``)."""

from __future__ import annotations

import sys
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.tracking.writer import Unprojected, project
from pipeline.workspace import Workspace

if __name__ == "__main__":
    try:
        project(Workspace(root=Path(sys.argv[1])), sys.argv[2])
    except Unprojected as unprojected:
        sys.exit(f"MLflow lacks {unprojected}")
    except InvalidInput as problem:
        sys.exit(f"dsn: {problem}")
