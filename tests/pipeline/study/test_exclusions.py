"""What a study leaves out, and the exclusions that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_text import GRID, TWO_SETS, plan_of, refusal


@pytest.mark.parametrize(
    ("exclude", "arms", "cells"),
    [
        ("[{model.kernel_size: 9}]", 8, 64),
        ("[{model.kernel_size: 9, sparsity.groups: 3}]", 10, 80),
        ("[{model: {kernel_size: 9}, sparsity.groups: 3}]", 10, 80),
        ("[{arm: y}]", 6, 48),
        ("[{arm: y, data.name: B}]", 12, 72),
        ("[{data.name: B}, {arm: y, model.kernel_size: 9}]", 10, 40),
        ("[{sparsity.level: 0.8}]", 6, 48),
        ("[{model.kernel_size: 9, sparsity.groups: 3}, {sparsity.groups: 1, model.kernel_size: 15}]", 8, 64),
        ("[{sparsity.level: 0.50}, {sparsity.level: dense}, {}]", 6, 48),
        ("[{sparsity.explore: true, data.name: A}]", 12, 48),
        ("[]", 12, 96),
    ],
)
def test_exclusions_leave_out_what_holds_in_all_their_parts(
    tmp_path: Path, exclude: str, arms: int, cells: int
) -> None:
    plan = plan_of(tmp_path, GRID + f"exclude: {exclude}\n")
    assert (len(plan.arms), len(plan.cells)) == (arms, cells)


def test_an_exclusion_of_everything_is_refused(tmp_path: Path) -> None:
    error, where = refusal(tmp_path, TWO_SETS + "exclude: [{model.name: dsn}]\n")
    assert (error.problem, error.key, where) == ("leaves no trial", "exclude", "4:1")


@pytest.mark.parametrize(
    ("exclude", "key", "problem", "choice"),
    [
        ("{sparsity.levl: 0.5}", "sparsity.levl", "unknown key", "sparsity.level"),
        ("{arm: bse}", "arm", "no such arm", "base"),
        ("{data.splt: 2015}", "data.splt", "unknown key", "data.split"),
        ("{sparsity.grow: gradent}", "sparsity.grow", "must be one of the choices", "gradient"),
    ],
)
def test_an_exclusion_of_what_does_not_exist_is_refused(
    tmp_path: Path, exclude: str, key: str, problem: str, choice: str
) -> None:
    error, where = refusal(tmp_path, TWO_SETS + f"exclude:\n  - {exclude}\n")
    assert (error.key, error.problem, where) == (key, problem, "5:6")
    assert choice in error.choices


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("model.kernel_size: [9, 15]", "must be a whole number"),
        ("model.kernel_size: 9.5", "must be a whole number"),
        ("sparsity.explore: 1", "must be true or false"),
        ("sparsity.level: half", "must be a number or 'dense'"),
        ('data.split: "2015"', "must be one of the choices"),
    ],
)
def test_an_exclusion_of_a_value_that_a_key_never_has_is_refused(tmp_path: Path, condition: str, problem: str) -> None:
    error, where = refusal(tmp_path, TWO_SETS + f"exclude: [{{model.depth: 3}}, {{{condition}}}]\n")
    assert (error.key, error.problem, where) == (condition.partition(":")[0], problem, "4:30")
