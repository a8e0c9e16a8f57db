"""Every registry and the configuration field that chooses from it name the same things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from dsn.config import ModelConfig, SparsityConfig
from dsn.data import SOURCES, names
from dsn.engines import ENGINES
from dsn.models import MODELS
from dsn.recipes import RECIPES
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.schedule import SCHEDULES
from dsn.sparsity.topology import INITIAL
from pipeline.study.factors import MODES, Factors
from pipeline.study.spec import StudySpec


@pytest.mark.parametrize(
    ("owner", "field", "registry"),
    [
        (SparsityConfig, "drop", DROP),
        (SparsityConfig, "grow", GROW),
        (SparsityConfig, "initial", INITIAL),
        (SparsityConfig, "schedule", SCHEDULES),
        (ModelConfig, "name", MODELS),
        (StudySpec, "engine", {"auto": None, **ENGINES}),
        (Factors, "mode", MODES),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_study_may_choose_exactly_what_is_registered(owner: type, field: str, registry: Mapping[str, Any]) -> None:
    assert field in {each.name for each in fields(owner)}
    assert set(get_args(get_type_hints(owner)[field])) == set(registry)


def test_the_default_recipe_is_registered() -> None:
    assert "published-code" in RECIPES


def test_the_bundled_source_lists_its_data_sets() -> None:
    assert "aeon" in SOURCES
    assert {"GunPoint", "ItalyPowerDemand", "BasicMotions", "UnitTest"} <= set(names("aeon"))
