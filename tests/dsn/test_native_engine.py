"""The native engine: the reference's numbers within the bounds of ``exactness``, and no memory read or kept beyond."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import exactness
import numpy as np
import pytest
import torch
from exactness import (
    Case,
    Masks,
    assert_exact,
    drawn_masks,
    made_case,
    observe,
    standard_of,
    training_case,
    trajectory,
    trajectory_standard,
)
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from dsn.architecture import layer_plans
from dsn.config import RunConfig
from dsn.data.dataset import TimeSeriesData
from dsn.engines.native_engine import NativeEngine
from dsn.errors import InvalidInput
from dsn.native.library import LEVELS, VARIABLE, NativeUnavailable, instruction_set, load_library
from dsn.native.network import HEAD, Part, Which

try:
    load_library()
except NativeUnavailable as unavailable:
    pytest.skip(str(unavailable), allow_module_level=True)

DTYPES = ["float64", "float32"]

RATE = 1e-2


def _native(config: RunConfig, data: TimeSeriesData, seed: int, dtype: str = "float32", threads: int = 1) -> Any:
    return NativeEngine(config, data, seed=seed, dtype=np.dtype(dtype).type, threads=threads)


def _made(dtype: str) -> exactness.MakeEngine:
    return functools.partial(_native, dtype=dtype)


def _engine(case: Case, dtype: str = "float32", threads: int = 1) -> Any:
    """An engine under masks of its own, before any step."""
    engine = _native(case.config, case.data, case.seed, dtype, threads)
    engine.set_masks(_masks(engine, 0))
    return engine


def _masks(engine: Any, seed: int) -> Masks:
    return drawn_masks(engine.sparse_layers, np.random.default_rng(seed))


def _equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


# One step, against the reference.


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


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(case=cases())
def test_every_step_of_every_network_is_the_reference_s(dtype: str, case: Case) -> None:
    assert_exact(case, _made(dtype), dtype)


CASES = {
    "replicate": made_case(length=33, batches=(16, 16, 5), model_channels=12, kernel_size=15, level=0.8),
    "zero, even kernel": made_case(padding="zero", kernel_size=6, channels=2),
    "fresh": made_case(moments="fresh", channels=3, length=70, batches=(3, 2, 3)),
    "fresh, momentum": made_case(moments="fresh", grow="momentum", batches=(17, 16, 1)),
    "dense": made_case(level="dense", batches=(7, 7, 7)),
    "one time point": made_case(length=1, batches=(2, 1, 3), pool_size=3),
}


@functools.cache
def _standard(name: str, dtype: str) -> tuple[exactness.Arrays, exactness.Standard]:
    return standard_of(CASES[name], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_a_step_is_the_reference_s(name: str, dtype: str) -> None:
    start, held_to = _standard(name, dtype)
    case = CASES[name]
    held_to.require(observe(_native(case.config, case.data, case.seed, dtype), case, start))


def test_a_step_of_the_published_network_is_the_reference_s() -> None:
    case = made_case(length=24, batches=(4, 3, 2), model_channels=141, kernel_size=39, depth=4, pool_size=50, level=0.8)
    start, held_to = standard_of(case, "float32", twins=4)
    held_to.require(observe(_native(case.config, case.data, case.seed), case, start))


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
    trajectory_standard(case).require(trajectory(case, _made("float64")))


# One engine by itself.


def test_the_same_steps_give_the_same_bits() -> None:
    case = CASES["replicate"]
    snapshots = []
    for _ in range(2):
        engine = _engine(case)
        totals = engine.train(list(case.batches), RATE)
        snapshots.append((totals, engine.snapshot(), engine.predict(case.data.x_test)))
    (totals, one, predicted), (totals_again, other, predicted_again) = snapshots
    assert totals == totals_again
    assert _equal(one, other)
    assert np.array_equal(predicted, predicted_again)


def _trained(case: Case, threads: int = 1) -> dict[str, np.ndarray]:
    engine = _engine(case, threads=threads)
    for seed in range(1, 30):
        engine.train([np.roll(batch, seed) for batch in case.batches] * 5, RATE)
        masks = _masks(engine, seed)
        engine.set_masks(masks, masks)
    return dict(engine.snapshot())


@pytest.mark.parametrize("threads", [1, 3])
def test_two_engines_in_two_threads_give_the_bits_of_each_alone(threads: int) -> None:
    pair = [CASES["replicate"], CASES["fresh"]]
    alone = [_trained(case) for case in pair]
    together: dict[int, dict[str, np.ndarray]] = {}
    callers = [
        threading.Thread(target=lambda i=i, case=case: together.update({i: _trained(case, threads)}))
        for i, case in enumerate(pair)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for index, snapshot in enumerate(alone):
        assert _equal(together[index], snapshot)


# One engine on several threads.

THREADS = [2, 3, 5]


def _bits(case: Case, dtype: str, threads: int) -> dict[str, bytes]:
    """All that ``observe`` sees, from the start of the engine itself."""
    engine = _native(case.config, case.data, case.seed, dtype, threads)
    seen = observe(engine, case, exactness.start_of(engine, dtype))
    numbers = {**seen.rounded, **seen.exact, **{name: np.array(value) for name, value in seen.correct.items()}}
    return {name: array.tobytes() for name, array in numbers.items()}


def _differing(case: Case, dtype: str) -> dict[int, list[str]]:
    """By numbers of threads: what is not to the bit as on one."""
    expected = _bits(case, dtype, 1)
    found = {threads: _bits(case, dtype, threads) for threads in THREADS}
    differing = {
        threads: [name for name, value in expected.items() if bits[name] != value] for threads, bits in found.items()
    }
    return {threads: names for threads, names in differing.items() if names}


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(case=cases())
def test_any_number_of_threads_gives_the_same_bits(dtype: str, case: Case) -> None:
    assert _differing(case, dtype) == {}


LARGE = {"length": 150, "batches": (16, 9, 16), "model_channels": 141, "kernel_size": 39, "pool_size": 50, "level": 0.8}
"""Shapes as published, where threads have time to meet; margins and rows of the head that reach beyond their ends."""


@pytest.mark.parametrize("more", [{}, {"channels": 3, "moments": "fresh"}, {"padding": "zero", "length": 1000}])
def test_any_number_of_threads_gives_the_same_bits_on_large_networks(more: dict[str, Any]) -> None:
    assert _differing(made_case(**{**LARGE, **more}), "float32") == {}


def test_each_thread_flushes_denormals() -> None:
    # No weight has a gradient behind a batch norm of which the ReLU lets nothing pass, and moments decay.
    def moments(threads: int) -> bytes:
        engine = _engine(made_case(**LARGE), threads=threads)
        state = engine.state_dict()
        for (block, part, which), values in state["arrays"].items():
            if part == Part.NORM_WEIGHT and which == Which.WEIGHT and block != HEAD:
                values[...] = 0
            elif part == Part.NORM_BIAS and which == Which.WEIGHT and block != HEAD:
                values[...] = -1
            elif part == Part.CONVOLUTION and which == Which.FIRST_MOMENT:
                values[...] = np.finfo(np.float32).tiny
        found = []
        for _ in range(10):
            engine.load_state_dict(state)
            engine.train([np.arange(8)], RATE)
            found += [values.tobytes() for values in engine.state_dict()["arrays"].values()]
        return b"".join(found)

    assert moments(3) == moments(1)


def _tasks(expected: int) -> int:
    """How many threads there are, once they are as many as expected, or after ten seconds: the system may take a thread
    off its list only after whoever waited for it has gone on."""
    for _ in range(1000):
        if len(list(Path("/proc/self/task").iterdir())) == expected:
            break
        threading.Event().wait(0.01)
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell what threads there are")
def test_threads_end_with_their_network() -> None:
    case = CASES["replicate"]
    _engine(case).train(list(case.batches), RATE)
    gc.collect()
    before = len(list(Path("/proc/self/task").iterdir()))
    engine = _engine(case, threads=4)
    assert _tasks(before + 3) == before + 3
    engine.train(list(case.batches), RATE)
    engine.predict(case.data.x_test, engine.snapshot())
    gc.collect()
    assert _tasks(before + 3) == before + 3, "those of the snapshot's network are there"
    del engine
    gc.collect()
    assert _tasks(before) == before


IN_A_FORK = """
import os, sys
import numpy as np
from exactness import made_case
from dsn.engines.native_engine import NativeEngine

case = made_case(length=40, batches=(8, 8, 8))
engine = NativeEngine(case.config, case.data, seed=0, threads=3)
engine.train(list(case.batches), 0.01)
child = os.fork()
engine.train(list(case.batches), 0.01)
values = b"".join(np.asarray(array).tobytes() for array in engine.snapshot().values())
del engine
NativeEngine(case.config, case.data, seed=0, threads=3).train(list(case.batches), 0.01)
if child:
    assert os.waitpid(child, 0)[1] == 0
sys.stdout.buffer.write(values)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system forks no processes")
def test_a_process_that_is_forked_off_goes_on_alone() -> None:
    path = os.pathsep.join([str(Path(exactness.__file__).parent), *filter(None, sys.path)])
    # Python 3.12 and newer warn of forks where there are threads, which are none of its own here.
    forked = subprocess.run(
        [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", IN_A_FORK],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert forked.returncode == 0, forked.stderr.decode()
    child, parent = forked.stdout[: len(forked.stdout) // 2], forked.stdout[len(forked.stdout) // 2 :]
    assert child == parent
    assert child


def _another_thread_runs_during(call: Callable[[], object]) -> bool:
    """Whether ``call`` gives the interpreter's lock away. It is not taken away meanwhile: threads are to change after
    a thousand seconds, so that this thread goes on, once ``call`` is being made, only if the lock is given up."""
    inside, ran, seen = threading.Event(), threading.Event(), []

    def calling() -> None:
        inside.set()
        call()
        seen.append(ran.is_set())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        thread = threading.Thread(target=calling)
        thread.start()
        inside.wait()
        ran.set()
        thread.join()
    finally:
        sys.setswitchinterval(before)
    return seen[0]


def test_training_lets_other_threads_run() -> None:
    held = functools.partial(ctypes.PyDLL(None).usleep, 50_000)
    assert not any(_another_thread_runs_during(held) for _ in range(3))
    case = made_case(length=150, batches=(16, 1, 1), model_channels=141, kernel_size=39, pool_size=50, level=0.8)
    engine = _engine(case)
    # More than once: the system need not wake this thread within one step.
    step = functools.partial(engine.train, [case.batches[0]], RATE)
    assert any(_another_thread_runs_during(step) for _ in range(20))


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
    engine = _engine(case)

    def hundred_steps(seed: int) -> None:
        engine.train([case.batches[i % 3] for i in range(100)], RATE)
        engine.weights(), engine.gradients(), engine.snapshot(), engine.predict(case.data.x_test)
        masks = _masks(engine, seed)
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
    engine = _engine(case)

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
    one, other = _engine(case), _engine(case)
    one.train(list(case.batches), RATE)
    masks = _masks(one, 1)
    one.set_masks(masks, masks)
    one.train(list(case.batches), RATE)
    state = pickle.dumps(one.state_dict())
    live = one.state_dict()
    expected = [one.train(list(case.batches), RATE) for _ in range(2)]
    other.load_state_dict(pickle.loads(state))
    assert [other.train(list(case.batches), RATE) for _ in range(2)] == expected
    assert _equal(one.snapshot(), other.snapshot())
    for mine, theirs in zip(one.momentum(), other.momentum(), strict=True):
        assert np.array_equal(mine, theirs)
    other.load_state_dict(live)
    assert [other.train(list(case.batches), RATE) for _ in range(2)] == expected, (
        "the state has changed with its engine"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_snapshot_is_the_reference_s_in_names_shapes_and_order(dtype: str) -> None:
    case = made_case(channels=2)
    engine = _engine(case, dtype)
    reference = exactness.reference(case.config, case.data, case.seed)
    reference.set_masks(_masks(engine, 0))
    one, other = engine.snapshot(), reference.snapshot()
    assert list(one) == list(other)
    for name, array in other.items():
        assert one[name].shape == array.shape
        assert one[name].dtype == (dtype if array.dtype.kind == "f" else array.dtype)
        # Both from one stream of random numbers, rounded to the type.
        assert np.array_equal(one[name], array.astype(one[name].dtype))


def test_predictions_of_series_that_lie_apart_in_memory_are_those_of_copies() -> None:
    case = made_case(channels=2)
    engine = _engine(case)
    x = np.repeat(np.repeat(case.data.x_test, 2, axis=0), 2, axis=2)[::2, :, ::2]
    assert not x.flags.c_contiguous
    assert np.array_equal(engine.predict(x), engine.predict(case.data.x_test))


# What is refused, and leaves the engine as it was.

REFUSED = (AssertionError, ValueError, LookupError, TypeError)
"""What our invariants raise, and numpy's conversions and indices."""

CASE = made_case(channels=2)
N = len(CASE.data.y_train)

WRONG_CALLS: dict[str, Callable[[Any], object]] = {
    "an index beyond the last series": lambda engine: engine.train([np.array([0, N])], RATE),
    "an index far beyond": lambda engine: engine.train([np.array([0, 2**40])], RATE),
    "an index before the first series": lambda engine: engine.train([np.array([-1])], RATE),
    "indices that are no integers": lambda engine: engine.train([np.array([0.0, 1.0])], RATE),
    "indices in a table": lambda engine: engine.train([np.array([[0, 1], [2, 3]])], RATE),
    "a batch of nothing": lambda engine: engine.train([np.array([], dtype=np.intp)], RATE),
    "an index beyond, measured": lambda engine: engine.measure(np.array([N])),
    "an index before, measured": lambda engine: engine.measure(np.array([-1])),
    "nothing, measured": lambda engine: engine.measure(np.array([], dtype=np.intp)),
    "series of other channels": lambda engine: engine.predict(CASE.data.x_test[:, :1]),
    "series of more channels": lambda engine: engine.predict(np.repeat(CASE.data.x_test, 2, axis=1)),
    "series without channels": lambda engine: engine.predict(CASE.data.x_test[:, 0]),
    "masks of too few layers": lambda engine: engine.set_masks(_masks(engine, 1)[:1], _masks(engine, 1)[:1]),
    "masks of another shape": lambda engine: engine.set_masks(
        [mask[:, :, :-1] for mask in _masks(engine, 1)], [mask[:, :, :-1] for mask in _masks(engine, 1)]
    ),
    "masks beyond the regions": lambda engine: engine.set_masks(
        [np.ones_like(mask) for mask in _masks(engine, 1)], [np.ones_like(mask) for mask in _masks(engine, 1)]
    ),
    "weights turned on that were not grown": lambda engine: engine.set_masks(
        _masks(engine, 1), [np.zeros_like(mask) for mask in _masks(engine, 1)]
    ),
    "masks without what was grown, after a step": lambda engine: engine.set_masks(_masks(engine, 1)),
    "a network without its last array": lambda engine: engine.restore(dict(list(engine.snapshot().items())[:-1])),
    "a network of another shape": lambda engine: engine.restore(
        {name: array[:1] if array.ndim else array for name, array in engine.snapshot().items()}
    ),
    "momentum that no rule reads": lambda engine: engine.momentum(),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_is_refused_and_changes_nothing(name: str) -> None:
    engine, undisturbed = _engine(CASE), _engine(CASE)
    for each in (engine, undisturbed):
        each.train(list(CASE.batches), RATE)
    with pytest.raises(REFUSED):
        WRONG_CALLS[name](engine)
    for each in (engine, undisturbed):
        each.train(list(CASE.batches), RATE)
    assert _equal(engine.snapshot(), undisturbed.snapshot())


def test_the_state_of_a_smaller_engine_is_refused() -> None:
    smaller = _engine(made_case(channels=2, model_channels=3))
    with pytest.raises(REFUSED):
        _engine(CASE).load_state_dict(smaller.state_dict())


@pytest.mark.parametrize("label", [-1, 3, 2**40])
def test_labels_that_are_no_class_are_refused(label: int) -> None:
    data = made_case().data
    y = data.y_train.copy()
    y[0] = label
    wrong = TimeSeriesData(
        name=data.name,
        x_train=data.x_train,
        y_train=y,
        x_test=data.x_test,
        y_test=data.y_test,
        classes=data.classes,
        content_hash="",
    )
    with pytest.raises(REFUSED):
        _native(made_case().config, wrong, 0)


def test_there_are_no_gradients_before_the_first_batch() -> None:
    with pytest.raises(AssertionError):
        _engine(CASE).gradients()
