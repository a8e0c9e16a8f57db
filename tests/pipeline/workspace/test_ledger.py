"""The ledger: torn lines, failed writes, the lock, and what several studies know of one trial."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.errors import InvalidInput
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger, decisive_lines, ledger_file, read_records, read_states

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
        (b'{"event":"done","trial":"a1","generation":"x"}', "holds a record that this version does not know"),
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


def _failing_write(file: int, line: bytes) -> int:
    _write_some(file, line[:7])
    raise OSError(errno.ENOSPC, "No space left on device")


_write_some = os.write


def test_a_write_that_fails_leaves_no_part_behind_and_names_the_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_file(workspace, "s")
    with Ledger(workspace, "s") as ledger:
        ledger.append("started", "a1")
        before = path.read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _failing_write)
            with pytest.raises(OSError, match="No space left") as caught:
                ledger.append("done", "a1")
        assert caught.value.filename == str(path)
        assert path.read_bytes() == before
        ledger.append("failed", "a1")
    assert _events(workspace, "s") == [("started", "a1"), ("failed", "a1")]


def test_a_line_that_the_system_takes_in_parts_is_whole(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(workspace, "s") as ledger, monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, line: _write_some(file, line[:7]))
        ledger.append("done", "a1")
        ledger.append("done", "b2")
    assert _events(workspace, "s") == [("done", "a1"), ("done", "b2")]


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


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")], ids="-".join)
@pytest.mark.parametrize(
    ("events", "status", "known_by"),
    [
        (("done", "failed"), "done", 0),
        (("failed", "done"), "done", 1),
        (("done", "started"), "done", 0),
        (("failed", "started"), "failed", 0),
        (("started", "failed"), "failed", 1),
    ],
)
def test_of_what_two_studies_know_of_a_trial_the_more_counts(
    workspace: Workspace, names: tuple[str, str], events: tuple[str, str], status: str, known_by: int
) -> None:
    for study, event in zip(names, events, strict=True):
        _write(workspace, study, (event, "a1"))
    _write(workspace, names[1], ("done", "own"))
    states = read_states(workspace)
    assert set(states) == {"a1", "own"}
    assert states["a1"].status == status
    assert states["a1"].record is not None
    assert states["a1"].record["study"] == names[known_by]


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")], ids="-".join)
def test_of_two_results_neither_the_file_s_name_nor_the_clock_chooses(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    for clock, (study, accuracy) in enumerate(zip(names, (0.25, 0.75), strict=True)):
        for later in (clock, 1 - clock):
            monkeypatch.setattr(time, "time", lambda later=later: 5.0 + later)
            with Ledger(workspace, f"{study}-{later}") as ledger:
                ledger.append("done", f"a{later}", metrics={"test_accuracy": accuracy})
    states = read_states(workspace)
    assert [states[trial].record["metrics"]["test_accuracy"] for trial in ("a0", "a1")] == [0.75, 0.75]


def test_a_trial_that_is_reopened_lives_again_and_another_study_s_line_belongs_to_that_life(
    workspace: Workspace,
) -> None:
    _write(workspace, "one", ("started", "a1"), ("done", "a1"), ("done", "b2"))
    with Ledger(workspace, "two") as ledger:
        ledger.reopen({"a1": "all", "c3": "stale"})
        assert read_states(workspace)["a1"].status == "pending"
    assert {trial: state.status for trial, state in read_states(workspace).items()} == {
        "a1": "pending",
        "b2": "done",
        "c3": "pending",
    }
    _write(workspace, "one", ("started", "a1"), ("failed", "a1"), ("done", "c3"), ("done", "b2"))
    states = read_states(workspace)
    assert {trial: (state.status, state.generation) for trial, state in states.items()} == {
        "a1": ("failed", 1),
        "b2": ("done", 0),
        "c3": ("done", 1),
    }
    with Ledger(workspace, "one") as ledger:
        ledger.append("reopened", "a1", why="failed")
        ledger.append("done", "a1")
    assert read_states(workspace)["a1"].generation == 2
    assert [(line["event"], line.get("generation", 0)) for line in decisive_lines(workspace, {"a1"})] == [
        ("started", 0),
        ("done", 0),
        ("started", 1),
        ("failed", 1),
        ("reopened", 2),
        ("done", 2),
    ]


def test_trials_are_reopened_all_together_or_not_at_all(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(workspace, "s", ("done", "a1"), ("done", "b2"))
    with Ledger(workspace, "s") as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _failing_write)
            with pytest.raises(OSError, match="No space left"):
                ledger.reopen({"a1": "all", "b2": "all"})
        assert {state.status for state in read_states(workspace).values()} == {"done"}
        ledger.reopen({"a1": "all"})
        ledger.append("started", "a1")
    assert read_records(ledger_file(workspace, "s"))[0][-1]["generation"] == 1


GOLDEN = (
    b'{"event":"started","trial":"a1","time":1.5}\n'
    b'{"event":"done","trial":"a1","time":2.5,"started":1.5,"metrics":{},"error":null}\n'
    b'{"event":"failed","trial":"b2","time":2.5,"started":1.5,"error":{"kind":"diverged","message":"m","traceback":""}}\n'
    b'{"event":"started","trial":"c3","time":2.5}\n'
)
"""As they are written since the first version: they say the same for ever."""


def test_ledgers_of_the_first_version_say_what_they_always_said(workspace: Workspace) -> None:
    path = ledger_file(workspace, "s")
    path.parent.mkdir(parents=True)
    path.write_bytes(GOLDEN)
    states = read_states(workspace)
    assert {trial: (state.status, state.generation) for trial, state in states.items()} == {
        "a1": ("done", 0),
        "b2": ("failed", 0),
        "c3": ("pending", 0),
    }
    assert states["a1"].record == json.loads(GOLDEN.splitlines()[1])


def test_lines_are_written_as_the_first_version_did_and_with_what_is_new(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"kind": "diverged", "message": "m", "traceback": ""}
    with Ledger(workspace, "s") as ledger:
        monkeypatch.setattr(time, "time", lambda: 1.5)
        ledger.append("started", "a1")
        monkeypatch.setattr(time, "time", lambda: 2.5)
        ledger.append("done", "a1", started=1.5, metrics={}, error=None)
        ledger.append("failed", "b2", started=1.5, error=error)
        ledger.append("started", "c3")
        assert ledger_file(workspace, "s").read_bytes() == GOLDEN
        ledger.append("lost", "c3", attempt=1, epoch=3, error=error)
        ledger.append("reopened", "a1", why="all")
        ledger.append("started", "a1", attempt=1)
        ledger.append("done", "a1", attempt=1, started=2.5)
    assert ledger_file(workspace, "s").read_bytes()[len(GOLDEN) :] == (
        b'{"event":"lost","trial":"c3","time":2.5,"attempt":1,"epoch":3,'
        b'"error":{"kind":"diverged","message":"m","traceback":""}}\n'
        b'{"event":"reopened","trial":"a1","generation":1,"time":2.5,"why":"all"}\n'
        b'{"event":"started","trial":"a1","generation":1,"time":2.5,"attempt":1}\n'
        b'{"event":"done","trial":"a1","generation":1,"time":2.5,"started":2.5,"attempt":1}\n'
    )


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
