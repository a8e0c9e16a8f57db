"""Checks of the folders that are written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.health import places
from pipeline.health.finding import Subject
from pipeline.workspace.disk import Space
from pipeline.workspace.layout import Workspace

GB = 10**9


def _subject(root: Path) -> Subject:
    return Subject(workspace=Workspace(root=root))


@pytest.mark.parametrize(
    ("free", "state"), [(500 * GB, "ok"), (90 * GB, "warning"), (GB // 2, "warning"), (10**7, "problem")]
)
def test_a_disk_is_full_or_nearly_so(tmp_path: Path, free: int, state: str) -> None:
    finding = places.check_disk(_subject(tmp_path), space=Space(total=1000 * GB, free=free))
    assert finding.state == state


def test_a_workspace_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    finding = places.check_workspace(_subject(tmp_path))
    assert (finding.state, list(tmp_path.iterdir())) == ("ok", [])
    assert "to be made" in places.check_workspace(_subject(tmp_path / "new")).found


def test_a_workspace_below_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = places.check_workspace(_subject(tmp_path / "file" / "workspace"))
    assert (finding.state, "is not a folder" in finding.found) == ("problem", True)


def test_a_folder_that_cannot_be_written_is_a_problem() -> None:
    # Not even root may write there.
    finding = places.check_workspace(_subject(Path("/proc/self/workspace")))
    assert finding.state == "problem"
    assert "--workspace" in finding.advice


def test_files_of_another_user_are_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "ledger" / "s"
    folder.mkdir(parents=True)
    for name in ("ledger.jsonl", "study.json"):
        (folder / name).touch()
    subject = _subject(tmp_path)
    assert places.check_workspace(subject).state == "ok"
    # Asked of each file, for tests may run as root, who may write everything.
    finding = places.check_workspace(subject, may_write=lambda path: path.parent != folder)
    assert finding.state == "problem"
    assert f"{folder / 'ledger.jsonl'} and 1 more cannot be written" in finding.found
    assert "chown -R" in finding.advice


def _may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="mounting a small file system needs root")
def test_a_file_system_that_is_read_only_full_or_in_memory_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    found = {}
    for options in ("ro", "size=16k", "size=2g"):
        fill = "; head -c 16384 /dev/zero > workspace/zeros 2>&1" if options == "size=16k" else ""
        mount = f'mount -t tmpfs -o {options} none workspace{fill}; exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-m", "pipeline", "doctor", "--quick"]
        answer = subprocess.run(
            [*command, "--json", "--workspace", "workspace"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        report = json.loads(answer.stdout)
        found[options] = {finding["name"]: finding for finding in report["findings"]}
        assert answer.returncode == (0 if report["healthy"] else 6)
    assert found["ro"]["workspace"]["state"] == "problem"
    assert "Read-only file system" in found["ro"]["workspace"]["found"]
    assert found["size=16k"]["workspace"]["state"] == "problem"
    assert "No space left on device" in found["size=16k"]["workspace"]["found"]
    assert found["size=16k"]["disk"]["state"] == "problem"
    assert found["size=2g"]["workspace"]["state"] == "ok"
    assert found["size=2g"]["file system"]["state"] == "warning"
    assert "tmpfs" in found["size=2g"]["file system"]["found"]


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / {folder}/net rw - nfs4 server:/export rw,vers=4.2
31 22 0:41 / {folder}/my\\040share rw - cifs //server/share rw
32 30 8:2 / {folder}/net/local rw - xfs /dev/sdb1 rw
33 22 8:3 / {folder}/twice rw - ext4 /dev/sdc1 rw
34 22 0:42 / {folder}/twice rw - fuse.sshfs host: rw
a line that is none
"""


@pytest.mark.parametrize(
    ("place", "kind", "state"),
    [
        (".", "ext4", "ok"),
        ("network", "ext4", "ok"),
        ("net/workspace", "nfs4", "problem"),
        ("my share/workspace", "cifs", "problem"),
        ("net/local/workspace", "xfs", "ok"),
        ("twice", "fuse.sshfs", "problem"),
    ],
)
def test_the_mount_that_holds_the_workspace_decides(tmp_path: Path, place: str, kind: str, state: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    finding = places.check_file_system(_subject(tmp_path / place / "new"), mounts=MOUNTS.format(folder=tmp_path))
    assert (finding.state, finding.found.split()[0]) == (state, kind)


def test_memory_is_no_place_for_results() -> None:
    finding = places.check_file_system(_subject(Path("/x")), mounts="1 1 0:1 / / rw - tmpfs tmpfs rw\n")
    assert (finding.state, finding.found) == ("warning", "tmpfs under /x")


def test_an_unknown_file_system_is_let_pass(tmp_path: Path) -> None:
    assert places.check_file_system(_subject(tmp_path), mounts="").state == "ok"


@pytest.mark.parametrize(
    ("free", "state"), [(50 * GB, "ok"), (4 * GB, "warning"), (GB // 2, "warning"), (10**7, "problem")]
)
def test_the_folder_for_temporary_files_needs_room(tmp_path: Path, free: int, state: str) -> None:
    finding = places.check_temporary(
        _subject(tmp_path), environment={}, space=lambda _: Space(total=100 * GB, free=free)
    )
    assert finding.state == state


def test_a_path_that_is_too_long_for_rays_sockets_is_a_problem(tmp_path: Path) -> None:
    plenty = Space(total=GB * 100, free=GB * 100)
    most = places.SOCKET_PATH - len(places.RAY_SOCKET)
    for length, state in ((most, "ok"), (most + 1, "problem")):
        short = Path("/tmp") / ("x" * (length - len("/tmp/")))
        short.mkdir()
        try:
            finding = places.check_temporary(
                _subject(tmp_path), environment={"TMPDIR": str(short)}, space=lambda _: plenty
            )
        finally:
            short.rmdir()
        assert finding.state == state
    assert "RAY_TMPDIR" in finding.advice


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_for_temporary_files_that_is_not_there_is_a_problem(tmp_path: Path, variable: str) -> None:
    finding = places.check_temporary(_subject(tmp_path), environment={variable: str(tmp_path / "none")})
    assert (finding.state, variable in finding.advice) == ("problem", True)
