"""The ledger: torn lines, failed writes, the lock, and what several studies know of one trial."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.errors import InvalidInput
from pipeline.ledger import Ledger, ledger_file, read_records, read_states
from pipeline.workspace import Workspace

Driving = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


def _write(workspace: Workspace, study: str, *events: tuple[str, str]) -> None:
    with Ledger(workspace, study) as ledger:
        for number, (event, trial) in enumerate(events):
            ledger.append(event, trial, study=study, number=number)


def _events(workspace: Workspace, study: str) -> list[tuple[str, str]]:
    return [(record["event"], record["trial"]) for record in read_records(ledger_file(workspace, study))[0]]


def test_a_record_is_one_line_with_its_event_trial_time_and_details(workspace: Workspace) -> None:
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", "a1", metrics={"test_accuracy": 0.5}, error="line\nbreak \u2028 é")
        content = ledger_file(workspace, "s").read_bytes()
    assert content.count(b"\n") == 1
    assert content.endswith(b"\n")
    record = json.loads(content)
    assert record.pop("time") > 0
    assert record == {
        "event": "done",
        "trial": "a1",
        "metrics": {"test_accuracy": 0.5},
        "error": "line\nbreak \u2028 é",
    }
    assert read_records(ledger_file(workspace, "s"))[0][0]["error"] == "line\nbreak \u2028 é"


def test_records_are_read_on_from_where_the_last_reading_ended(workspace: Workspace) -> None:
    path = ledger_file(workspace, "s")
    assert read_records(path) == ([], 0)
    _write(workspace, "s", ("started", "a1"))
    first, offset = read_records(path)
    assert ([record["trial"] for record in first], offset) == (["a1"], path.stat().st_size)
    _write(workspace, "s", ("started", "b2"))
    with path.open("ab") as file:
        file.write(b'{"event": "do')
    second, end = read_records(path, offset)
    assert [record["trial"] for record in second] == ["b2"]
    assert end == path.stat().st_size - len(b'{"event": "do')
    assert read_records(path, end) == ([], end)


@pytest.mark.parametrize("torn", [b"{", b'{"event":"done","trial":"b2"}', b"\x00" * 5000])
def test_a_torn_last_line_is_not_read_and_is_cut_off_by_the_next_writer(workspace: Workspace, torn: bytes) -> None:
    _write(workspace, "s", ("started", "a1"))
    path = ledger_file(workspace, "s")
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert _events(workspace, "s") == [("started", "a1")]
    with Ledger(workspace, "s") as ledger:
        assert path.read_bytes() == whole
        ledger.append("done", "a1")
    assert _events(workspace, "s") == [("started", "a1"), ("done", "a1")]


def test_a_first_line_that_is_torn_leaves_an_empty_ledger(workspace: Workspace) -> None:
    _write(workspace, "s")
    ledger_file(workspace, "s").write_bytes(b'{"event"')
    _write(workspace, "s", ("started", "a1"))
    assert _events(workspace, "s") == [("started", "a1")]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=5), cut=st.integers(0, 1000))
def test_a_ledger_cut_off_anywhere_loses_at_most_the_torn_line(
    workspace: Workspace, texts: list[str], cut: int
) -> None:
    path = ledger_file(workspace, "s")
    path.unlink(missing_ok=True)
    with Ledger(workspace, "s") as ledger:
        for number, text in enumerate(texts):
            ledger.append("done", str(number), text=text)
    whole = path.read_bytes()
    length = cut % (len(whole) + 1)
    path.write_bytes(whole[:length])

    complete = whole[:length].count(b"\n")
    assert [record["text"] for record in read_records(path)[0]] == texts[:complete]
    assert set(read_states(workspace)) == {str(number) for number in range(complete)}
    _write(workspace, "s", ("started", "next"))
    assert [trial for _, trial in _events(workspace, "s")] == [*(str(number) for number in range(complete)), "next"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"garbage", "holds a line that is no record"),
        (b"[1, 2]", "holds a record that this version does not know"),
        (b'{"event":"of the future","trial":"a1"}', "holds a record that this version does not know"),
    ],
)
def test_a_line_that_is_not_understood_is_named_and_not_passed_over(
    workspace: Workspace, line: bytes, problem: str
) -> None:
    _write(workspace, "s", ("started", "a1"), ("done", "a1"))
    path = ledger_file(workspace, "s")
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(InvalidInput) as caught:
        read_states(workspace)
    assert (caught.value.place, caught.value.problem) == (str(path), problem)


def _short_write(file: int, line: bytes) -> int:
    return _write_some(file, line[: len(line) // 2])


def _failing_write(file: int, line: bytes) -> int:
    _write_some(file, line[:7])
    raise OSError(errno.ENOSPC, "No space left on device")


_write_some = os.write


@pytest.mark.parametrize("broken", [_short_write, _failing_write])
def test_a_write_that_fails_leaves_no_part_behind(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    path = ledger_file(workspace, "s")
    with Ledger(workspace, "s") as ledger:
        ledger.append("started", "a1")
        before = path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", broken)
            with pytest.raises(OSError, match=r"could be written|No space left"):
                ledger.append("done", "a1")
        assert path.read_bytes() == before
        ledger.append("failed", "a1")
    assert _events(workspace, "s") == [("started", "a1"), ("failed", "a1")]


def test_a_line_that_cannot_be_synced_is_not_left_behind(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Ledger(workspace, "s") as ledger:
        monkeypatch.setattr(os, "fdatasync", refuse)
        with pytest.raises(OSError, match="Input/output"):
            ledger.append("done", "a1")
    assert ledger_file(workspace, "s").read_bytes() == b""


def test_what_is_not_json_is_refused_before_anything_is_written(workspace: Workspace) -> None:
    with Ledger(workspace, "s") as ledger, pytest.raises(ValueError, match="JSON compliant"):
        ledger.append("done", "a1", loss=float("nan"))
    assert ledger_file(workspace, "s").read_bytes() == b""


def test_the_trial_of_a_killed_driver_is_to_be_run_again(workspace: Workspace, driving: Driving) -> None:
    with driving(workspace, "s") as process:
        assert read_states(workspace)["a1"].status == "running"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert read_states(workspace)["a1"].status == "pending"
        _write(workspace, "s", ("done", "a1"))
    assert read_states(workspace)["a1"].status == "done"


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (["started"], "pending"),
        (["started", "done"], "done"),
        (["started", "failed"], "failed"),
        (["started", "failed", "started"], "pending"),
        (["started", "failed", "started", "done"], "done"),
        (["started", "done", "started"], "done"),
        (["done", "failed"], "done"),
    ],
)
def test_the_last_event_says_the_state_and_done_stays_done(
    workspace: Workspace, events: list[str], status: str
) -> None:
    _write(workspace, "s", *((event, "a1") for event in events))
    assert read_states(workspace)["a1"].status == status


@pytest.mark.parametrize(
    ("first", "second", "status", "known_by"),
    [
        ("done", "failed", "done", "one"),
        ("failed", "done", "done", "two"),
        ("done", "started", "done", "one"),
        ("failed", "started", "failed", "one"),
        ("started", "failed", "failed", "two"),
        ("done", "done", "done", "two"),
    ],
)
def test_of_what_two_studies_know_of_a_trial_the_more_counts(
    workspace: Workspace, first: str, second: str, status: str, known_by: str
) -> None:
    _write(workspace, "one", (first, "a1"))
    _write(workspace, "two", (second, "a1"), ("done", "own"))
    states = read_states(workspace)
    assert set(states) == {"a1", "own"}
    assert states["a1"].status == status
    assert states["a1"].record is not None
    assert states["a1"].record["study"] == known_by


@pytest.mark.parametrize(("elsewhere", "status"), [("done", "done"), ("failed", "running"), ("started", "running")])
def test_a_trial_that_runs_is_running_unless_another_study_has_its_result(
    workspace: Workspace, driving: Driving, elsewhere: str, status: str
) -> None:
    _write(workspace, "a", (elsewhere, "a1"))
    _write(workspace, "z", (elsewhere, "a1"))
    with driving(workspace, "m"):
        assert read_states(workspace)["a1"].status == status


def test_a_workspace_without_ledgers_knows_nothing(workspace: Workspace) -> None:
    assert read_states(workspace) == {}
    assert not workspace.root.exists()
