"""Checkpoints in a workspace: one a trial, whole or absent, and gone once nobody needs them."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dsn.errors import InvalidInput
from pipeline.workspace.checkpoints import Checkpoints
from pipeline.workspace.layout import Workspace

ONE, OTHER = "0123456789abcdef", "f" * 16


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


def _names(workspace: Workspace) -> set[str]:
    return {path.name for path in workspace.checkpoints.iterdir()}


def test_the_newest_is_kept_until_it_is_removed(workspace: Workspace) -> None:
    checkpoints = Checkpoints(workspace)
    assert checkpoints.read(ONE) is None
    checkpoints.remove(ONE)
    checkpoints.keep_only([])
    assert not workspace.root.exists(), "nothing of that is a reason to make a folder"
    for content in (b"after epoch 1", b"after epoch 2"):
        checkpoints.write(ONE, content)
        assert Checkpoints(workspace).read(ONE) == content
    checkpoints.write(OTHER, b"")
    assert checkpoints.read(OTHER) == b""
    assert _names(workspace) == {ONE, OTHER}
    checkpoints.remove(ONE)
    checkpoints.remove(ONE)
    assert checkpoints.read(ONE) is None
    assert _names(workspace) == {OTHER}


def test_those_of_trials_that_are_not_named_go_and_nothing_else_does(workspace: Workspace, tmp_path: Path) -> None:
    checkpoints = Checkpoints(workspace)
    for trial_id in (ONE, OTHER):
        checkpoints.write(trial_id, b"content")
    (workspace.checkpoints / f".{OTHER}.k3_x9.tmp").write_bytes(b"half of it")
    (workspace.checkpoints / "README").touch()
    (workspace.checkpoints / ("a" * 16)).mkdir()
    (tmp_path / "elsewhere").touch()
    (workspace.checkpoints / ("b" * 16)).symlink_to(tmp_path / "elsewhere")
    checkpoints.keep_only(iter([ONE, "c" * 16]))
    assert _names(workspace) == {ONE, "README", "a" * 16}
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "name", ["", "..", "../ledger", "/etc/passwd", "0123456789ABCDEF", ONE[:-1], ONE + "0", ONE + "\n", "a/" + "0" * 14]
)
def test_a_name_that_is_no_trial_id_reaches_no_file(workspace: Workspace, name: str) -> None:
    checkpoints = Checkpoints(workspace)
    for use in (checkpoints.read, checkpoints.remove, lambda wrong: checkpoints.write(wrong, b"")):
        with pytest.raises(InvalidInput, match=r"^trial: must be 16 hexadecimal digits"):
            use(name)
    assert not workspace.root.exists()


def test_a_write_that_fails_leaves_the_one_before(workspace: Workspace) -> None:
    checkpoints = Checkpoints(workspace)
    checkpoints.write(ONE, b"before")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoints.write(ONE, bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoints.read(ONE) == b"before"
    assert _names(workspace) == {ONE}


_WRITER = """
import sys
from pathlib import Path
from pipeline.workspace.checkpoints import Checkpoints
from pipeline.workspace.layout import Workspace
checkpoints = Checkpoints(Workspace(root=Path(sys.argv[1])))
for number in range(256):
    checkpoints.write("0123456789abcdef", bytes([number]) * 5_000_000)
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_a_whole_one(workspace: Workspace) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(workspace.root)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer, writer.stdout as told:
        assert told.readline() == b"0\n"
        # In the midst of the next, as likely as not; whenever it is, what is there must be whole.
        time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
    content = Checkpoints(workspace).read(ONE)
    assert content is not None
    assert content == content[:1] * 5_000_000
    Checkpoints(workspace).keep_only([ONE])
    assert _names(workspace) == {ONE}
