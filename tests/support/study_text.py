"""Studies as a test writes them: read, planned, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from data_info import made_info

from dsn.config import DataConfig
from dsn.data import DataInfo
from dsn.errors import InvalidInput
from pipeline.planning.plan import Plan, make_plan
from pipeline.study.spec import Study, read_study

ONE_SET = "name: s\ndata:\n  - {source: aeon, names: [A]}\n"
TWO_SETS = "name: s\ndata:\n  - {source: aeon, names: [A, B]}\n"
"""Whole studies in three lines, so that what a test appends begins in line 4."""

GRID = (
    TWO_SETS
    + "arms: {x: {}, y: {sparsity.level: 0.5}}\n"
    + "factors: {values: {model.kernel_size: [9, 15, 21], sparsity.groups: [1, 3]}}\n"
    + "seeds: [0, 1, 2, 7]\n"
)
"""Twelve arms, 96 cells."""

Describe = Callable[[DataConfig], DataInfo]


def study_of(folder: Path, text: str, profile: str | None = None, settings: Sequence[str] = ()) -> Study:
    """The study of the file ``study.yaml`` in ``folder``, which then says ``text``."""
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return read_study(file, profile, settings)


def plan_of(folder: Path, text: str, *, describe: Describe = made_info, profile: str | None = None) -> Plan:
    """The plan of the study that says ``text``."""
    return make_plan(study_of(folder, text, profile), describe)


def refusal(
    folder: Path, text: str, *, describe: Describe = made_info, profile: str | None = None
) -> tuple[InvalidInput, str]:
    """The error of reading and planning it, and its place without the folder: ``4:1``, line and column."""
    with pytest.raises(InvalidInput) as caught:
        plan_of(folder, text, describe=describe, profile=profile)
    return caught.value, caught.value.place.removeprefix(f"{folder}/study.yaml").removeprefix(":")
