"""A study whose every key there is, and every value one that somebody might try, is planned or refused in a line."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_judge import Bench, judge
from whole_studies import ODD_NUMBERS, THOROUGH, Tree, written

NEAR_BOUNDS: dict[str, tuple[object, ...]] = {
    "model.channels": (0, 3, 4, 6, 141, 30_000, 30_003),
    "model.kernel_size": (0, 1, 4, 5, 9, 39, 10_000, 10_001),
    "model.depth": (0, 1, 2, 1_000, 1_001),
    "model.padding": ("zero", "replicate-right", "same"),
    "model.pool_size": (0, 1, 50, 10_000, 10_001),
    "sparsity.level": (-1e-9, 0, 0.0, 5e-324, 0.5, 0.9, 0.9999999, 1 - 2**-53, 1, 1.0, "dense", math.nan, math.inf),
    "sparsity.relative_to": ("region", "layer", "network"),
    "sparsity.groups": (0, 1, 2, 3, 5, 9, 10, 40, 142, 10_000, 10_001),
    "sparsity.explore": (True, False, "no"),
    "sparsity.drop": ("magnitude", "set", "snip", "taylor", "random", "smallest"),
    "sparsity.grow": ("random", "gradient", "momentum", "least-covered"),
    "sparsity.update_every": (0, 1, 10**7, 10**7 + 1),
    "sparsity.update_unit": ("epochs", "steps", "batches"),
    "sparsity.schedule": ("cosine", "constant", "linear", "inverse-power", "inverse power"),
    "sparsity.initial_fraction": (0, 5e-324, 0.5, 1, 1.0000001),
    "sparsity.explore_until": (0, 1e-9, 1, 2),
    "training.epochs": (0, 1, 3, 10**7, 10**7 + 1),
    "training.batch_size": (1, 2, 16, 10**7),
    "training.batch_rule": ("tenth", "fixed"),
    "training.learning_rate": (0, 5e-324, 1e-3, 1e308, math.inf),
    "data.split": (2015, 2018, 2016),
    "data.normalisation": ("none", "global"),
    "data.name": ("Two",),
    "recipe": ("published-code", "paper"),
}

SEEDS = (1, 2, 3, 0, -1, 100_000, 100_001, 10**9, 2**63 - 1, [0], [5, 3], [1, 1], [-1], [], [2**63 - 1], [0.0], None)

NAMES = ("s", "a" * 100, "a" * 101, "a/b", "../a", "s@tiny", "@", "é", "", " ", ".", "1", "a b", "x" * 300, 5, None)


def _settings_near_bounds(draw: st.DrawFn, most: int) -> dict[str, object]:
    keys = draw(st.lists(st.sampled_from(sorted(NEAR_BOUNDS)), max_size=most, unique=True))
    return {key: draw(st.sampled_from(NEAR_BOUNDS[key])) for key in keys}


def _factors(draw: st.DrawFn) -> dict[str, object]:
    keys = draw(st.lists(st.sampled_from(sorted(NEAR_BOUNDS)), max_size=3, unique=True))
    values = {key: draw(st.lists(st.sampled_from(NEAR_BOUNDS[key]), min_size=1, max_size=3)) for key in keys}
    if draw(st.integers(0, 9)) == 0:
        values["training.epochs"] = list(range(1, 60))
    return {"mode": draw(st.sampled_from(["grid", "zip", "one_at_a_time"])), "values": values}


@st.composite
def improbable_studies(draw: st.DrawFn) -> bytes:
    study: dict[str, Tree] = {
        "name": draw(st.sampled_from(NAMES)) if draw(st.integers(0, 9)) == 0 else "s",
        "data": [{"source": "npz", "path": "sets", "names": draw(st.sampled_from([["Two"], ["Two", "Three"]]))}],
        "base": {"model.depth": 1, **_settings_near_bounds(draw, 2)},
    }
    if draw(st.booleans()):
        study["arms"] = {arm: _settings_near_bounds(draw, 1) for arm in draw(st.sampled_from(["a", "ab", "abc"]))}
    if draw(st.booleans()):
        study["factors"] = _factors(draw)
        if draw(st.booleans()):
            study["factors"]["arms"] = draw(st.lists(st.sampled_from([*study.get("arms", ["base"]), "z"]), max_size=2))
    if draw(st.booleans()):
        arm = st.sampled_from([{}, {"arm": "a"}, {"arm": "base"}])
        study["exclude"] = [{**draw(arm), **_settings_near_bounds(draw, 1)} for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        study["seeds"] = draw(st.sampled_from(SEEDS))
    if draw(st.booleans()):
        study["resources"] = {"cpus": draw(st.sampled_from([0, 1, 2**62])), "gpus": draw(st.sampled_from(ODD_NUMBERS))}
    return written(study).encode()


@settings(THOROUGH, max_examples=600)
@given(content=improbable_studies())
def test_a_study_of_improbable_values_is_refused_in_a_line_or_planned(bench: Bench, content: bytes) -> None:
    judge(bench, content)
