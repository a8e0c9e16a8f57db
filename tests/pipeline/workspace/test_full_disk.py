"""A disk that is really full under the workspace: what is said of it, and that what was there stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# As root, or as anybody where the system lets users have namespaces of their own.
RIGHTS = (("-m",), ("-U", "-r", "-m"))
MOUNT = 'mount -t tmpfs -o size=64k none "$0" || exit 77; exec "$@"'
NOT_ALLOWED = 77

# A page of the ledger is there before the disk is full, so that a line of two pages is taken in part.
CODE = """
import json, sys
from contextlib import suppress
from pathlib import Path
from dsn.durable import write_folder
from pipeline.driver.recorder import workspace_failures
from pipeline.errors import WorkspaceFailed
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, ledger_file, read_records

place = Workspace(root=Path(sys.argv[1]))
said = []

def attempt(act, *arguments, **details):
    try:
        with workspace_failures(place):
            act(*arguments, **details)
    except WorkspaceFailed as error:
        said.append(str(error))

with Ledger(place, "s") as ledger:
    ledger.append("started", "a1")
    place.trial("a1").mkdir(parents=True)
    before = ledger_file(place, "s").read_bytes()
    fill = place.root / "fill"
    with suppress(OSError), fill.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    attempt(ledger.append, "done", "a1", note="x" * 8192)
    attempt(write_folder, place.trial("a1"), {"network.npz": bytes(8192)})
    same = ledger_file(place, "s").read_bytes() == before
    fill.unlink()
    ledger.append("done", "a1", note="x" * 8192)
events = [record["event"] for record in read_records(ledger_file(place, "s"))[0]]
print(json.dumps([said, same, events, [path.name for path in place.trial("a1").iterdir()]]))
"""


def _on_a_small_disk(folder: Path) -> str:
    """What ``CODE`` prints with a file system of 64 KB of its own at ``folder``."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    for rights in RIGHTS:
        command = ["unshare", *rights, "sh", "-c", MOUNT, str(folder), sys.executable, "-c", CODE, str(folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return answer.stdout
        mounted = answer.returncode != NOT_ALLOWED and not answer.stderr.startswith("unshare:")
        assert not mounted, answer.stderr
    pytest.skip("may not mount a file system here, not even in a namespace of its own")


def test_the_cause_and_the_place_are_told_and_nothing_is_left_in_part(tmp_path: Path) -> None:
    said, same, events, files = json.loads(_on_a_small_disk(tmp_path))
    full = f"workspace {tmp_path}: [Errno 28] No space left on device: "
    assert said == [
        f"{full}'{tmp_path}/ledger/s/ledger.jsonl'",
        f"{full}'{tmp_path}/trials/a1/network.npz'",
    ]
    assert same, "a part of the line was left behind"
    assert events == ["started", "done"]
    assert files == [], "a part of a file was left behind"
