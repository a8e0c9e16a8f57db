"""What is kept of a finished study: a table of its trials, and beside the published numbers, what it comes to.

The kept table is all that the pages under ``studies/results`` are made from, so that whoever has both can check one
against the other, without the workspace that the trials were run in.
"""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from dsn.errors import InvalidInput
from pipeline.analysis import statistics
from pipeline.analysis.inference.differences import paired_differences
from pipeline.analysis.inference.intervals import FEWEST, LEVEL, Interval, t_interval
from pipeline.analysis.published import Published
from pipeline.analysis.renderings.markdown import to_markdown
from pipeline.analysis.results import METRICS, StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.analysis.tables import accuracy_table, published_table
from pipeline.wording import counted, duration, interval_points, part_of, points

_WORDS: Final = ("arm", "reference", "dataset", "seed", "status", "trial_id")

_NOT_KEPT: Final = ("provenance.host", "provenance.resumed_from", "provenance.began_anew")
"""Whose machine it was, and what happened to the trial on the way, say nothing about the results."""


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
    beside = filter(None, [published_table(_set_beside(results, published))])
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


def _set_beside(results: StudyResults, published: Sequence[Published]) -> StudyResults:
    """Stricter than for a study that anybody may have run: what is kept beside it is all of it."""
    for one in published:
        if one.arm not in results.arms or one.dataset not in results.datasets:
            value = f"{one.arm}, {one.dataset}"
            raise InvalidInput("no such arm and data set among the trials", key="published", value=value)
    return replace(results, published=tuple(published))


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
        # An earlier version recorded less.
        known = {value or "not recorded": count for value, count in counts.items()}
        shown = [f"{value} ({counted(count, 'trial')})" if len(known) > 1 else value for value, count in known.items()]
        lines.append(f"{what}: {', '.join(shown)}")
    return "".join(f"- {line}\n" for line in lines)


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


def _cells(texts: Iterable[str]) -> tuple[Cell, ...]:
    return tuple(Cell(text=text) for text in texts)
