"""Networks, masks and engines for tests of the native engine. Where it is not built, what imports them is skipped."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import exactness
import numpy as np
import pytest
from exactness import Case, Masks, drawn_masks, made_case
from hypothesis import reject
from hypothesis import strategies as st

from dsn.architecture import layer_plans
from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.native_engine import NativeEngine
from dsn.errors import InvalidInput
from dsn.native.library import NativeUnavailable, load_library

try:
    load_library()
except NativeUnavailable as unavailable:
    pytest.skip(str(unavailable), allow_module_level=True)

DTYPES = ["float64", "float32"]

RATE = 1e-2


def native(config: RunConfig, data: TimeSeriesData, seed: int, dtype: str = "float32", threads: int = 1) -> Any:
    """An engine as a training makes it; in double precision too."""
    return NativeEngine(config, data, seed=seed, dtype=np.dtype(dtype).type, threads=threads)


def made(dtype: str) -> exactness.MakeEngine:
    """What makes such engines, as ``exactness`` asks for it."""
    return functools.partial(native, dtype=dtype)


def engine_of(case: Case, dtype: str = "float32", threads: int = 1) -> Any:
    """An engine under masks of its own, before any step."""
    engine = native(case.config, case.data, case.seed, dtype, threads)
    engine.set_masks(masks_of(engine, 0))
    return engine


def masks_of(engine: Any, seed: int) -> Masks:
    """Others for each seed, of the engine's counts."""
    return drawn_masks(engine.sparse_layers, np.random.default_rng(seed))


def equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Whether two networks have the same arrays in the same order, to the bit."""
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Every shape, density, padding and size of batch; the second and the third step may be on smaller or larger ones
    than the first.

    But no batch of one constant series: it has no variance, so that what leaves batch norm is rounding alone, and which
    side of the ReLU it falls on is no engine's to say.
    """
    batches = draw(st.tuples(*[st.integers(1, 33)] * 3))
    kernel_size = draw(st.integers(1, 15))
    density = draw(st.one_of(st.none(), st.sampled_from([1.0, 0.5, 0.2, 0.05, 0.01]), st.floats(0.01, 1)))
    case = made_case(
        channels=draw(st.integers(1, 4)),
        length=draw(st.one_of(st.integers(1, 80), st.integers(1, 8))),
        classes=draw(st.integers(2, 5)),
        batches=batches,
        model_channels=draw(st.sampled_from([3, 6, 9, 12])),
        kernel_size=kernel_size,
        depth=draw(st.integers(1, 3)),
        padding=draw(st.sampled_from(["replicate-right", "zero"])),
        pool_size=draw(st.integers(1, 9)),
        level="dense" if density is None else round(1 - density, 3),
        seed=draw(st.integers(0, 2**32 - 1)),
        offset=draw(st.sampled_from([0.0, 3.0])),
        constant=min(batches) > 1 and draw(st.sampled_from([False, False, False, True])),
        groups=draw(st.integers(1, min(3, kernel_size))),
        regions=draw(st.sampled_from(["multiples", "proportional"])),
        group_sizes=draw(st.sampled_from(["runs", "balanced"])),
        explore=draw(st.sampled_from([True, True, True, False])),
        moments=draw(st.sampled_from(["warm", "fresh"])),
        grow=draw(st.sampled_from(["random", "gradient", "momentum"])),
    )
    try:
        layer_plans(case.config.model, case.config.sparsity, case.data.x_train.shape[1])
    except InvalidInput:
        reject()  # a group would have no channel or no active weight
    return case


CASES = {
    "replicate": made_case(length=33, batches=(16, 16, 5), model_channels=12, kernel_size=15, level=0.8),
    "zero, even kernel": made_case(padding="zero", kernel_size=6, channels=2),
    "fresh": made_case(moments="fresh", channels=3, length=70, batches=(3, 2, 3)),
    "fresh, momentum": made_case(moments="fresh", grow="momentum", batches=(17, 16, 1)),
    "dense": made_case(level="dense", batches=(7, 7, 7)),
    "one time point": made_case(length=1, batches=(2, 1, 3), pool_size=3),
}
