"""The native engine on several threads, several of them at a time, and beside other threads: the same bits."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exactness
import numpy as np
import pytest
from exactness import Case, made_case, observe
from hypothesis import HealthCheck, given, settings
from native_cases import CASES, DTYPES, RATE, cases, engine_of, equal, masks_of, native

from dsn.native.network import HEAD, Part, Which


def _trained(case: Case, threads: int = 1) -> dict[str, np.ndarray]:
    engine = engine_of(case, threads=threads)
    for seed in range(1, 30):
        engine.train([np.roll(batch, seed) for batch in case.batches] * 5, RATE)
        masks = masks_of(engine, seed)
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
        assert equal(together[index], snapshot)


# One engine on several threads.

THREADS = [2, 3, 5]


def _bits(case: Case, dtype: str, threads: int) -> dict[str, bytes]:
    """All that ``observe`` sees, from the start of the engine itself."""
    engine = native(case.config, case.data, case.seed, dtype, threads)
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
        engine = engine_of(made_case(**LARGE), threads=threads)
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
    engine_of(case).train(list(case.batches), RATE)
    gc.collect()
    before = len(list(Path("/proc/self/task").iterdir()))
    engine = engine_of(case, threads=4)
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
    engine = engine_of(case)
    # More than once: the system need not wake this thread within one step.
    step = functools.partial(engine.train, [case.batches[0]], RATE)
    assert any(_another_thread_runs_during(step) for _ in range(20))
