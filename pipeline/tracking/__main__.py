"""``python -m pipeline.tracking WORKSPACE STUDY``: the process that writes to MLflow (see ``process``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.redaction import RedactedStream
from pipeline.workspace import Workspace

if __name__ == "__main__":
    # Before MLflow is imported: its log, and whatever is raised, quotes addresses.
    sys.stdout, sys.stderr = RedactedStream(sys.stdout), RedactedStream(sys.stderr)
    from pipeline.tracking.process import StoreReplaced, Unprojected, project

    try:
        project(Workspace(root=Path(sys.argv[1])), sys.argv[2])
    except Unprojected as unprojected:
        sys.exit(f"MLflow lacks {unprojected}")
    except InvalidInput as problem:
        sys.exit(f"dsn: {problem}")
    except StoreReplaced:
        # The same command, standard input included, in a process in which MLflow has nothing open.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606
