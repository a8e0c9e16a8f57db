"""Plain values back to the configuration: every value of every field comes through, nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.errors import InvalidInput
from dsn.plain import from_plain

CONFIG = RunConfig(data=DataConfig(source="npz", name="Some"))


@given(
    st.builds(DataConfig, path=st.none() | st.text(), split=st.sampled_from([2015, 2018])),
    st.builds(ModelConfig, channels=st.integers(1, 100).map(lambda n: 3 * n), depth=st.integers(1, 9)),
    st.builds(SparsityConfig, level=st.floats(0, 1, exclude_max=True) | st.just("dense"), explore=st.booleans()),
    st.builds(TrainingConfig, learning_rate=st.floats(0, 1, exclude_min=True)),
)
def test_a_configuration_survives_json(
    data: DataConfig, model: ModelConfig, sparsity: SparsityConfig, training: TrainingConfig
) -> None:
    config = RunConfig(data=data, model=model, sparsity=sparsity, training=training)
    assert from_plain(RunConfig, json.loads(json.dumps(config.to_dict()))) == config


def test_what_has_a_default_may_be_left_out() -> None:
    assert from_plain(RunConfig, {"data": {"source": "npz", "name": "Some"}}) == CONFIG


def test_a_whole_number_may_stand_for_a_real_one() -> None:
    values = {"data": CONFIG.to_dict()["data"], "sparsity": {"level": 0}}
    found = from_plain(RunConfig, values)
    assert found == replace(CONFIG, sparsity=SparsityConfig(level=0.0))
    assert type(found.sparsity.level) is float


@pytest.mark.parametrize(
    ("room", "key", "value", "problem"),
    [
        ("model", "depth", "4", "must be a whole number (got '4')"),
        ("model", "depth", True, "must be a whole number (got True)"),
        ("model", "depth", 4.0, "must be a whole number (got 4.0)"),
        ("model", "depth", 0, "must be between 1 and 1000 (got 0)"),
        ("model", "padding", "same", "must be 'replicate-right' or 'zero' (got 'same')"),
        ("model", "padding", ["zero"], "must be 'replicate-right' or 'zero' (got ['zero'])"),
        ("sparsity", "explore", 1, "must be true or false (got 1)"),
        ("sparsity", "level", "sparse", "must be a number or 'dense' (got 'sparse')"),
        ("sparsity", "level", float("nan"), "must be at least 0 and below 1, or 'dense' (got nan)"),
        ("training", "learning_rate", None, "must be a number (got None)"),
        ("training", "learning_rate", 10**400, "must be a number (got 1" + "0" * 39 + "..." + "0" * 40 + ")"),
        ("data", "split", 2018.0, "must be 2015 or 2018 (got 2018.0)"),
        ("data", "path", 3, "must be text or nothing (got 3)"),
    ],
)
def test_a_value_that_is_refused_is_named(room: str, key: str, value: Any, problem: str) -> None:
    values = CONFIG.to_dict()
    values[room][key] = value
    with pytest.raises(InvalidInput) as caught:
        from_plain(RunConfig, values, key="config", place="a.npz")
    assert str(caught.value) == f"a.npz: config.{room}.{key}: {problem}"


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"^model\.dept: no such setting; did you mean 'depth'\? Valid: name, "):
        from_plain(RunConfig, {**CONFIG.to_dict(), "model": {"dept": 3}})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"^data\.name: is missing$"):
        from_plain(RunConfig, {"data": {"source": "npz"}})


@pytest.mark.parametrize("values", [None, 3, "text", [["data", 1]]])
def test_something_else_than_a_mapping_is_refused(values: object) -> None:
    with pytest.raises(InvalidInput, match="must be a mapping"):
        from_plain(RunConfig, values)
