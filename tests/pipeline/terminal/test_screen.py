"""The picture of a run, as text of a given width and height."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.terminal.progress import Finished, Leader, Name, Phase, Running, Snapshot
from pipeline.terminal.screen import WIDEST, Screen, clock

NOW = 2000.0
CODE = re.compile(r"\x1b\[[0-9;]*m")
LONG = "gradient, model.kernel_size=39, sparsity.groups=3"


def _name(arm: str = "dsn", dataset: str = "GunPoint", seed: int = 0) -> Name:
    return Name(trial=f"{arm}{dataset}{seed}", arm=arm, dataset=dataset, seed=seed)


SNAPSHOT = Snapshot(
    study="quickstart",
    question="Does it help?",
    phase="training",
    time=NOW,
    began=NOW - 192,
    planned=45,
    done=17,
    pruned=0,
    failed=1,
    stale=0,
    workers=3,
    left=300.0,
    measured=True,
    running=(
        Running(name=_name(LONG), worker=0, since=NOW - 8, epoch=15, epochs=30, train_loss=0.43125),
        Running(name=_name(seed=2), worker=2, since=NOW - 2, epochs=30),
    ),
    latest=(
        Finished(name=_name(seed=1), accuracy=0.9867, seconds=4.2),
        Finished(name=_name("dense"), failure="diverged", cause="the training loss is not finite in epoch 3"),
    ),
    leaders=(
        Leader(dataset="GunPoint", arms=("dsn", "fixed", LONG), accuracy=0.99111, seeds=3, done=9, planned=15),
        Leader(dataset="Coffee", arms=(), accuracy=None, seeds=0, done=0, planned=15),
    ),
    failures={"diverged": 1},
)


@pytest.fixture(autouse=True)
def _colours_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def _drawn(snapshot: Snapshot, columns: int, rows: int = 40, now: float = NOW) -> list[str]:
    """Without colours, trailing spaces and the blank line that sets it apart."""
    lines = Screen(io.StringIO()).lines(snapshot, now, columns, rows)
    texts = [CODE.sub("", line.text).rstrip() for line in lines]
    # What was said before stands above.
    assert rows < 16 or texts[0] == ""
    return texts[1:] if rows >= 16 else texts


def test_a_picture_of_a_hundred_columns() -> None:
    assert _drawn(SNAPSHOT, 100) == [
        "quickstart                                                                                      3:12",
        "Does it help?",
        "",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  18 of 45",
        "17 done · 1 failed (diverged) · 2 running · 25 to go                              about 5.0 min left",
        "",
        "now                                                                       epoch  train loss     time",
        "gradient, model.ker…sparsity.groups=3 · GunPoint · seed 0   ━━━━━━╺━━━━━  15/30      0.4313     0:08",
        "–",
        "dsn · GunPoint · seed 2                                     ━━━━━━━━━━━━   0/30           –     0:02",
        "",
        "best so far  arm                                                            accuracy %  seeds   done",
        "GunPoint     dsn and 2 more                                                      99.11      3   9/15",
        "Coffee                                                                               –          0/15",
        "",
        "latest                                                                           accuracy %     time",
        "dsn · GunPoint · seed 1                                                               98.67     0:04",
        "dense · GunPoint · seed 0                                                            failed        –",
    ]


def test_a_picture_of_forty_columns() -> None:
    assert _drawn(SNAPSHOT, 40) == [
        "quickstart                          3:12",
        "Does it help?",
        "",
        "━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━  18 of 45",
        "17 done · 1 failed (diverged)",
        "2 running · 25 to go  about 5.0 min left",
        "",
        "now                       epoch     time",
        "grad…s=3 · Gu…t · seed 0  15/30     0:08",
        "–",
        "dsn · GunPoint · seed 2    0/30     0:02",
        "",
        "best so far  arm              accuracy %",
        "GunPoint     dsn and 2 more        99.11",
        "Coffee                                 –",
        "",
        "latest                        accuracy %",
        "dsn · GunPoint · seed 1            98.67",
        "dense · GunPoint · seed 0         failed",
    ]


def test_a_wide_terminal_is_not_filled() -> None:
    assert _drawn(SNAPSHOT, 200) == _drawn(SNAPSHOT, WIDEST)


def test_a_low_terminal_shows_the_bar_and_the_counts_first() -> None:
    for rows in range(1, 30):
        lines = _drawn(SNAPSHOT, 100, rows)
        assert len(lines) <= rows
        assert lines[0].startswith("quickstart")
        assert rows < 3 or any("17 done" in line for line in lines)
        assert rows < 6 or any(line.startswith("now") for line in lines)
        assert rows < 25 or any(line.startswith("latest") for line in lines)


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        ("starting", "starting the workers · 3:12"),
        ("finishing", "finishing what runs · 3:12"),
        ("stopping", "stopping the workers · 3:12"),
        ("reporting", "writing the report · 3:12"),
        ("tracking", "updating MLflow · 3:12"),
        ("stopped", "stopped after 3:02"),
        ("finished", "finished after 3:02"),
    ],
)
def test_what_goes_on_beside_the_training_is_said(phase: Phase, state: str) -> None:
    snapshot = replace(SNAPSHOT, phase=phase, time=NOW - 10, running=(), left=None)
    assert _drawn(snapshot, 80)[0].endswith(f" {state}")


def test_when_all_is_done_the_counts_are_left() -> None:
    end = replace(SNAPSHOT, phase="finished", done=44, running=(), left=None)
    assert _drawn(end, 80) == [
        "quickstart                                                   finished after 3:12",
        "Does it help?",
        "",
        f"{'━' * 70}  45 of 45",
        "44 done · 1 failed (diverged)",
        "",
    ]


def test_a_long_question_is_cut_after_two_lines() -> None:
    lines = _drawn(replace(SNAPSHOT, question="Why " * 30), 40)
    assert lines[1:4] == [("Why " * 10).strip(), ("Why " * 9) + "Why…", ""]


def test_many_workers_and_data_sets_are_counted_where_they_do_not_fit() -> None:
    running = tuple(Running(name=_name(seed=n), worker=n, since=NOW, epochs=30) for n in range(64))
    board = Leader(dataset="B", arms=(), accuracy=None, seeds=0, done=0, planned=2)
    begun = Leader(dataset="C", arms=("dsn",), accuracy=0.5, seeds=1, done=1, planned=2)
    crowded = replace(SNAPSHOT, running=running, workers=64, leaders=(*[board] * 127, begun))
    lines = _drawn(crowded, 100, rows=60)
    assert lines[lines.index("and 49 more workers") - 1].startswith("dsn · GunPoint · seed 14 ")
    assert lines[[line.startswith("best so far") for line in lines].index(True) + 1].startswith("C  ")
    assert "and 121 more data sets" in lines
    assert any(line.startswith("latest") for line in lines)
    assert len(lines) < 45, "a high terminal is not filled"


def test_the_time_left_runs_down_between_two_snapshots_and_never_below_a_second() -> None:
    assert "about 1.8 min left" in _drawn(replace(SNAPSHOT, left=120.0), 80, now=NOW + 10)[4]
    assert "about 1 s left" in _drawn(SNAPSHOT, 80, now=NOW + 3600)[4]
    assert "about 5.0 min left (planned)" in _drawn(replace(SNAPSHOT, measured=False), 80)[5]


def test_without_colours_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def colours() -> set[str]:
        lines = Screen(io.StringIO()).lines(SNAPSHOT, NOW, 80, 40)
        return set(re.findall(r"\x1b\[([0-9;]*)m", "".join(line.text for line in lines)))

    assert "32" in colours(), "done is green"
    monkeypatch.setenv("NO_COLOR", "1")
    # Reset, bold, dim, italic.
    assert colours() == {"0", "1", "2", "3"}


@given(
    columns=st.integers(1, 250),
    rows=st.integers(1, 60),
    arm=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=150),
    question=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=300),
)
def test_a_picture_never_exceeds_its_place(columns: int, rows: int, arm: str, question: str) -> None:
    name = replace(_name(), arm=arm, dataset=arm[::-1])
    leader = replace(SNAPSHOT.leaders[0], arms=(arm,), dataset=arm)
    running = (replace(SNAPSHOT.running[0], name=name), SNAPSHOT.running[1])
    snapshot = replace(SNAPSHOT, question=question, running=running, leaders=(leader,))
    lines = Screen(io.StringIO()).lines(snapshot, NOW, columns, rows)
    assert len(lines) <= rows
    for line in lines:
        plain = CODE.sub("", line.text)
        assert line.cells == cell_len(plain) <= min(columns, WIDEST)
        assert "\x1b" not in plain
        assert "\n" not in plain


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1, "0:00"), (0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
