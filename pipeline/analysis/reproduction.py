"""What is kept of a finished study: a table of its trials, and beside the published numbers, what it comes to.

The kept table is all that the pages under ``studies/results`` are made from, so that whoever has both can check one
against the other, without the workspace that the trials were run in.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from dsn.errors import InvalidInput
from pipeline.analysis import statistics
from pipeline.analysis.inference.differences import paired_differences
from pipeline.analysis.inference.intervals import FEWEST, LEVEL, Interval, t_interval
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.analysis.table import Cell, Column, Table, to_markdown
from pipeline.analysis.tables import accuracy_table
from pipeline.wording import counted, duration, interval_points, part_of, percent, points, rounded_percent

PUBLISHED_COLUMNS: Final = ("dataset", "arm", "system", "accuracy", "std", "source")

_WORDS: Final = ("arm", "reference", "dataset", "seed", "status", "trial_id")

_NOT_KEPT: Final = ("provenance.host",)
"""Says whose machine it was, and nothing about the results."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """An accuracy that somebody printed, and what of the study it belongs beside.

    Attributes:
        dataset, arm: the study's data set and the label of its arm.
        system: whose accuracy it is.
        accuracy: in percent, as printed.
        std: its standard deviation, likewise; NaN if none is printed.
        source: where it is printed.
    """

    dataset: str
    arm: str
    system: str
    accuracy: float
    std: float
    source: str


def read_published(path: Path) -> tuple[Published, ...]:
    """The rows of a CSV file with the columns ``PUBLISHED_COLUMNS``.

    Raises:
        InvalidInput: other columns, or an accuracy that is none.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != PUBLISHED_COLUMNS:
            raise InvalidInput(f"must have the columns {', '.join(PUBLISHED_COLUMNS)}", place=str(path))
        return tuple(_published(row, f"{path}:{rows.line_num}") for row in rows)


def _published(row: dict[str, str], place: str) -> Published:
    numbers = {}
    for key in ("accuracy", "std"):
        try:
            numbers[key] = float(row[key]) if row[key] or key == "accuracy" else math.nan
        except (TypeError, ValueError) as error:
            raise InvalidInput("must be a number", key=key, value=row[key], place=place) from error
    if not 0 <= numbers["accuracy"] <= 100:
        raise InvalidInput("must be between 0 and 100", key="accuracy", value=row["accuracy"], place=place)
    return Published(dataset=row["dataset"], arm=row["arm"], system=row["system"], source=row["source"], **numbers)


def kept_trials(results: StudyResults) -> pd.DataFrame:
    """A row a cell in plan order: arm, reference (empty for none), data set, seed, status and trial id; settings that
    differ between rows; ``METRICS``; when it ended (UTC); what computed it, without the machine's name."""
    trials = results.trials
    kept = trials.assign(reference=trials["arm"].map(dict(results.references)).fillna(""))
    settings = next(iter(results.configs.values())).settings()
    # What the arm and the data set say already.
    varied = [key for key in settings if key not in ("data.name", "data.path") and kept[key].nunique(dropna=False) > 1]
    provenance = [name for name in trials.columns if name.startswith("provenance.") and name not in _NOT_KEPT]
    kept["finished"] = [_moment(seconds) for seconds in trials["finished"]]
    return kept[[*_WORDS, *varied, *METRICS, "finished", *provenance]]


def _moment(seconds: float) -> str:
    return "" if math.isnan(seconds) else f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def trials_csv(trials: pd.DataFrame) -> str:
    """``kept_trials`` as text; ``read_trials`` reads it back."""
    text: str = trials.to_csv(index=False, lineterminator="\n")
    return text


def read_trials(text: str) -> pd.DataFrame:
    """``kept_trials`` from ``trials_csv``: metrics are floats, to the bit; the seed is an int, all else is text."""
    kinds = defaultdict[str, Any](lambda: str, {"seed": int, **dict.fromkeys(METRICS, float)})
    return pd.read_csv(
        io.StringIO(text),
        dtype=kinds,
        keep_default_na=False,
        na_values={name: [""] for name in METRICS},
        float_precision="round_trip",
    )


def page(trials: pd.DataFrame, published: Sequence[Published]) -> str:
    """The tables of kept trials, in Markdown: what computed them, accuracy, the published beside it, and how sure the
    differences between arms are.

    Raises:
        InvalidInput: something published belongs beside an arm or a data set that the trials do not have.
    """
    arms, datasets = (tuple(map(str, trials[name].unique())) for name in ("arm", "dataset"))
    pairs = trials.loc[trials["reference"] != "", ["arm", "reference"]].drop_duplicates()
    references = dict(zip(pairs["arm"], pairs["reference"], strict=True))
    results = _results(trials, arms, datasets, references)
    beside = [published_table(results, published)] if published else []
    sure = [certainty_table(results)] if references else []
    return "\n".join([_origin(trials), *(to_markdown(table) for table in (accuracy_table(results), *beside, *sure))])


def _results(
    trials: pd.DataFrame, arms: tuple[str, ...], datasets: tuple[str, ...], references: dict[str, str]
) -> StudyResults:
    """Kept trials for the tables that every study has; of all else they say nothing."""
    nothing: dict[str, Any] = {"histories": {}, "receptive_fields": {}, "mask_updates": {}, "active_weights": {}}
    nothing |= {"factors": {}, "configs": {}, "data": (), "name": "", "question": "", "reproduces": ""}
    return StudyResults(
        trials=trials, arms=arms, datasets=datasets, references=references, source="", file="", **nothing
    )


def _origin(trials: pd.DataFrame) -> str:
    """What was computed, by what, in what time, as a list."""
    distinct = statistics.distinct_trials(trials)
    done = distinct[distinct["status"] == "done"]
    spent = duration(float((done["train_seconds"] + done["test_seconds"]).sum()))
    lines = [f"{part_of(len(done), len(distinct), 'trial')} done, in {spent} of training and testing"]
    if len(done):
        lines[0] += f", the last on {done['finished'].max()[:10]}"
    for column in (name for name in trials.columns if name.startswith("provenance.")):
        counts = done[column].value_counts(sort=False)
        what = "dsn-pipeline" if column == "provenance.version" else column.removeprefix("provenance.")
        shown = [
            f"{value} ({counted(count, 'trial')})" if len(counts) > 1 else value for value, count in counts.items()
        ]
        lines.append(f"{what}: {', '.join(shown)}")
    return "".join(f"- {line}\n" for line in lines)


def published_table(results: StudyResults, published: Iterable[Published]) -> Table:
    """A row a published accuracy, with what the study's arm has there; below, each system over all its data sets."""
    cells = statistics.accuracy_cells(results.trials, results.arms, results.datasets)
    by_place = {(cell["arm"], cell["dataset"]): cell for cell in cells.to_dict("records")}
    rows: list[tuple[Cell, ...]] = []
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for one in published:
        if (one.arm, one.dataset) not in by_place:
            value = f"{one.arm}, {one.dataset}"
            raise InvalidInput("no such arm and data set among the trials", key="published", value=value)
        cell = by_place[one.arm, one.dataset]
        here, there = cell["mean"], one.accuracy / 100
        texts = (one.dataset, one.arm, _spread(here, cell["std"]), one.system, _spread(there, one.std / 100))
        rows.append(_cells([*texts, points(here - there), one.source]))
        if not math.isnan(here):
            pairs.setdefault((one.arm, one.system), []).append((here, there))
    names = ("data set", "arm", "here (%)", "published system", "published (%)", "difference (points)", "source")
    words = ("data set", "arm", "published system", "source")
    return Table(
        title="Beside the published accuracies",
        columns=tuple(Column(name=name, numeric=name not in words) for name in names),
        rows=tuple(rows),
        summary=tuple(_over_datasets(arm, system, found) for (arm, system), found in pairs.items()),
        notes=(
            (
                "Wins / ties / losses are those of the arm against the published system, by mean accuracy in percent, "
                "rounded to two decimals."
            ),
        ),
    )


def _over_datasets(arm: str, system: str, pairs: Sequence[tuple[float, float]]) -> tuple[Cell, ...]:
    here, there = (float(np.mean(each)) for each in zip(*pairs, strict=True))
    signs = [np.sign(rounded_percent(own) - rounded_percent(other)) for own, other in pairs]
    outcome = f"{signs.count(1)} / {signs.count(0)} / {signs.count(-1)}"
    mean = f"mean over {counted(len(pairs), 'data set')}"
    texts = (mean, arm, percent(here), system, percent(there), points(here - there), f"wins / ties / losses: {outcome}")
    return _cells(texts)


def certainty_table(results: StudyResults) -> Table:
    """Each arm against its reference, data set by data set and over all of them, with intervals."""
    place = (results.trials, results.arms, results.datasets, results.references)
    compared = {row["arm"]: row for row in statistics.comparisons(*place).to_dict("records")}
    rows, summary = [], []
    for found in paired_differences(results):
        pair = (found.arm, found.reference)
        rows += [_certainty(*pair, name, seeds, t_interval(seeds), "") for name, seeds in found.by_dataset.items()]
        outcome = " / ".join(str(compared[found.arm][name]) for name in ("wins", "ties", "losses"))
        over = f"mean over {counted(len(found.means), 'data set')}"
        summary.append(_certainty(*pair, over, found.means, found.interval(), outcome))
    names = ("arm", "against", "data set", "difference (points)", f"{LEVEL:.0%} interval", "wins / ties / losses")
    words = ("arm", "against", "data set")
    return Table(
        title="How sure the differences are",
        columns=tuple(Column(name=name, numeric=name not in words) for name in names),
        rows=tuple(rows),
        summary=tuple(summary),
        notes=(
            (
                "The difference is the arm's test accuracy minus that of the arm that it is set against under the same "
                "seed, a mean over seeds; its interval is Student's over seeds."
            ),
            (
                "The interval of a mean over data sets is a bootstrap over data sets (percentiles); fewer than "
                f"{FEWEST} have none. Wins, ties and losses count data sets by mean accuracy as it is shown."
            ),
        ),
    )


def _certainty(  # noqa: PLR0917
    arm: str, reference: str, name: str, values: Sequence[float], interval: Interval, outcome: str
) -> tuple[Cell, ...]:
    mean = float(np.mean(values)) if values else math.nan
    return _cells([arm, reference, name, points(mean), interval_points(interval), outcome])


def _spread(mean: float, std: float) -> str:
    return percent(mean) if math.isnan(std) else f"{percent(mean)} ± {percent(std)}"


def _cells(texts: Iterable[str]) -> tuple[Cell, ...]:
    return tuple(Cell(text=text) for text in texts)
