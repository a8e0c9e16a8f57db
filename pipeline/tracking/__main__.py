"""``python -m pipeline.tracking WORKSPACE STUDY [verify]``: the process that writes to MLflow (see ``process``).

To verify prints what was found, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dsn.errors import InvalidInput
from pipeline.redaction import RedactedStream, redacted
from pipeline.workspace.layout import Workspace

if __name__ == "__main__":
    # Before MLflow is imported: its log, and whatever is raised, quotes addresses.
    output = sys.stdout
    # Standard output is for what was asked, whatever MLflow prints.
    sys.stdout = sys.stderr = RedactedStream(sys.stderr)
    from pipeline.tracking.process import StoreReplaced, Unprojected, project, verify

    place, study = Workspace(root=Path(sys.argv[1])), sys.argv[2]
    try:
        if sys.argv[3:] == ["verify"]:
            print(redacted(json.dumps(verify(place, study))), file=output, flush=True)
        else:
            project(place, study)
    except Unprojected as unprojected:
        sys.exit(f"MLflow lacks {unprojected}")
    except InvalidInput as problem:
        sys.exit(f"dsn: {problem}")
    except StoreReplaced:
        # The same command, standard input included, in a process in which MLflow has nothing open.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606
