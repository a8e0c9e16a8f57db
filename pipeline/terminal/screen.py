"""A snapshot of a run as lines of a terminal. The only file that imports rich."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.terminal.display import DOING, tally, time_left
from pipeline.terminal.live import Line
from pipeline.terminal.progress import Leader, Name, Snapshot
from pipeline.wording import ABSENT, counted, percent

WIDEST = 110
"""Columns that are used at most: a number far from its name is hard to read."""

_NARROW = 72
"""Below so many columns, a table shows its most important ones."""

_NARROWEST = 30
"""Below so many, there are no tables."""

_ROWS_FOR_QUESTION = 16
_MOST_QUESTION, _MOST_WORKERS, _MOST_LEADERS, _MOST_LATEST = 2, 16, 8, 3
_GAP = 2
_STYLES = {"done": "green", "failed": "bold red"}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Draws for one terminal: in the colours that it has, or in none where NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        self._colours = Console(file=stream, force_terminal=True).color_system

    def lines(self, snapshot: Snapshot, now: float, columns: int, rows: int) -> list[Line]:
        """At most ``rows`` lines of at most ``columns``."""
        width = min(max(columns, 1), WIDEST)
        console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=self._colours,  # type: ignore[arg-type]  # rich's own word for what it found
            width=width,
            height=max(rows, 1),
        )
        with console.capture() as captured:
            for block in _blocks(snapshot, now, width, rows):
                console.print(block, no_wrap=True, overflow="crop", crop=True)
        texts = captured.get().split("\n")[:-1]
        return [Line(text, cell_len(_COLOURS.sub("", text))) for text in texts[:rows]]


@dataclass(frozen=True)
class _Column:
    heading: str
    width: int
    justify: Literal["left", "right"] = "right"


@dataclass(frozen=True, kw_only=True)
class _Section:
    """A table under the counts.

    Attributes:
        heading: of the first column, which takes what the others leave.
        columns: the others.
        names: the first column.
        cells: the other columns, a row each.
        most: rows that are shown at most.
        more: what there is more of when not all are.
    """

    heading: str
    columns: Sequence[_Column]
    names: Sequence[Name | str]
    cells: Sequence[Sequence[RenderableType]]
    most: int
    more: str

    def lines(self, width: int, rows: int) -> tuple[int, list[RenderableType]]:
        """At most ``rows`` lines, the heading among them: how many, and what they are."""
        first = max(width - sum(_GAP + column.width for column in self.columns), 1)
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=first, no_wrap=True)
        for column in self.columns:
            table.add_column(width=column.width, no_wrap=True, justify=column.justify)
        table.add_row(*(Text(each, "dim") for each in (self.heading, *(column.heading for column in self.columns))))
        room = min(rows - 1, self.most)
        shown = len(self.names) if len(self.names) <= room else room - 1
        for name, cells in zip(self.names[:shown], self.cells[:shown], strict=True):
            table.add_row(Text(_shortened(name, first)), *cells)
        if shown == len(self.names):
            return 1 + shown, [table]
        return 2 + shown, [table, Text(f"and {counted(len(self.names) - shown, f'more {self.more}')}", "dim")]


def _blocks(snapshot: Snapshot, now: float, width: int, rows: int) -> Iterator[RenderableType]:
    """What there is room for: the bar and the counts before all else, then workers, leaders, latest results.

    When all is done the bar and the counts are enough: the results follow.
    """
    head: list[RenderableType] = [_apart(Text(snapshot.study, "bold"), Text(_state(snapshot, now), "dim"), width)]
    if rows >= _ROWS_FOR_QUESTION:
        # Apart from the lines that were said before.
        head = [Text(), *head, *_question(snapshot.question, width), Text()]
    summary = [_bar(snapshot, width), *_counts(snapshot, now, width)]
    yield from head
    yield from summary
    if snapshot.phase == "finished":
        yield Text()
        return
    free = rows - len(head) - len(summary) if width >= _NARROWEST else 0
    for section in (_workers(snapshot, now, width), _leaders(snapshot, width), _latest(snapshot, width)):
        # A blank line, the heading, and something under it.
        if section is None or not section.names or free < 3:
            continue
        count, lines = section.lines(width, free - 1)
        free -= 1 + count
        yield Text()
        yield from lines


def _state(snapshot: Snapshot, now: float) -> str:
    """What goes on and for how long it has; or how it ended."""
    if snapshot.phase in ("finished", "stopped"):
        return f"{snapshot.phase} after {clock(snapshot.time - snapshot.began)}"
    parts = (DOING.get(snapshot.phase, ""), clock(now - snapshot.began))
    return " · ".join(part for part in parts if part)


def _question(question: str, width: int) -> list[RenderableType]:
    lines = [line.plain for line in Text(question).wrap(Console(width=width), width)] if question else []
    if len(lines) > _MOST_QUESTION:
        last = lines[_MOST_QUESTION - 1].rstrip()
        lines = [*lines[: _MOST_QUESTION - 1], f"{set_cell_size(last, min(cell_len(last), width - 1))}…"]
    return [Text(line, "italic") for line in lines]


def _bar(snapshot: Snapshot, width: int) -> RenderableType:
    """Settled trials, and the parts of the running ones, of all."""
    settled = snapshot.done + snapshot.pruned + snapshot.failed
    parts = sum(running.epoch / running.epochs for running in snapshot.running)
    words = f"{settled} of {snapshot.planned}"
    bar = ProgressBar(
        total=max(snapshot.planned, 1), completed=settled + parts, complete_style="cyan", finished_style="green"
    )
    line = Table.grid(padding=(0, _GAP, 0, 0))
    line.add_column(width=max(width - _GAP - len(words), 1))
    line.add_column(width=len(words), no_wrap=True)
    line.add_row(bar, Text(words))
    return line


def _counts(snapshot: Snapshot, now: float, width: int) -> list[RenderableType]:
    """The sum that holds always, and the time left; on as many lines as they need."""
    lines = [Text()]
    for name, number in tally(snapshot).items():
        kinds = _kinds(snapshot) if name == "failed" else ""
        part = Text(f"{number} {name}{kinds}", _STYLES.get(name, ""))
        if lines[-1] and lines[-1].cell_len + 3 + part.cell_len > width:
            lines.append(Text())
        lines[-1].append(" · " if lines[-1] else "", "dim").append_text(part)
    left = Text(time_left(snapshot, now=now))
    if not left or lines[-1].cell_len + _GAP + left.cell_len > width:
        return [*lines, *([left] if left else [])]
    return [*lines[:-1], _apart(lines[-1], left, width)]


def _kinds(snapshot: Snapshot) -> str:
    """Of failures; with their numbers if there are several."""
    kinds = [kind if len(snapshot.failures) == 1 else f"{n} {kind}" for kind, n in snapshot.failures.items()]
    return f" ({', '.join(kinds)})" if kinds else ""


def _workers(snapshot: Snapshot, now: float, width: int) -> _Section | None:
    """What each does now; an idle one keeps its row, so that nothing jumps between two trials."""
    if snapshot.phase not in ("starting", "training", "finishing"):
        return None
    busy = {running.worker: running for running in snapshot.running}
    rows = max(min(snapshot.workers, len(busy) + snapshot.to_go), max(busy, default=-1) + 1)
    names: list[Name | str] = []
    cells: list[list[RenderableType]] = []
    for worker in range(rows):
        running = busy.get(worker)
        if running is None:
            names.append(ABSENT)
            cells.append([])
            continue
        names.append(running.name)
        progress, time = Text(f"{running.epoch}/{running.epochs}"), Text(clock(now - running.since))
        loss = Text(ABSENT if running.train_loss is None else f"{running.train_loss:.4f}")
        part = ProgressBar(total=running.epochs, completed=running.epoch, complete_style="cyan", finished_style="cyan")
        cells.append([progress, time] if width < _NARROW else [part, progress, loss, time])
    digits = max((len(f"{running.epochs}") for running in snapshot.running), default=2)
    epoch, time_column = _Column("epoch", max(2 * digits + 1, 5)), _Column("time", 7)
    wide = [_Column("", 12), epoch, _Column("train loss", 10), time_column]
    columns = [epoch, time_column] if width < _NARROW else wide
    return _Section(heading="now", columns=columns, names=names, cells=cells, most=_MOST_WORKERS, more="worker")


def _leaders(snapshot: Snapshot, width: int) -> _Section:
    """Data sets under way first, then those that are complete, then the rest."""
    leaders = sorted(snapshot.leaders, key=lambda each: 0 if 0 < each.done < each.planned else 1 if each.done else 2)
    numbers = [_Column("accuracy %", 10)]
    if width >= _NARROW:
        done = max((2 * len(str(each.planned)) + 1 for each in leaders), default=0)
        numbers += [_Column("seeds", 5), _Column("done", max(done, 4))]
    heading = "best so far"
    names = min(max(cell_len(name) for name in (heading, *(each.dataset for each in leaders))), width // 3)
    arm = max(width - names - _GAP - sum(_GAP + column.width for column in numbers), 1)
    return _Section(
        heading=heading,
        columns=[_Column("arm", arm, "left"), *numbers],
        names=[each.dataset for each in leaders],
        cells=[_leader_cells(each, arm)[: 1 + len(numbers)] for each in leaders],
        most=_MOST_LEADERS,
        more="data set",
    )


def _leader_cells(leader: Leader, width: int) -> list[RenderableType]:
    """Arm (in ``width`` columns), accuracy, seeds, trials done."""
    done = Text(f"{leader.done}/{leader.planned}", "dim")
    if leader.accuracy is None:
        return [Text(), Text(ABSENT), Text(), done]
    others = f" and {len(leader.arms) - 1} more" if len(leader.arms) > 1 else ""
    arm = f"{_cut(leader.arms[0], max(width - len(others), 1))}{others}"
    return [Text(arm), Text(percent(leader.accuracy), "bold"), Text(str(leader.seeds)), done]


def _latest(snapshot: Snapshot, width: int) -> _Section | None:
    if snapshot.phase == "stopped":
        return None
    latest = snapshot.latest[:_MOST_LATEST]
    cells = [
        [
            Text("failed", "red") if each.accuracy is None else Text(percent(each.accuracy)),
            Text(ABSENT if each.seconds is None else clock(each.seconds)),
        ]
        for each in latest
    ]
    columns = [_Column("accuracy %", 10), _Column("time", 7)]
    shown = 1 if width < _NARROW else 2
    return _Section(
        heading="latest",
        columns=columns[:shown],
        names=[each.name for each in latest],
        cells=[row[:shown] for row in cells],
        most=_MOST_LATEST,
        more="trial",
    )


def clock(seconds: float) -> str:
    """``0:42``, ``12:05``, ``3:00:00``: of one width while it runs on."""
    minutes, second = divmod(int(max(seconds, 0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _apart(left: Text, right: Text, width: int) -> Text:
    """The one at the left edge, the other at the right one."""
    room = max(width - right.cell_len - _GAP, 0)
    return Text.assemble(_fitted(left, room), " " * (width - min(left.cell_len, room) - right.cell_len), right)


def _fitted(text: Text, width: int) -> Text:
    return text if text.cell_len <= width else Text(_cut(text.plain, width), text.style)


def _shortened(name: Name | str, width: int) -> str:
    """A name in ``width`` columns; of a trial's, what is cut is the arm, which is often long, before all else."""
    if isinstance(name, str):
        return _cut(name, width)
    rest = f" · {name.dataset} · seed {name.seed}"
    room = max(width - cell_len(rest), min(cell_len(name.arm), width // 3))
    arm = _cut(name.arm, room)
    seed = f" · seed {name.seed}"
    dataset = _cut(name.dataset, max(width - cell_len(arm) - 3 - len(seed), 1))
    return _cut(f"{arm} · {dataset}{seed}", width)


def _cut(text: str, width: int) -> str:
    """At most ``width`` columns: the middle goes, as labels of factors differ at their ends."""
    if cell_len(text) <= width:
        return text
    if width < 3:
        return "…"[:width]
    front, back = width // 2, (width - 1) // 2
    end = next(text[start:] for start in range(len(text) + 1) if cell_len(text[start:]) <= back)
    return f"{set_cell_size(text, front).rstrip()}…{end.lstrip()}"
