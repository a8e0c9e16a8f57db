"""``dsn status``: the sum, what runs and how far, why trials failed; and the run of another process, looked on."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.planning import identity
from pipeline.planning.identity import trial_id
from pipeline.terminal.display import ChangesDisplay
from pipeline.terminal.progress import Phase, Progress, Snapshot
from pipeline.terminal.progress_file import EVERY, ProgressFile, last_progress, read_progress
from pipeline.terminal.status import MOST_CAUSES, read_status, status_summary, status_text
from pipeline.terminal.watch import watch
from pipeline.trial.outcome import EpochReport, TrialError
from pipeline.workspace.failure_log import write_failure_log
from pipeline.workspace.layout import Workspace
from pipeline.workspace.ledger import Ledger
from pipeline.workspace.lock import driver_lock
from pipeline.workspace.record import StudyRecord, make_record, save_record

NOW = 2000.0
MakePlan = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture
def record(make_plan_of: MakePlan, workspace: Workspace) -> StudyRecord:
    """Four trials of eight epochs, which the workspace knows of."""
    made = make_record(
        *make_plan_of("arms: {x: {}, y: {sparsity.level: 0.5}}\nseeds: 2\nbase: {training: {epochs: 8}}\n")
    )
    save_record(workspace, made)
    return made


def _progress(record: StudyRecord) -> Progress:
    ids = [trial.trial_id for trial in record.trials]
    progress = Progress(
        study="s", question="", trials=record.trials, cells=record.cells, states={}, todo=ids, began=NOW - 60
    )
    progress.have_workers(2)
    return progress


def _fail(ledger: Ledger, trial_id: str, message: str, kind: str = "exception") -> None:
    ledger.append("failed", trial_id, error={"kind": kind, "message": message, "traceback": ""})


def _no_words(line: str) -> None:
    pytest.fail(f"said: {line}")


def test_what_runs_is_shown_with_how_far_it_is(record: StudyRecord, workspace: Workspace) -> None:
    first, second, *_ = record.trials
    progress = _progress(record)
    with driver_lock(workspace, "s"), Ledger(workspace, "s") as ledger:
        for trial in (first, second):
            ledger.append("started", trial.trial_id)
            progress.started(trial.trial_id, at=NOW - 10)
        progress.progressed(first.trial_id, EpochReport(epoch=2, train_loss=0.25), at=NOW)
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        status = read_status(workspace, record)
        assert status_text(status, NOW).splitlines() == [
            "s: 4 planned = 0 done + 0 pruned + 0 failed + 2 running + 2 pending",
            f"running for 60 s, about {progress.snapshot(NOW).left:.0f} s left",
            f"  {first.title}: epoch 2 of 8, training loss 0.2500, 10 s",
            f"  {second.title}: epoch 0 of 8, 10 s",
        ]
        summary = json.loads(json.dumps(status_summary(status, NOW)))
        assert (summary["planned"], summary["running"], summary["pending"]) == (4, 2, 2)
        assert summary["running_trials"][0] == {
            "trial": first.trial_id,
            "arm": first.arm,
            "dataset": "A",
            "seed": first.seed,
            "epoch": 2,
            "epochs": 8,
            "train_loss": 0.25,
            "seconds": 10.0,
            "silent_seconds": 0.0,
        }
    ended = read_status(workspace, record)
    assert (ended.running, ended.run, ended.counts["pending"]) == ((), None, 4), "what is left of a run misleads nobody"


@pytest.mark.parametrize(
    ("phase", "words"),
    [("finishing", "finishing what runs, about "), ("stopping", "stopping the workers"), ("reporting", "writing the ")],
)
def test_a_run_that_is_asked_to_stop_says_so_elsewhere_too(
    record: StudyRecord, workspace: Workspace, phase: Phase, words: str
) -> None:
    first, *_ = record.trials
    progress = _progress(record)
    with driver_lock(workspace, "s"), Ledger(workspace, "s") as ledger:
        ledger.append("started", first.trial_id)
        progress.started(first.trial_id, at=NOW - 10)
        progress.enter(phase)
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        status = read_status(workspace, record)
        assert status_text(status, NOW).splitlines()[1].startswith(f"running for 60 s, {words}")
        assert status_summary(status, NOW)["phase"] == phase
    assert status_summary(read_status(workspace, record), NOW)["phase"] is None, "of a run that is over nothing is said"


def test_a_trial_of_which_nothing_is_heard_is_told_of(record: StudyRecord, workspace: Workspace) -> None:
    first, second, *_ = record.trials
    progress = _progress(record)
    with driver_lock(workspace, "s"), Ledger(workspace, "s") as ledger:
        for trial in (first, second):
            ledger.append("started", trial.trial_id)
            progress.started(trial.trial_id, at=NOW - 300)
        progress.progressed(first.trial_id, EpochReport(epoch=2, train_loss=0.25), at=NOW - 60)
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        status = read_status(workspace, record)
        lines = status_text(status, NOW).splitlines()[2:]
        assert [line.endswith(", 5.0 min") for line in lines] == [True, False], "a minute may pass"
        assert lines[1].endswith("epoch 0 of 8, 5.0 min, nothing heard for 5.0 min")
        silences = [each["silent_seconds"] for each in status_summary(status, NOW)["running_trials"]]
        assert silences == [60.0, 300.0]


def test_a_clock_that_was_set_back_makes_no_negative_times(record: StudyRecord, workspace: Workspace) -> None:
    first, *_ = record.trials
    progress = _progress(record)
    progress.started(first.trial_id, at=NOW)
    with driver_lock(workspace, "s"), Ledger(workspace, "s") as ledger:
        ledger.append("started", first.trial_id)
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        status = read_status(workspace, record)
        hours_ago = NOW - 7200
        assert status_text(status, hours_ago).splitlines()[1].startswith("running for 0 s, ")
        assert status_text(status, hours_ago).splitlines()[2].endswith(" of 8, 0 s")
        assert status_summary(status, hours_ago)["running_trials"][0]["seconds"] == 0


def test_the_ledger_says_what_runs_and_the_view_only_how_far(record: StudyRecord, workspace: Workspace) -> None:
    """The view is up to a second old: the first trial has ended meanwhile, and the second has begun."""
    first, second, *_ = record.trials
    progress = _progress(record)
    progress.started(first.trial_id, at=NOW)
    with driver_lock(workspace, "s"), Ledger(workspace, "s") as ledger:
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        ledger.append("started", first.trial_id)
        _fail(ledger, first.trial_id, "it broke")
        ledger.append("started", second.trial_id)
        status = read_status(workspace, record)
    assert [each.name.trial for each in status.running] == [second.trial_id]
    assert (status.counts["failed"], status.counts["running"], status.planned) == (1, 1, 4)


def test_failures_are_counted_by_their_cause_or_listed(record: StudyRecord, workspace: Workspace) -> None:
    first, second, third, _ = record.trials
    with Ledger(workspace, "s") as ledger:
        _fail(ledger, first.trial_id, "it broke\nbadly")
        _fail(ledger, second.trial_id, "the training loss is not finite in epoch 3", "diverged")
        _fail(ledger, third.trial_id, "it broke\nin another way")
    status = read_status(workspace, record)
    assert status_text(status, NOW).splitlines()[1:] == [
        "  2 x exception: it broke",
        "  1 x diverged: the training loss is not finite in epoch 3",
        "(--failed lists each; `dsn run FILE --rerun failed` tries again)",
    ]
    assert status_text(status, NOW, every_failure=True).splitlines()[1:] == [
        f"  {first.trial_id} {first.title}: exception: it broke",
        f"  {second.trial_id} {second.title}: diverged: the training loss is not finite in epoch 3",
        f"  {third.trial_id} {third.title}: exception: it broke",
    ]
    assert [each["kind"] for each in status_summary(status, NOW)["failed_trials"]] == [
        "exception",
        "diverged",
        "exception",
    ]


def test_causes_are_folded_to_the_terminal_and_paths_are_not(record: StudyRecord, workspace: Workspace) -> None:
    first = record.trials[0]
    words = " ".join(f"word{number}" for number in range(30))
    error = TrialError(kind="exception", message=f"it broke: {words}")
    log = f"ledger/s/failures/{'x' * 80} y.log"
    with Ledger(workspace, "s") as ledger:
        ledger.append("failed", first.trial_id, error=asdict(replace(error, log=log)))
    status = read_status(workspace, record)
    for every_failure, head in ((True, f"  {first.trial_id} {first.title}: exception: "), (False, "  1 x exception: ")):
        whole = status_text(status, NOW, every_failure=every_failure).splitlines()[1]
        assert whole.startswith(head)
        folded = status_text(status, NOW, every_failure=every_failure, width=80).splitlines()[1:]
        path = [line for line in folded if line == f"    {workspace.root}/{log}"]
        assert len(path) == every_failure
        lines = folded[: folded.index(path[0])] if path else folded[:-1]
        assert len(lines) > 2
        assert max(map(len, lines)) <= 80
        assert all(line.startswith(" " * 6 + "w") for line in lines[1:])
        assert " ".join(" ".join(lines).split()) == " ".join(whole.split())


def test_the_file_with_all_that_is_known_of_a_failure_is_named(record: StudyRecord, workspace: Workspace) -> None:
    first = record.trials[0]
    error = TrialError(kind="exception", message="it broke", traceback="Traceback\n  deep down\nValueError: it broke")
    log = write_failure_log(workspace, "s", first, error, generation=1, attempt=2)
    with Ledger(workspace, "s") as ledger:
        ledger.append("failed", first.trial_id, error=asdict(replace(error, log=log)))
    status = read_status(workspace, record)
    *_, path = status_text(status, NOW, every_failure=True).splitlines()
    assert path == f"    {workspace.root}/ledger/s/failures/{first.trial_id}.1.2.log"
    assert all(words in Path(path.strip()).read_text() for words in (first.title, "attempt  2", "deep down"))
    assert status_summary(status, NOW)["failed_trials"][0]["log"] == log


def test_results_of_earlier_semantics_are_shown_by_either_plan(
    record: StudyRecord, workspace: Workspace, make_plan_of: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record.trials[0]
    with Ledger(workspace, "s") as ledger:
        ledger.append("done", first.trial_id)
    assert "stale" not in status_text(read_status(workspace, record), NOW)
    monkeypatch.setattr(identity, "SEMANTICS", 2)
    now = replace(
        record,
        trials=[
            replace(trial, trial_id=trial_id(trial.config, trial.seed, trial.content_hash)) for trial in record.trials
        ],
    )
    for known, done in ((record, 1), (now, 0)):
        status = read_status(workspace, known)
        assert [name.title for name in status.stale] == [first.title]
        assert (status.counts["done"], status.planned) == (done, 4)
        assert [each["trial"] for each in status_summary(status, NOW)["stale_trials"]] == [known.trials[0].trial_id]
        assert status_text(status, NOW).splitlines()[1:] == [
            "  1 stale result: of an earlier version of the program, which computed otherwise",
            "(`dsn run` leaves them alone; `dsn run FILE --rerun stale` trains them again)",
        ]


def test_many_causes_are_counted(make_plan_of: MakePlan, workspace: Workspace) -> None:
    record = make_record(*make_plan_of("seeds: 30\n"))
    save_record(workspace, record)
    with Ledger(workspace, "s") as ledger:
        for number, trial in enumerate(record.trials):
            _fail(ledger, trial.trial_id, f"cause {number}")
    lines = status_text(read_status(workspace, record), NOW).splitlines()
    advice = "(--failed lists each; `dsn run FILE --rerun failed` tries again)"
    assert lines[-2:] == [f"  and {30 - MOST_CAUSES} other causes", advice]
    assert len(lines) == MOST_CAUSES + 3


def test_the_view_is_written_at_most_once_a_second_and_whenever_a_phase_begins(
    record: StudyRecord, workspace: Workspace
) -> None:
    file = ProgressFile(workspace, "s", _no_words)
    new = _progress(record).snapshot(NOW)
    file.write(new)
    assert last_progress(workspace, "s") == new
    file.write(replace(new, time=NOW + EVERY / 2))
    assert last_progress(workspace, "s") == new
    for later in (replace(new, time=NOW + EVERY), replace(new, time=NOW + EVERY, phase="stopping")):
        file.write(later)
        assert last_progress(workspace, "s") == later
    file.write(replace(new, time=NOW - 3600, phase="stopping"))
    assert last_progress(workspace, "s") == replace(new, time=NOW - 3600, phase="stopping"), "the clock was set back"
    file.remove()
    assert last_progress(workspace, "s") is None


def test_a_view_is_read_as_it_was_written(record: StudyRecord, workspace: Workspace) -> None:
    progress = _progress(record)
    progress.started(record.trials[0].trial_id, at=NOW)
    progress.progressed(record.trials[0].trial_id, EpochReport(epoch=1, train_loss=0.1), at=NOW)
    with driver_lock(workspace, "s"):
        ProgressFile(workspace, "s", _no_words).write(progress.snapshot(NOW))
        assert read_progress(workspace, "s") == progress.snapshot(NOW)
    with driver_lock(workspace, "another"):
        assert read_progress(workspace, "s") is None


@pytest.mark.parametrize("content", ["", "{", "{}", '{"study": "s"}', "\x00\xff"])
def test_a_view_that_another_version_wrote_is_not_shown(
    content: str, record: StudyRecord, workspace: Workspace
) -> None:
    (workspace.study("s") / "progress.json").write_text(content, encoding="latin-1")
    assert last_progress(workspace, "s") is None


def test_a_view_that_cannot_be_written_is_told_once_and_ends_no_run(record: StudyRecord, workspace: Workspace) -> None:
    (workspace.study("s") / "progress.json").mkdir()
    said: list[str] = []
    file = ProgressFile(workspace, "s", said.append)
    for seconds in range(3):
        file.write(replace(_progress(record).snapshot(NOW), time=NOW + 10 * seconds))
    (line,) = said
    assert line.startswith("dsn: `dsn status` will not see how far running trials are: ")


class Onlooker(ChangesDisplay):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.shown: list[Snapshot] = []

    def update(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)


@pytest.mark.parametrize("end", ["finished", "stopped", "killed"])
def test_who_looks_on_sees_the_run_and_its_end(end: str, record: StudyRecord, workspace: Workspace) -> None:
    progress, display = _progress(record), Onlooker()
    lock = driver_lock(workspace, "s")
    file = ProgressFile(workspace, "s", _no_words)
    trial_id = record.trials[0].trial_id

    def start(_seconds: float) -> None:
        if progress.snapshot(NOW).phase == "starting":
            progress.started(trial_id, at=NOW)
            file.write(progress.snapshot(NOW))
            return
        if end != "killed":
            progress.enter("finished" if end == "finished" else "stopped")
            file.write(progress.snapshot(NOW))
        lock.__exit__(None, None, None)

    lock.__enter__()
    file.write(progress.snapshot(NOW))
    watch(workspace, "s", display, 0.5, sleep=start)
    phases = [snapshot.phase for snapshot in display.shown]
    assert phases == ["starting", "training", "finished" if end == "finished" else "stopped"]
    assert [len(snapshot.running) for snapshot in display.shown] == [0, 1, 0]
    assert {snapshot.planned for snapshot in display.shown} == {4}


def test_there_is_nothing_to_look_on_at_when_nothing_runs(record: StudyRecord, workspace: Workspace) -> None:
    display = Onlooker()
    ProgressFile(workspace, "s", _no_words).write(_progress(record).snapshot(NOW))
    with driver_lock(workspace, "another"):
        watch(workspace, "s", display, 0.5, sleep=lambda _: pytest.fail("waited"))
    assert display.shown == []


def test_ctrl_c_leaves_the_watch(record: StudyRecord, workspace: Workspace) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with driver_lock(workspace, "s"):
        watch(workspace, "s", Onlooker(), 0.5, sleep=interrupted)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_it_too_and_gives_the_terminal_back(
    record: StudyRecord, workspace: Workspace, signum: signal.Signals
) -> None:
    before = signal.getsignal(signum)
    with driver_lock(workspace, "s"):
        watch(workspace, "s", Onlooker(), 0.5, sleep=lambda _: signal.raise_signal(signum))
    assert signal.getsignal(signum) is before
