"""A checkpoint comes back as it was, from its bytes alone; from any other bytes, nothing does."""

from __future__ import annotations

import json
import math
import pickle
import random
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from same_state import is_nan, same

from dsn.checkpoint_file import FORMAT, checkpoint_bytes, read_checkpoint
from dsn.config import DataConfig, ModelConfig, RunConfig, SparsityConfig, TrainingConfig
from dsn.engines import ENGINES
from dsn.errors import InvalidInput
from dsn.training import Training

HEADER = {"trial": "0123456789abcdef", "threads": "2", "é": "\ud800\n"}
"""With what a file's name may hold: a lone surrogate, the end of a line."""


_TYPES = st.sampled_from(["?", "<f4", ">f4", "<f8", "<i4", ">i8", "|u1"])
_SHAPES = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
_SCALARS = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats() | st.text(max_size=5)
_KEYS = _SCALARS.filter(lambda key: not is_nan(key)) | st.tuples(st.integers(-1, 9), st.integers(), st.integers())
STATES = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS | _TYPES.flatmap(lambda dtype: arrays(np.dtype(dtype), _SHAPES)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(_KEYS, inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def begun(make_data, engine: str, epochs: int = 2, **sparsity: Any) -> Training:
    """Small, with a mask update after each epoch."""
    config = RunConfig(
        data=DataConfig(source="aeon", name="made-up"),
        model=ModelConfig(channels=6, kernel_size=7, depth=2, pool_size=5),
        sparsity=SparsityConfig(level=0.5, groups=2, update_every=1, **sparsity),
        training=TrainingConfig(epochs=5, eval_test_every=2),
    )
    training = Training(config, make_data(), seed=0, engine=engine)
    for _ in zip(range(epochs), training.epochs(), strict=False):
        pass
    return training


@given(STATES)
def test_states_come_back_with_their_types_to_the_bit(state: dict[Any, Any]) -> None:
    header, found = read_checkpoint(checkpoint_bytes(state, HEADER))
    assert header == HEADER
    assert same(found, state)


@pytest.mark.parametrize("sparsity", [{"moments": "warm"}, {"moments": "fresh", "grow": "gradient"}], ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_state_of_a_training_comes_back(make_data, engine: str, sparsity: dict[str, Any]) -> None:
    state = begun(make_data, engine, **sparsity).state_dict()
    _, found = read_checkpoint(checkpoint_bytes(state, HEADER))
    assert same(found, state)
    assert found["order"]["state"]["state"] > 2**64, "128 bits"
    assert math.isnan(found["history"]["test_accuracy"][0])
    if engine == "native":
        assert {type(place) for place in found["engine"]["arrays"]} == {tuple}


# What a training's state consists of. Whoever changes one of these, or what one of them means, raises FORMAT.
LAYOUT = {"training", "engine", "sparse", "masks", "order", "history", "mask_updates", "best"}
LAYOUT_OF_ENGINES = {
    "torch": {"network", "optimiser", "restarting"},
    "native": {"positions", "arrays", "steps", "batches", "trained", "gradients"},
}


@pytest.mark.parametrize("engine", ENGINES)
def test_another_layout_of_the_state_is_another_format(make_data, engine: str) -> None:
    state = begun(make_data, engine).state_dict()
    assert FORMAT == 1
    assert state.keys() == LAYOUT
    assert state["engine"].keys() == LAYOUT_OF_ENGINES[engine]


def test_arrays_that_come_back_are_copies_which_can_be_written_to() -> None:
    content = checkpoint_bytes({"array": np.arange(3.0), "strided": np.arange(6)[::2]}, HEADER)
    for _ in range(2):
        _, found = read_checkpoint(content)
        assert found["array"].tolist() == [0, 1, 2]
        assert found["strided"].tolist() == [0, 2, 4]
        for array in found.values():
            assert array.flags.aligned
            array[0] = 7


def _small() -> bytes:
    return checkpoint_bytes({("a", 1): np.arange(4, dtype=np.float32), "more": [True, None, 2**100, 0.1]}, HEADER)


def test_a_file_that_is_cut_short_at_any_byte_or_too_long_is_refused() -> None:
    content = _small()
    for stop in range(len(content)):
        with pytest.raises(InvalidInput, match=r"^here: is (no checkpoint|cut short)"):
            read_checkpoint(content[:stop], "here")
    with pytest.raises(InvalidInput, match=r"^checkpoint: is cut short or too long: \d+ bytes where it had \d+$"):
        read_checkpoint(content + b"\x00")


def test_a_file_that_is_changed_at_any_byte_is_refused() -> None:
    content, rng = _small(), random.Random(0)
    for place, byte in enumerate(content):
        for other in {byte ^ 1, byte ^ 0x20, byte ^ 0x80, rng.randrange(256)} - {byte}:
            with pytest.raises(InvalidInput, match=r"^checkpoint: is "):
                read_checkpoint(content[:place] + bytes([other]) + content[place + 1 :])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_s_file_cut_or_changed_anywhere_is_refused(make_data, engine: str) -> None:
    content, rng = checkpoint_bytes(begun(make_data, engine).state_dict(), HEADER), random.Random(1)
    for place in [rng.randrange(len(content)) for _ in range(100)]:
        for other in (content[:place], content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]):
            with pytest.raises(InvalidInput):
                read_checkpoint(other)


@given(st.binary(max_size=300))
def test_whatever_is_no_checkpoint_is_refused(content: bytes) -> None:
    for foreign in (content, b"DSN-CHECKPOINT " + content):
        with pytest.raises(InvalidInput, match=r"^checkpoint: is no checkpoint"):
            read_checkpoint(foreign)


def test_a_checkpoint_of_another_format_says_so() -> None:
    with pytest.raises(InvalidInput, match=r"reads format 1 \(got 2\)$"):
        read_checkpoint(_small().replace(b"CHECKPOINT 1 ", b"CHECKPOINT 2 ", 1))


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("code was executed",)


def _sealed(rest: bytes) -> bytes:
    """With a first line that holds."""
    return f"DSN-CHECKPOINT {FORMAT} {sha256(rest).hexdigest()} {len(rest)}\n".encode() + rest


FORGED: dict[str, tuple[Any, bytes]] = {
    # by somebody who can compute a digest: the second line's parts that differ from sound ones, and the arrays
    "no JSON": (None, b""),
    "a state that is no dict": ({"state": [1]}, b""),
    "a kind that there is not": ({"state": {"set": []}}, b""),
    "a dict of two kinds": ({"state": {"dict": [], "tuple": []}}, b""),
    "a list as a key": ({"state": {"dict": [[[1], 2]]}}, b""),
    "an array that is not there": ({"state": {"dict": [["a", {"array": 0}]]}}, b""),
    "no number of an array": ({"state": {"dict": [["a", {"array": "0"}]]}}, b""),
    "a header of numbers": ({"header": {"threads": 1}}, b""),
    "no header": ({"header": None}, b""),
    "arrays that are none": ({"arrays": 3}, b""),
    "objects": ({"arrays": [["|O", [1]]]}, pickle.dumps(_Code())),
    "records": ({"arrays": [["i4,i4", [1]]]}, b"\x00" * 8),
    "no type": ({"arrays": [["nothing", [1]]]}, b"\x00"),
    "too few bytes": ({"arrays": [["<f8", [10**12]]]}, b"\x00" * 8),
    "too many bytes": ({"arrays": [["<f4", [1]]]}, b"\x00" * 8),
    "a negative number of values": ({"arrays": [["<f4", [-1]]]}, b""),
    "none of more than can be counted": ({"arrays": [["<f4", [0, 10**30]]]}, b""),
    "a shape of truth": ({"arrays": [["<f4", [True]]]}, b"\x00" * 4),
    "a shape of text": ({"arrays": [["<f4", "1"]]}, b"\x00" * 4),
    "depth without end": ("[" * 100_000, b""),
    "a number without end": ("1" * 10_000, b""),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forgery_executes_nothing_and_is_refused(what: str) -> None:
    changes, values = FORGED[what]
    sound = {"header": {}, "state": {"dict": []}, "arrays": []}
    assert read_checkpoint(_sealed(json.dumps(sound).encode() + b"\n")) == ({}, {})
    text = json.dumps(sound | changes) if isinstance(changes, dict) else changes or "{"
    with pytest.raises(InvalidInput, match=r"^checkpoint: is not what this program writes: "):
        read_checkpoint(_sealed(text.encode() + b"\n" + values))
    with pytest.raises(InvalidInput, match=r"^checkpoint: is not what this program writes: "):
        read_checkpoint(_sealed(text.encode()))


@pytest.mark.parametrize(
    "value",
    [object(), {1}, np.float64(1), np.array(["text"]), np.array([_Code()], dtype=object), 1j],
    ids=["object", "set", "a NumPy scalar", "texts", "objects", "complex"],
)
def test_what_cannot_be_kept_is_refused_when_it_is_written(value: object) -> None:
    with pytest.raises(TypeError, match="a checkpoint cannot hold"):
        checkpoint_bytes({"a": [value]}, HEADER)
