"""A study in one archive: on another machine its report comes out, byte for byte; what is no bundle is refused."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from made_workspace import end, ended, listing, planned

from dsn.errors import InvalidInput
from pipeline.analysis.frames import load_results
from pipeline.bundle.packing import write_bundle
from pipeline.bundle.unpacking import MOST_TIMES, read_bundle
from pipeline.errors import Locked
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, decisive_lines, read_states
from pipeline.workspace.record import load_record
from pipeline.workspace.source import WorkspaceSource

Dsn = Callable[..., tuple[object, str, str]]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A workspace of two studies, and the bundle of one: some of its trials are in the ledger of the other alone."""
    workspace = Workspace(root=tmp_path_factory.mktemp("here") / "workspace")
    ended(workspace)
    path = workspace.root.parent / "second.zip"
    write_bundle(WorkspaceSource(workspace, "second"), path, networks=False)
    return workspace, path


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "there" / "workspace")


def _trial_ids(workspace: Workspace, study: str) -> set[str]:
    return {trial.trial_id for trial in load_record(workspace, study).trials}


def test_on_another_machine_the_report_is_the_same_byte_for_byte(
    packed: tuple[Workspace, Path], tmp_path: Path, dsn: Dsn
) -> None:
    workspace, path = packed
    there = tmp_path / "elsewhere"
    (there / "home").mkdir(parents=True)
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    answer = subprocess.run(
        [sys.executable, "-m", "pipeline", "import", str(shutil.copy(path, there / "given.zip"))],
        cwd=there,
        env=environment | {"HOME": str(there / "home"), "TMPDIR": str(there), "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "report: the bundle's own, byte for byte" in answer.stderr
    dsn("report", "second", "--workspace", str(workspace.root))
    ours, theirs = (listing(place / "reports" / "second") for place in (workspace.root, there / "workspace"))
    assert {"report.html", "report.md", "trials.csv"} < ours.keys()
    assert theirs == ours


def test_the_study_is_whole_there(packed: tuple[Workspace, Path], empty: Workspace) -> None:
    workspace, path = packed
    found = read_bundle(path, empty)
    assert (found.study, found.kept) == ("second", 0)
    assert load_record(empty, "second") == load_record(workspace, "second")
    states, own = read_states(workspace), _trial_ids(workspace, "second")
    assert {key: state.status for key, state in read_states(empty).items()} == {
        key: states[key].status for key in own & states.keys()
    }
    there, here = load_results(empty, "second"), load_results(workspace, "second")
    pd.testing.assert_frame_equal(there.trials, here.trials, check_exact=True)
    assert there.histories.keys() == here.histories.keys() != set()
    assert sorted(path.name for path in empty.root.iterdir()) == ["ledger", "lock", "trials"]
    assert not list(empty.root.glob("trials/*/network.npz"))


def test_lines_are_those_of_the_ledgers_that_decide(packed: tuple[Workspace, Path]) -> None:
    workspace, _ = packed
    lines = decisive_lines(workspace, _trial_ids(workspace, "first"))
    assert lines == [json.loads(line) for line in (workspace.study("first") / "ledger.jsonl").read_bytes().splitlines()]


def test_a_study_has_the_same_bytes_whenever_it_is_packed(packed: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, path = packed
    again = tmp_path / "again.zip"
    write_bundle(WorkspaceSource(workspace, "second"), again, networks=False)
    assert again.read_bytes() == path.read_bytes()


def test_what_is_in_it(packed: tuple[Workspace, Path]) -> None:
    with zipfile.ZipFile(packed[1]) as archive:
        names = archive.namelist()
        assert names[:5] == [
            *("README.md", "study.yaml", "versions.json"),
            *("ledger/second/study.json", "ledger/second/ledger.jsonl"),
        ]
        assert b"\n# second\n\nDoes anything get lost?\n" in b"\n" + archive.read("README.md")
        assert archive.read("study.yaml").startswith(b"name: second\n")
        assert {"dsn-pipeline", "matplotlib"} <= json.loads(archive.read("versions.json")).keys()
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {stat.S_IFREG | 0o644}


def test_networks_are_packed_when_asked_for(packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace) -> None:
    workspace, _ = packed
    path = tmp_path / "n.zip"
    write_bundle(WorkspaceSource(workspace, "first"), path, networks=True)
    read_bundle(path, empty)
    networks = {file.parent.name for file in empty.root.glob("trials/*/network.npz")}
    assert len(networks) == 4


def test_trials_that_are_done_here_stay_as_they_are(packed: tuple[Workspace, Path], empty: Workspace) -> None:
    workspace, path = packed
    done = {key for key, state in read_states(workspace).items() if state.status == "done"}
    shared = min(done & _trial_ids(workspace, "second"))
    planned(empty, "mine", seeds=[2, 3])
    end(empty, "mine", shared, "done", metrics={"test_accuracy": 0.125})
    assert read_bundle(path, empty).kept == 1
    trials = load_results(empty, "second").trials
    assert trials.loc[trials["trial_id"] == shared, "test_accuracy"].eq(0.125).all()
    assert not empty.trial(shared).exists()


def test_a_result_that_comes_counts_beside_failures_here_whatever_was_asked_for_again(
    packed: tuple[Workspace, Path], empty: Workspace
) -> None:
    workspace, path = packed
    states, own = read_states(workspace), _trial_ids(workspace, "second")
    done = {key for key in own & states.keys() if states[key].status == "done"}
    assert done
    with Ledger(empty, "other") as ledger:
        for trial_id in done:
            ledger.append("reopened", trial_id, why="failed")
            ledger.append("failed", trial_id, error={"kind": "diverged", "message": "m", "traceback": ""})
    read_bundle(path, empty)
    there = read_states(empty)
    assert {there[key].status for key in done} == {"done"}
    assert {there[key].generation for key in done} == {1}


def test_lives_of_trials_travel(tmp_path: Path, empty: Workspace) -> None:
    workspace = Workspace(root=tmp_path / "lives")
    ended(workspace)
    lost = {"kind": "worker-lost", "message": "m", "traceback": ""}
    again, cut_off, *_ = (trial for trial, state in read_states(workspace).items() if state.status == "done")
    with Ledger(workspace, "first") as ledger:
        ledger.reopen({again: "all", cut_off: "all"})
        ledger.append("started", cut_off, attempt=1)
        ledger.append("lost", cut_off, attempt=1, epoch=None, error=lost)
    path = tmp_path / "lives.zip"
    write_bundle(WorkspaceSource(workspace, "first"), path, networks=True)
    read_bundle(path, empty)
    there, here = (
        {trial: (state.status, state.generation) for trial, state in read_states(place).items()}
        for place in (empty, workspace)
    )
    assert there == here
    assert there[again] == there[cut_off] == ("pending", 1)
    packed = {folder.name for folder in empty.trials.iterdir()}
    assert len(packed) == 2
    assert packed.isdisjoint({again, cut_off}), "what an earlier life left is not packed"


def test_a_study_that_is_there_already_is_not_touched(packed: tuple[Workspace, Path]) -> None:
    workspace, path = packed
    before = listing(workspace.root)
    with pytest.raises(InvalidInput, match="is in this workspace already"):
        read_bundle(path, workspace)
    assert {name: content for name, content in listing(workspace.root).items() if name != "lock"} == {
        name: content for name, content in before.items() if name != "lock"
    }


def test_a_workspace_in_which_a_study_runs_takes_none(
    packed: tuple[Workspace, Path], empty: Workspace, driving: Callable[..., object]
) -> None:
    with driving(empty, "s"), pytest.raises(Locked):
        read_bundle(packed[1], empty)


def test_a_bundle_of_a_run_that_goes_on_is_of_this_moment(
    tmp_path: Path, driving: Callable[..., object], empty: Workspace
) -> None:
    workspace = Workspace(root=tmp_path / "runs")
    ended(workspace)
    with driving(workspace, "first"):
        assert "running" in set(load_results(workspace, "first").trials["status"])
        write_bundle(WorkspaceSource(workspace, "first"), tmp_path / "f.zip", networks=False)
    found = read_bundle(tmp_path / "f.zip", empty)
    from pipeline.driver.run import publish

    _, paths = publish(empty, "first")
    assert found.differing(paths.html.parent) == []


def test_a_report_of_another_version_is_said_to_differ(
    packed: tuple[Workspace, Path], tmp_path: Path, dsn: Dsn
) -> None:
    changed = _changed(packed[1], tmp_path / "x.zip", {"reports/second/report.md": b"another version's"})
    code, out, err = dsn("import", str(changed))
    assert code == 0
    assert "Report:" in out
    assert "report: not the bundle's in report.md; that was written by dsn-pipeline " in err


def _changed(path: Path, to: Path, members: Mapping[str, bytes]) -> Path:
    """A copy of an archive with other or more members."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as made:
        contents = {name: archive.read(name) for name in archive.namelist()} | members
        for name, content in contents.items():
            made.writestr(name, content)
    return to


ID = "0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../evil",
            "/etc/evil",
            "ledger/../../evil",
            "trials/../evil/history.parquet",
            "C:\\evil",
            "ledger\\second\\x",
        ),
        *("evil", "trials/", f"trials/{ID}/evil.py", f"trials/{ID}/sub/history.parquet", "reports/second/.htaccess"),
        *("reports/second/../x.html", "reports/second/a/b.html", "ledger/second/study.json/x", "ledger/second/lock"),
        *("ledger/third/study.json", "reports/third/report.html", f"trials/{ID}/history.parquet", "study.yaml\n"),
        *("mlflow.db", "lock", "TRIALS/x", f"trials/{ID.upper()}/history.parquet"),
    ],
)
def test_a_member_that_no_bundle_has_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, name: str
) -> None:
    changed = _changed(packed[1], tmp_path / "x.zip", {name: b"{}"})
    _assert_refused(changed, empty, tmp_path)


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFDIR | 0o755, stat.S_IFCHR | 0o644]
)
def test_a_link_or_a_device_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, mode: int
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(packed[1]) as archive, zipfile.ZipFile(path, "w") as made:
        for entry in archive.infolist():
            if entry.filename.endswith("history.parquet"):
                entry.external_attr = mode << 16
            made.writestr(entry, b"/etc/passwd" if entry.external_attr >> 16 == mode else archive.read(entry))
    _assert_refused(path, empty, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace
) -> None:
    path = Path(shutil.copy(packed[1], tmp_path / "x.zip"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.md", "again")
    _assert_refused(path, empty, tmp_path)


def test_what_would_fill_the_disk_is_refused_before_it_is_unpacked(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace
) -> None:
    zeros = b"\0" * (2 * MOST_TIMES * packed[1].stat().st_size)
    changed = _changed(packed[1], tmp_path / "x.zip", {"reports/second/report.html": zeros})
    with pytest.raises(InvalidInput, match=f"would unpack to [0-9]+ bytes, more than {MOST_TIMES} times its size"):
        read_bundle(changed, empty)
    _assert_refused(changed, empty, tmp_path)


DONE = {"event": "done", "time": 1.0, "started": 0.5, "metrics": {"test_accuracy": 0.5}, "artifacts": []}


@pytest.mark.parametrize(
    "line",
    [
        {"trial": ID},
        {"trial": "../../evil"},
        {"artifacts": ["../../../etc/passwd"]},
        {"metrics": {"test_accuracy": "0.5"}},
        {"metrics": {"test_accuracy": float("nan")}},
        {"time": None},
        {"event": "failed"},
        {"event": "erased"},
        {"error": {"kind": "diverged"}},
        {"provenance": {"host": 1}},
    ],
    ids=str,
)
def test_a_line_that_no_ledger_has_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, line: dict[str, object]
) -> None:
    (trial, *_) = sorted(_trial_ids(packed[0], "second"))
    name = "ledger/second/ledger.jsonl"
    good = json.dumps({**DONE, "trial": trial}).encode() + b"\n"
    read_bundle(_changed(packed[1], tmp_path / "good.zip", {name: good}), Workspace(root=tmp_path / "good"))
    bad = json.dumps({**DONE, "trial": trial, **line}).encode() + b"\n"
    _assert_refused(_changed(packed[1], tmp_path / "x.zip", {name: bad}), empty, tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"name": "second"}', b"\xff"])
@pytest.mark.parametrize("name", ["study.json", "ledger.jsonl"])
def test_a_plan_or_lines_that_cannot_be_are_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, name: str, content: bytes
) -> None:
    if (name, content) == ("ledger.jsonl", b""):
        pytest.skip("a study of which nothing has begun")
    _assert_refused(_changed(packed[1], tmp_path / "x.zip", {f"ledger/second/{name}": content}), empty, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name": "second"', '"name": "../second"'),
        ('"arms": ["x"', '"arms": ["w"'),
        ('"trial_id": "', '"trial_id": "../'),
        ('"datasets": ["A"', '"datasets": ["C"'),
        ('"references": {', '"references": {"v": "x", '),
    ],
)
def test_a_plan_whose_names_do_not_fit_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, old: str, new: str
) -> None:
    name = "ledger/second/study.json"
    with zipfile.ZipFile(packed[1]) as archive:
        text = archive.read(name).decode()
    assert old in text
    changed = _changed(packed[1], tmp_path / "x.zip", {name: text.replace(old, new, 1).encode()})
    _assert_refused(changed, empty, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_is_refused(
    packed: tuple[Workspace, Path], tmp_path: Path, empty: Workspace, damage: str
) -> None:
    content = packed[1].read_bytes()
    at = content.index(b"history.parquet") + 200
    broken = {
        "cut": content[: len(content) // 2],
        "flipped": content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :],
        "empty": b"",
        "text": b"PK no zip",
    }
    path = tmp_path / "x.zip"
    path.write_bytes(broken[damage])
    _assert_refused(path, empty, tmp_path)


def _assert_refused(path: Path, workspace: Workspace, around: Path) -> None:
    """With a message, and nothing is left of it, here or elsewhere."""
    before = set(listing(around))
    with pytest.raises(InvalidInput) as caught:
        read_bundle(path, workspace)
    assert str(path) in str(caught.value)
    assert {name for name in listing(around).keys() - before if not name.endswith("workspace/lock")} == set()


def test_the_command_refuses_in_a_line(packed: tuple[Workspace, Path], tmp_path: Path, dsn: Dsn) -> None:
    changed = _changed(packed[1], tmp_path / "x.zip", {"../evil": b""})
    assert dsn("import", "x.zip") == (2, "", "dsn: x.zip: holds what no bundle does (got '../evil')\n")
    assert changed.exists()
    code, _, err = dsn("import", "absent.zip")
    assert code == 2
    assert "bundle: cannot be read into" in err
    assert dsn("export", "second", "--bundle", "x.tar.gz")[0] == 2
