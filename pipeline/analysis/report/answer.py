"""The answer in words: how much is done, and how the arms compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.analysis import statistics
from pipeline.analysis.cells import Row
from pipeline.analysis.inference.differences import Difference, paired_differences
from pipeline.analysis.inference.sentences import how_sure, what_intervals_are
from pipeline.analysis.results import StudyResults
from pipeline.planning.absent import omission
from pipeline.wording import counted, part_of, percent, points
from pipeline.workspace.lifecycle import STATUSES

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_ANSWER = 6
"""Arms that the answer names one by one against a single reference; of more it names the ends."""


MOST_AGAINST_SEVERAL = 8
"""Comparisons that the answer spells out where there are several references; of more it says how many."""


def answer(results: StudyResults) -> str:
    """One paragraph: how much is done, each reference's mean as the table has it, and the other arms against theirs."""
    sentences = [_progress(results)]
    if results.left_out:
        sentences.append(f"{omission(results.left_out, len(results.datasets))}.")
    cells = results.accuracy_cells
    if not cells["done"].any():
        return " ".join([*sentences, "There is no accuracy to report yet."])
    compared = results.comparisons
    references = list(compared["reference"].unique()) or [results.arms[0]]
    shared = statistics.shared_datasets(cells)
    over = part_of(len(shared), len(results.datasets), "data set")
    known = {name: mean for name, mean in statistics.mean_over_datasets(cells, shared).items() if not math.isnan(mean)}
    means = {name: f"mean test accuracy of {percent(known[name])}% over {over}" for name in references if name in known}
    sure = {found.arm: found for found in paired_differences(results)}
    if len(references) > 1:
        return " ".join(
            [*sentences, *_against_several(references, means, compared, sure), *what_intervals_are(sure.values())]
        )
    (reference,) = references
    role = "" if compared.empty else ", the reference,"
    if reference in means:
        sentences.append(f"{reference}{role} has a {means[reference]}.")
    elif not shared:
        sentences.append("There is no mean: on no data set do the arms with results have the same done seeds.")
    if not compared.empty:
        sentences.append(_against(reference, compared, sure))
    return " ".join([*sentences, *what_intervals_are(sure.values())])


def _progress(results: StudyResults) -> str:
    """``31 of 45 trials are done (1 failed, 13 pending), so these numbers may still change.``"""
    counts = statistics.status_totals(results.trials)
    done, others = counts["done"], [f"{counts[name]} {name}" for name in STATUSES[1:] if counts[name]]
    text = f"{done} of {counted(counts['planned'], 'trial')} {'is' if done == 1 else 'are'} done"
    text += f" ({', '.join(others)})" if others else ""
    unfinished = counts["running"] + counts["pending"]
    return text + (", so these numbers may still change." if unfinished and done else ".")


def _against(reference: str, compared: pd.DataFrame, sure: Mapping[str, Difference]) -> str:
    """The comparisons in a sentence: all, or the best and the worst few if there are many."""
    rows = compared.to_dict("records")
    if len(rows) <= MOST_IN_ANSWER:
        return f"Against {reference}: {'; '.join(_outcome(row, sure[row['arm']]) for row in rows)}."
    known = sorted((row for row in rows if row["pairs"]), key=lambda row: -float(row["difference"]))
    if len(known) <= MOST_IN_ANSWER:
        unknown = f"; {len(rows) - len(known)} of {counted(len(rows), 'arm')} cannot be compared yet"
        return f"Against {reference}: {'; '.join(_outcome(row, sure[row['arm']]) for row in known)}{unknown}.".replace(
            ": ; ", ": "
        )
    half = MOST_IN_ANSWER // 2
    best, worst = ("; ".join(_outcome(row, sure[row["arm"]]) for row in part) for part in (known[:half], known[-half:]))
    return f"Of {len(known)} arms against {reference}, best: {best}; worst: {worst}."


def _against_several(
    references: Sequence[str], means: Mapping[str, str], compared: pd.DataFrame, sure: Mapping[str, Difference]
) -> list[str]:
    """A sentence a reference with the arms compared with it; of many comparisons the first with a result.

    Args:
        references: all that arms are compared with.
        means: reference -> its mean in words, if it has one.
        compared: from ``statistics.comparisons``.
        sure: arm -> its paired differences.
    """
    # Sorting is stable: the order of the study, what cannot be compared yet behind.
    rows = sorted(compared.to_dict("records"), key=lambda row: row["pairs"] == 0)
    shown = rows[:MOST_AGAINST_SEVERAL]
    sentences = []
    for reference in references:
        mean = means.get(reference)
        outcomes = [_outcome(row, sure[row["arm"]]) for row in shown if row["reference"] == reference]
        if outcomes:
            sentences.append(f"Against {reference}{f' ({mean})' if mean else ''}: {'; '.join(outcomes)}.")
    if len(rows) > len(shown):
        sentences.append(f"And {len(rows) - len(shown)} more, in the table below.")
    return sentences


def _outcome(row: Row, difference: Difference) -> str:
    """``fixed −1.23 points (0 wins, 1 tie, 7 losses; 95% interval −2.01 to −0.44)``, and what cannot be
    compared."""
    arm, mean, pairs, left_out = (row[name] for name in ("arm", "difference", "pairs", "left_out"))
    if pairs == 0:
        return f"{arm} cannot be compared yet"
    counts = [
        counted(row[plural], singular) for plural, singular in (("wins", "win"), ("ties", "tie"), ("losses", "loss"))
    ]
    if left_out:
        counts.append(f"{counted(left_out, 'data set')} not comparable")
    return f"{arm} {points(mean)} points ({'; '.join([', '.join(counts), *how_sure(difference)])})"
