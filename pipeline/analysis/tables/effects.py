"""The effects of a study's factors, alone and together."""

from __future__ import annotations

from typing import Final

from pipeline.analysis.behind import Behind, behind
from pipeline.analysis.cells import count_cells, leading, number_cell, p_cell
from pipeline.analysis.inference.anova import Anova, Effect, grid_effects
from pipeline.analysis.inference.grid import study_grid
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell, Column, Table
from pipeline.wording import ABSENT, listed, part_of

MOST_EFFECTS: Final = 31
"""All of five factors; of more, those of the lowest order."""


def effects_table(results: StudyResults) -> Table | str:
    """The analysis of variance, a row an effect; or why there is none."""
    grid = study_grid(results)
    if isinstance(grid, str):
        return grid
    found = grid_effects(grid.results, grid.factors)
    if isinstance(found, str):
        return found
    everyone = behind(results, grid.arms, [name for name in results.datasets if name not in grid.left_out])
    names = ("effect", "squares (points²)", "df", "F", "p", "partial η²")
    return Table(
        title="Effects of the factors",
        columns=tuple(Column(name=name, numeric=name != "effect") for name in names),
        rows=tuple(_effect(effect, everyone) for effect in found.effects[:MOST_EFFECTS]),
        summary=_remainder(found, everyone),
        notes=(
            _tested_against(found, part_of(grid.results["dataset"].nunique(), len(results.datasets), "data set")),
            (
                "Partial η² is the part of an effect's and the residual's squares together that is the effect's. p is "
                "not corrected for the number of effects."
            ),
            *((f"Without {listed(grid.left_out)}, where results are missing.",) if grid.left_out else ()),
            *(
                (f"Without {listed(grid.without, between='; ')}, which the factors do not apply to.",)
                if grid.without
                else ()
            ),
            *(
                (f"Only the first {MOST_EFFECTS} of {len(found.effects)} effects are listed.",)
                if len(found.effects) > MOST_EFFECTS
                else ()
            ),
        ),
    )


def _effect(effect: Effect, everyone: Behind | None) -> tuple[Cell, ...]:
    numbers = (
        number_cell(effect.squares, decimals=2),
        *count_cells([effect.df]),
        number_cell(effect.f, decimals=2),
        p_cell(effect.p),
        number_cell(effect.partial, decimals=3),
    )
    return (Cell(text=" × ".join(effect.factors)), *leading(numbers, everyone))


def _remainder(found: Anova, everyone: Behind | None) -> tuple[tuple[Cell, ...], ...]:
    """The squares that are no effect's, and all of them."""
    over = "data sets" if found.block == "dataset" else "seeds"
    rows = [
        (f"{over} (blocks)", found.block_squares, found.block_df),
        (f"effects × {over} (residual)", found.residual_squares, found.residual_df),
    ]
    if found.seed_df:
        rows.append(("seeds", found.seed_squares, found.seed_df))
    df = sum(effect.df for effect in found.effects) + sum(each for _, _, each in rows)
    rows.append(("total", found.total_squares, df))
    rest = (Cell(text=ABSENT),) * 3
    return tuple(
        (Cell(text=name), *leading((number_cell(squares, decimals=2), *count_cells([df])), everyone), *rest)
        for name, squares, df in rows
    )


def _tested_against(found: Anova, over: str) -> str:
    if found.block == "seed":
        return (
            "Of one data set: an effect is tested against how much it differs from seed to seed, so this says nothing "
            "about other data sets."
        )
    return (
        f"Over {over}: seeds are averaged, and an effect is tested against how much it differs from data set to data "
        "set, as data sets are what a study generalises from."
    )
