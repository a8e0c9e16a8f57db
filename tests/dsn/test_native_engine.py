"""The native engine: the reference's numbers within the bounds of ``exactness``, and no memory kept beyond a step."""

from __future__ import annotations

import functools
import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

import exactness
import numpy as np
import pytest
import torch
from exactness import (
    Case,
    assert_exact,
    made_case,
    observe,
    standard_of,
    training_case,
    trajectory,
    trajectory_standard,
)
from hypothesis import HealthCheck, given, settings
from native_cases import CASES, DTYPES, RATE, cases, engine_of, equal, made, masks_of, native

from dsn.native.library import LEVELS, VARIABLE, NativeUnavailable, instruction_set, load_library

# One step, against the reference.


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(case=cases())
def test_every_step_of_every_network_is_the_reference_s(dtype: str, case: Case) -> None:
    assert_exact(case, made(dtype), dtype)


@functools.cache
def _standard(name: str, dtype: str) -> tuple[exactness.Arrays, exactness.Standard]:
    return standard_of(CASES[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_step_is_the_reference_s(name: str, dtype: str) -> None:
    start, held_to = _standard(name, dtype)
    case = CASES[name]
    held_to.require(observe(native(case.config, case.data, case.seed, dtype), case, start))


def test_a_step_of_the_published_network_is_the_reference_s() -> None:
    case = made_case(length=24, batches=(4, 3, 2), model_channels=141, kernel_size=39, depth=4, pool_size=50, level=0.8)
    start, held_to = standard_of(case, "float32", twins=4)
    held_to.require(observe(native(case.config, case.data, case.seed), case, start))


IN_A_CHILD = """
import pickle, sys
import numpy as np
from exactness import observe
from dsn.engines.native_engine import NativeEngine
from dsn.native.library import instruction_set

assert instruction_set() == sys.argv[1]
seen = {}
for key, (case, start) in pickle.load(sys.stdin.buffer).items():
    engine = NativeEngine(case.config, case.data, seed=case.seed, dtype=np.dtype(key[1]).type)
    seen[key] = observe(engine, case, start)
sys.stdout.buffer.write(pickle.dumps(seen))
"""


@pytest.mark.parametrize("name", [name for name in LEVELS if name != instruction_set()])
def test_a_step_in_any_instruction_set_is_the_reference_s(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    try:
        load_library()
    except NativeUnavailable as reason:
        pytest.skip(str(reason))
    keys = [(case, dtype) for case in CASES for dtype in DTYPES]
    # The child imports what this process does, from where it does.
    path = os.pathsep.join([str(Path(exactness.__file__).parent), *filter(None, sys.path)])
    child = subprocess.run(
        [sys.executable, "-P", "-c", IN_A_CHILD, name],
        input=pickle.dumps({key: (CASES[key[0]], _standard(*key)[0]) for key in keys}),
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr.decode()
    for key, seen in pickle.loads(child.stdout).items():
        _standard(*key)[1].require(seen)


# 200 steps, against the reference.

TRAININGS = {
    "warm, after the step": {"model_channels": 9, "kernel_size": 11},
    "warm, instead of the step": {"update_timing": "replaces-step", "grow": "momentum", "padding": "zero", "depth": 1},
    "fresh, after the step": {"moments": "fresh", "channels": 2, "drop": "set", "depth": 1},
    "fresh, instead of the step": {"moments": "fresh", "update_timing": "replaces-step", "grow": "gradient"},
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_of_two_hundred_steps_has_the_reference_s_masks_and_losses(name: str) -> None:
    case = training_case(**TRAININGS[name])
    trajectory_standard(case).require(trajectory(case, made("float64")))


# One engine by itself.


def test_the_same_steps_give_the_same_bits() -> None:
    case = CASES["replicate"]
    snapshots = []
    for _ in range(2):
        engine = engine_of(case)
        totals = engine.train(list(case.batches), RATE)
        snapshots.append((totals, engine.snapshot(), engine.predict(case.data.x_test)))
    (totals, one, predicted), (totals_again, other, predicted_again) = snapshots
    assert totals == totals_again
    assert equal(one, other)
    assert np.array_equal(predicted, predicted_again)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _sanitised() -> bool:
    return "libasan" in Path("/proc/self/maps").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what memory is in use")
@pytest.mark.parametrize("moments", ["warm", "fresh"])
def test_ten_thousand_steps_keep_no_memory(moments: str) -> None:
    if _sanitised():
        pytest.skip("the address sanitizer keeps what is freed")
    case = made_case(length=6, batches=(16, 5, 2), model_channels=48, kernel_size=15, moments=moments, grow="gradient")
    engine = engine_of(case)

    def hundred_steps(seed: int) -> None:
        engine.train([case.batches[i % 3] for i in range(100)], RATE)
        engine.weights(), engine.gradients(), engine.snapshot(), engine.predict(case.data.x_test)
        masks = masks_of(engine, seed)
        engine.set_masks(masks, masks)

    for seed in range(20):
        hundred_steps(seed)
    gc.collect()
    resident, blocks = _resident_bytes(), sys.getallocatedblocks()
    for seed in range(100):
        hundred_steps(seed)
    gc.collect()
    # A batch's indices kept at each step would be 1.3 MB, a layer's gradients or mask kept at each update 4.6 or
    # 1.2 MB; an engine that keeps nothing has shown a growth of 0.
    assert _resident_bytes() - resident < 1 << 20
    assert sys.getallocatedblocks() - blocks < 1000, "an object kept at each step, or ten at each update"


def test_the_caller_s_denormals_stay_as_they_are() -> None:
    case = CASES["replicate"]
    engine = engine_of(case)

    def are_flushed() -> bool:
        return not (np.full(64, 1e-40, np.float32) * np.float32(0.5)).any()

    if not torch.set_flush_denormal(True):
        pytest.skip("this processor flushes no denormals")
    try:
        for flushed in (True, False):
            torch.set_flush_denormal(flushed)
            assert are_flushed() == flushed
            engine.train(list(case.batches), RATE)
            assert are_flushed() == flushed
            engine.measure(case.batches[0])
            assert are_flushed() == flushed
            engine.predict(case.data.x_test)
            assert are_flushed() == flushed
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("moments", ["warm", "fresh"])
def test_the_state_goes_over_to_the_same_numbers_through_a_file(moments: str) -> None:
    case = made_case(moments=moments, grow="momentum", batches=(8, 8, 3))
    one, other = engine_of(case), engine_of(case)
    one.train(list(case.batches), RATE)
    masks = masks_of(one, 1)
    one.set_masks(masks, masks)
    one.train(list(case.batches), RATE)
    state = pickle.dumps(one.state_dict())
    live = one.state_dict()
    expected = [one.train(list(case.batches), RATE) for _ in range(2)]
    other.load_state_dict(pickle.loads(state))
    assert [other.train(list(case.batches), RATE) for _ in range(2)] == expected
    assert equal(one.snapshot(), other.snapshot())
    for mine, theirs in zip(one.momentum(), other.momentum(), strict=True):
        assert np.array_equal(mine, theirs)
    other.load_state_dict(live)
    assert [other.train(list(case.batches), RATE) for _ in range(2)] == expected, (
        "the state has changed with its engine"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_snapshot_is_the_reference_s_in_names_shapes_and_order(dtype: str) -> None:
    case = made_case(channels=2)
    engine = engine_of(case, dtype)
    reference = exactness.reference(case.config, case.data, case.seed)
    reference.set_masks(masks_of(engine, 0))
    one, other = engine.snapshot(), reference.snapshot()
    assert list(one) == list(other)
    for name, array in other.items():
        assert one[name].shape == array.shape
        assert one[name].dtype == (dtype if array.dtype.kind == "f" else array.dtype)
        # Both from one stream of random numbers, rounded to the type.
        assert np.array_equal(one[name], array.astype(one[name].dtype))


def test_predictions_of_series_that_lie_apart_in_memory_are_those_of_copies() -> None:
    case = made_case(channels=2)
    engine = engine_of(case)
    x = np.repeat(np.repeat(case.data.x_test, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not x.flags.c_contiguous
    assert np.array_equal(engine.predict(x), engine.predict(case.data.x_test))
