"""Ranks over data sets, and each pair of arms: what tells them apart, and what does not."""

from __future__ import annotations

import itertools
import string
from dataclasses import replace
from typing import Final

from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.cells import count_cells, leading, p_cell, percent_cell, points_cell, text_cells
from pipeline.analysis.inference.accuracies import shared_accuracies, study_columns
from pipeline.analysis.inference.matrix import Pair, compare_pairs
from pipeline.analysis.inference.ranks import Ranking, rank_systems
from pipeline.analysis.inference.sentences import printed, ranked_over, tested_by
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import ABSENT, counted, part_of

MOST_GROUPED: Final = 20
"""Arms up to which groups are looked for; among more they overlap so much that nobody could read them."""

FEWEST_PAIRED: Final = 3

MOST_PAIRED: Final = 20
"""Arms whose pairs are listed: the first in rank, which are 190 pairs."""


def ranks_table(results: StudyResults) -> Table | str:
    """A row an arm, the best average rank first, with the test against the arm's reference; or why there are none."""
    accuracies = shared_accuracies(study_columns(results))
    ranking = rank_systems(accuracies)
    if isinstance(ranking, str):
        return ranking
    groups = _letters(ranking)
    columns = [Column(name="arm", numeric=False), Column(name="average rank"), Column(name="mean accuracy (%)")]
    columns += [Column(name="p against the reference")] if results.references else []
    columns += [Column(name="group", numeric=False)] if groups else []
    everyone = behind(results, ranking.systems, ranking.datasets)
    means = dict(zip(accuracies.systems, accuracies.fractions.mean(axis=0).tolist(), strict=True))
    rows = []
    for at, (arm, rank) in enumerate(zip(ranking.systems, ranking.ranks, strict=True)):
        row = [
            Cell(text=arm),
            Cell(text=f"{rank:.2f}", best=rank == ranking.ranks[0], values=(rank,), behind=everyone),
            *leading([percent_cell(means[arm])], behind(results, (arm,), ranking.datasets)),
        ]
        row += [_against_reference(results, ranking, at)] if results.references else []
        row += [Cell(text=groups[at], behind=everyone if groups[at] else None)] if groups else []
        rows.append(tuple(row))
    return Table(
        title="Ranks and significance",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            *ranked_over(ranking),
            *tested_by(ranking),
            *printed(results),
            *(("Arms that share a letter are not separated.",) if groups else ()),
        ),
    )


def pairs_table(results: StudyResults) -> Table | str:
    """A row a pair, the arm with the better rank first; or why there are none."""
    accuracies = shared_accuracies(study_columns(results))
    ranking = rank_systems(accuracies)
    if isinstance(ranking, str):
        return ranking
    if len(ranking.systems) < FEWEST_PAIRED:
        return "Two arms are a single pair, which the table of ranks tells of."
    listed_arms = ranking.systems[:MOST_PAIRED]
    by_place = {(pair.first, pair.second): pair for pair in compare_pairs(accuracies, ranking)}
    words = ("arm", "against", "separated")
    names = ("arm", "against", "difference (points)", "wins", "ties", "losses", "p", "p (Holm)", "separated")
    cut = len(ranking.systems) - len(listed_arms)
    return Table(
        title="Each pair",
        columns=tuple(Column(name=name, numeric=name not in words) for name in names),
        rows=tuple(
            _pair(by_place[pair], behind(results, pair, ranking.datasets))
            for pair in itertools.combinations(listed_arms, 2)
        ),
        notes=(
            (
                f"Over {part_of(len(ranking.datasets), len(results.datasets), 'data set')}, from the side of the arm "
                "with the better average rank. Wins, ties and losses count data sets by mean accuracy in percent, "
                "rounded to two decimals."
            ),
            *tested_by(ranking),
            *printed(results),
            *((f"Without {counted(cut, 'arm')} of lower rank; p is corrected for their pairs too.",) if cut else ()),
        ),
    )


def _against_reference(results: StudyResults, ranking: Ranking, at: int) -> Cell:
    arm = ranking.systems[at]
    if arm in results.references.values():
        return Cell(text="reference")
    other = results.references.get(arm)
    if other is None or other not in ranking.systems:
        return Cell(text=ABSENT, tooltip="has no reference with results")
    p = p_cell(float(ranking.adjusted[at, ranking.systems.index(other)]), tooltip=f"against {other}")
    return replace(p, behind=behind(results, (arm, other), ranking.datasets))


def _letters(ranking: Ranking) -> list[str]:
    """The groups of each arm as letters; empty for too many arms or groups to read."""
    if len(ranking.systems) > MOST_GROUPED:
        return []
    cliques = ranking.cliques()
    if len(cliques) > len(string.ascii_lowercase):
        return []
    return [
        "".join(letter for letter, clique in zip(string.ascii_lowercase, cliques, strict=False) if at in clique)
        for at in range(len(ranking.systems))
    ]


def _pair(pair: Pair, both: Behind | None) -> tuple[Cell, ...]:
    found = (
        points_cell(pair.difference),
        *count_cells((pair.wins, pair.ties, pair.losses)),
        p_cell(pair.p),
        p_cell(pair.adjusted),
        Cell(text="yes" if pair.separated else "no"),
    )
    return (*text_cells((pair.first, pair.second)), *leading(found, both))
